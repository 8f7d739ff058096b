"""The validation grid as a widget: brings messages of the page to a :class:`Session`, which decides."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from tidelab.runs import RunError, RunFolder
from tidelab.widgets.identity import Visitor
from tidelab.widgets.validation_session import Refused, Session

_STATIC: Final = Path(__file__).resolve().parent / "static" / "validation"
_SCRIPTS: Final = ("store.js", "parts.js", "tiles.js", "steady.js", "main.js")
_LOOK_S: Final = 3.0
_WAITING: Final = "The images come when the analysis is finished."
_log = logging.getLogger(__name__)


class ValidationGrid(anywidget.AnyWidget):
    """The grid. It answers nothing before `open_for` named a person and a run.

    Parameters
    ----------
    on_change
        Called after every act that may have changed a name in force, whoever did it.
    """

    # One module for the page; several files for the reader.
    _esm = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = _STATIC / "validation.css"
    run = traitlets.Unicode("").tag(sync=True)
    """Name of the run that is shown; a page that shows another one asks for this one."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._session: Session | None = None
        self._closed = _WAITING
        self._watcher: asyncio.Task[None] | None = None
        self.on_msg(self._receive)

    def open_for(self, visitor: Visitor, run: RunFolder) -> None:
        """Let one person validate one of their own runs; another person's is refused."""
        if not run.path.resolve().is_relative_to(visitor.runs_root.resolve()):
            self.close_run("This analysis lies in another person's folder, so it cannot be validated here.")
            return
        try:
            self._session = Session(run, visitor.user)
            self.send(self._session.index())
        except RunError as error:
            self.close_run(f"These images cannot be validated: {error}")
            return
        self.run = run.run_id
        self._watch()

    def close_run(self, words: str = _WAITING) -> None:
        """Show no run, and say why."""
        self._session, self._closed, self.run = None, words, ""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self.send({"kind": "closed", "words": words})

    def _receive(self, _widget: Any, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        session = self._session
        if session is None:
            self.send({"kind": "closed", "words": self._closed})
            return
        try:
            self._answer(session, content)
        except (RunError, Refused) as error:
            self.send({"kind": "refused", "id": "", "run": session.run.run_id, "words": str(error)})

    def _answer(self, session: Session, content: Mapping[str, Any]) -> None:
        kind = content.get("kind")
        if kind == "hello":
            self.send(session.index())
        elif kind == "pictures":
            if content.get("run") == session.run.run_id:
                self.send(*session.pictures(content.get("rows")))
        else:
            answer, changed = session.ask(content)
            self.send(answer)
            if changed:
                self._on_change()

    def _watch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        # Outside a kernel there is no loop, and nobody else to hear of.
        with contextlib.suppress(RuntimeError):
            self._watcher = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        """Tell the page what other people say of the same run."""
        while (session := self._session) is not None:
            await asyncio.sleep(_LOOK_S)
            try:
                news = session.news()
                if not news or session is not self._session:
                    continue
                if news["kind"] == "closed":
                    self.close_run(news["words"])
                else:
                    self.send(news)
                    self._on_change()
            except Exception:
                _log.exception("The grid could not look for news")
                return
