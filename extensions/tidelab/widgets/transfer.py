"""The widgets with JavaScript of their own: hello and upload. They hold no state that decides anything."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from tidelab.reports import numbers
from tidelab.widgets.receive import CHUNK_BYTES, UploadError, UploadReceiver

_STATIC: Final = Path(__file__).resolve().parent / "static"
_PIECE: Final = 2 * 2**20


class Hello(anywidget.AnyWidget):
    """Brings the ticket of the page to `on_hello`, and tells the page whether there are results.

    Parameters
    ----------
    on_hello
        Called with the ticket's text, empty when the page has none, and the name of the run that the page's address asks for,
        empty when it asks for none. Both are what a browser sent: to be checked.
    """

    _esm = _STATIC / "hello.js"
    has_results = traitlets.Bool(False).tag(sync=True)
    answered = traitlets.Bool(False).tag(sync=True)
    can_start = traitlets.Bool(False).tag(sync=True)
    run = traitlets.Unicode("").tag(sync=True)
    """Name of the run that is shown; the page puts it into its address, so that a reload shows it again."""

    def __init__(self, on_hello: Callable[[str, str], None]) -> None:
        super().__init__()
        self._on_hello = on_hello
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        if content.get("kind") == "hello":
            self._on_hello(str(content.get("ticket", "")), str(content.get("run", "")))


class Uploader(anywidget.AnyWidget):
    """Takes files from the browser.

    Parameters
    ----------
    limit_mb
        Most megabytes in one upload, shown and checked before anything is sent, and checked again on arrival.
    on_done
        Called with what to analyse and the number of files.
    keep_hours
        See `UploadReceiver`.
    """

    _esm = _STATIC / "upload.js"
    _css = _STATIC / "upload.css"
    enabled = traitlets.Bool(False).tag(sync=True)
    limit_mb = traitlets.Int(200).tag(sync=True)
    chunk_bytes = traitlets.Int(_PIECE).tag(sync=True)
    accept = traitlets.Unicode("image/png,image/jpeg,image/tiff,.png,.jpg,.jpeg,.tif,.tiff,.zip").tag(
        sync=True
    )

    def __init__(
        self, limit_mb: int, on_done: Callable[[Path, int], None], keep_hours: int | None = None
    ) -> None:
        super().__init__(limit_mb=limit_mb, chunk_bytes=min(_PIECE, CHUNK_BYTES))
        self._on_done, self._keep_hours = on_done, keep_hours
        self._receiver: UploadReceiver | None = None
        self.on_msg(self._receive)

    def open_for(self, runs_root: Path) -> None:
        """Accept uploads, into the folder of one visitor."""
        self._receiver = UploadReceiver(runs_root, self.limit_mb, self._keep_hours)
        self._receiver.tidy()
        self.enabled = True

    def _receive(self, _widget: Any, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        receiver = self._receiver
        if receiver is None or not self.enabled:
            self.send(
                {"kind": "refused", "text": "Uploading is not possible at the moment. Reload the page."}
            )
            return
        try:
            if content.get("kind") == "begin":
                receiver.begin(list(content.get("files", [])))
                self._go_on(receiver)
            elif content.get("kind") == "piece" and buffers:
                receiver.write(int(content["file"]), int(content["offset"]), buffers[0])
                self._go_on(receiver)
            elif content.get("kind") == "abandon":
                receiver.abandon()
        except UploadError as error:
            self.send({"kind": "refused", "text": str(error)})
        except OSError as error:
            receiver.abandon()
            self.send(
                {
                    "kind": "refused",
                    "text": f"The upload could not be stored: {error.strerror}. Tell the hub's administrator.",
                }
            )

    def _go_on(self, receiver: UploadReceiver) -> None:
        wanted = receiver.wanted
        if wanted is not None:
            self.send({"kind": "next", "file": wanted[0], "offset": wanted[1]})
            return
        path, n_files = receiver.finished()
        is_zip = path.is_file()
        text = (
            f"{path.name} is uploaded."
            if is_zip
            else f"{numbers.plural(n_files, 'file is', 'files are')} uploaded."
        )
        self.send({"kind": "done", "text": text})
        self._on_done(path, n_files)
