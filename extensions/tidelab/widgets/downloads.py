"""Buttons that give files of a run to the browser, piece by piece; nothing is embedded in the page.

Above them, when people said something since the use case's own files were made: that, and a button that makes them again.
"""

import os
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import anywidget
import traitlets

from tidelab.exports import Exported, ExportError
from tidelab.reports.views.downloads import Download, downloadable
from tidelab.runs import RunError, RunFolder
from tidelab.runs.beneath import open_file
from tidelab.runs.own_products import outdated
from tidelab.runs.remake import remake_products, when_remade

_STATIC: Final = Path(__file__).resolve().parent / "static"
_PIECE: Final = 2 * 2**20
_TELL_SECONDS: Final = 0.5


_shown: "weakref.WeakSet[Downloads]" = weakref.WeakSet()


def look_again(run: RunFolder) -> None:
    """Tell the buttons of a run that people said something of it, or that its files were made again."""
    for widget in list(_shown):
        widget.look(run)


when_remade.append(look_again)


class Downloads(anywidget.AnyWidget):
    """A button for each file, made when it is pressed; one that cannot be had says why.

    Parameters
    ----------
    files
        What can be taken away.
    run
        The run they are of, whose files are then offered to be made again when they are old; None: never.
    """

    _esm = _STATIC / "download.js"
    _css = _STATIC / "download.css"
    files = traitlets.List(traitlets.Dict()).tag(sync=True)
    old = traitlets.Unicode().tag(sync=True)
    """Why the use case's own files are old, in a sentence; empty where they are not."""

    def __init__(self, files: Iterable[Download], run: RunFolder | None = None) -> None:
        self._offered = {file.name: file for file in files}
        self._ready: dict[str, tuple[BinaryIO, tuple[str, ...]]] = {}
        self._making = threading.Lock()
        self._run = run
        super().__init__(files=_rows(self._offered.values()), old=_old(run))
        self.on_msg(self._receive)
        if run is not None:
            _shown.add(self)

    def look(self, run: RunFolder) -> None:
        """See whether the files of that run, if it is the one shown, are old by now."""
        if self._run != run or self._making.locked() or (old := _old(run)) == self.old:
            return
        if not old:
            self._offered = {file.name: file for file in downloadable(run)}
            self.files = _rows(self._offered.values())
        self.old = old

    def _receive(self, _widget: Any, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        if content.get("kind") == "remake":
            if self._run is not None and self.old:
                threading.Thread(target=self._remake, args=(self._run,), name="remake", daemon=True).start()
            return
        file, offset = self._offered.get(str(content.get("file"))), content.get("offset")
        if content.get("kind") != "fetch" or file is None or file.reason or not _is_offset(offset):
            return
        if offset == 0:
            # A zip of thousands of images takes a while; meanwhile the page stays alive.
            threading.Thread(target=self._begin, args=(file,), name="download", daemon=True).start()
        else:
            self._piece(file, int(str(offset)))

    def _begin(self, file: Download) -> None:
        if not self._making.acquire(blocking=False):
            self._wrong(
                file, "Another file is being made. Wait until it is in your downloads, then try again."
            )
            return
        try:
            made = file.make(_Teller(self, file.name))
            self._keep(file, made)
            self._piece(file, 0)
        except (ExportError, RunError) as error:
            self._wrong(file, str(error))
        except OSError as error:
            self._wrong(
                file, f"{file.name} cannot be made: {error.strerror}. Free some space, or analyse again."
            )
        except Exception as error:
            self._wrong(
                file,
                f"{file.name} cannot be made: something went wrong that should not ({type(error).__name__}). "
                "Tell the maintainers; the other files are not affected.",
            )
        finally:
            self._making.release()

    def _remake(self, run: RunFolder) -> None:
        if not self._making.acquire(blocking=False):
            self.send(
                {
                    "kind": "made",
                    "text": "A file is being made. Wait until it is in your downloads, then try again.",
                }
            )
            return
        try:
            problems = list(remake_products(run, self._tell).problems.values())
            self._offered = {file.name: file for file in downloadable(run)}
            self.files, self.old = _rows(self._offered.values()), _old(run)
            self.send(
                {
                    "kind": "made",
                    "text": " ".join(problems) or "The files were made again, with what people said.",
                }
            )
        except RunError as error:
            self.send({"kind": "made", "text": f"The files could not be made again: {error}"})
        except Exception as error:
            text = f"something went wrong that should not ({type(error).__name__}). Tell the maintainers; the files of before are kept."
            self.send({"kind": "made", "text": f"The files could not be made again: {text}"})
        finally:
            self._making.release()

    def _tell(self, words: str, done: int, total: int) -> None:
        self.send({"kind": "making", "text": f"{words} ({done:,} of {total:,})" if total else words})

    def _keep(self, file: Download, made: Exported) -> None:
        """Hold the file open until it is sent: all pieces are of one file, whoever makes it anew, exports or deletes the run meanwhile."""
        stream = os.fdopen(open_file(made.path), "rb")
        self._drop(file.name)
        self._ready[file.name] = stream, made.notes
        if file.passing:
            # Its bytes go when the last piece is sent, the page asks anew, or the kernel of a page that was closed ends.
            with suppress(OSError):
                made.path.unlink()

    def _drop(self, name: str) -> None:
        stream, _ = self._ready.pop(name, (None, ()))
        if stream is not None:
            stream.close()

    def _piece(self, file: Download, offset: int) -> None:
        stream, notes = self._ready.get(file.name, (None, ()))
        if stream is None:
            return
        try:
            data = os.pread(stream.fileno(), _PIECE, offset)
            more = offset + len(data) < os.fstat(stream.fileno()).st_size
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "the page asked for what is not in it"
            self._drop(file.name)
            self._wrong(file, f"{file.name} cannot be read: {reason}. Analyse again.")
            return
        last: dict[str, object] = {} if more else {"notes": list(notes)}
        self.send(
            {"kind": "piece", "file": file.name, "more": more, "next": offset + len(data), **last}, [data]
        )
        if not more:
            self._drop(file.name)

    def _wrong(self, file: Download, text: str) -> None:
        self.send({"kind": "wrong", "file": file.name, "text": text})


class _Teller:
    """Tells the page how far a file is, not more often than a person reads."""

    def __init__(self, widget: Downloads, name: str) -> None:
        self._widget, self._name, self._told = widget, name, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._told < _TELL_SECONDS:
            return
        self._told = time.monotonic()
        text = f"Preparing {self._name}: {done} of {total} images…"
        self._widget.send({"kind": "progress", "file": self._name, "text": text})


def _rows(files: Iterable[Download]) -> list[dict[str, str]]:
    return [
        {
            "name": file.name,
            "title": file.title,
            "detail": file.detail,
            "media_type": file.media_type,
            "reason": file.reason,
        }
        for file in files
    ]


def _old(run: RunFolder | None) -> str:
    try:
        return outdated(run) if run is not None else ""
    except (RunError, OSError):
        # It was deleted meanwhile, or its manifest is damaged: its views say so.
        return ""


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
