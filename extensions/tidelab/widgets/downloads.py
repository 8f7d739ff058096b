"""Buttons that give files of a run to the browser, piece by piece; nothing is embedded in the page."""

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import anywidget
import traitlets

from tidelab.exports import Exported, ExportError
from tidelab.reports.views.downloads import Download
from tidelab.runs import RunError

_STATIC: Final = Path(__file__).resolve().parent / "static"
_PIECE: Final = 2 * 2**20
_TELL_SECONDS: Final = 0.5


class Downloads(anywidget.AnyWidget):
    """A button for each file, made when it is pressed; one that cannot be had says why.

    Parameters
    ----------
    files
        What can be taken away.
    """

    _esm = _STATIC / "download.js"
    _css = _STATIC / "download.css"
    files = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, files: Iterable[Download]) -> None:
        self._offered = {file.name: file for file in files}
        self._ready: dict[str, tuple[BinaryIO, tuple[str, ...]]] = {}
        self._making = threading.Lock()
        super().__init__(
            files=[
                {
                    "name": file.name,
                    "title": file.title,
                    "detail": file.detail,
                    "media_type": file.media_type,
                    "reason": file.reason,
                }
                for file in self._offered.values()
            ]
        )
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
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

    def _keep(self, file: Download, made: Exported) -> None:
        """Hold the file open until it is sent: all pieces are of one file, whoever makes it anew, exports or deletes the run meanwhile."""
        stream = made.path.open("rb")
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


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
