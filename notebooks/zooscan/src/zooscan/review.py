"""The review page as a widget: brings messages of the page to a `ReviewSession`, which decides."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from tidelab.runs import RunError, RunFolder
from tidelab.runs.remake import remake_products
from tidelab.widgets.identity import Visitor
from zooscan.decisions import path_of
from zooscan.review_session import GoneError, Refused, ReviewSession

_STATIC: Final = Path(__file__).resolve().parent / "static"
_LOOK_S: Final = 2.0
_WAITING: Final = "The objects come when the analysis is finished."
_FAULT: Final = "This could not be done because of a fault of the program; its log says more. Reload the page and look whether it was saved."
_log = logging.getLogger(__name__)


class Review(anywidget.AnyWidget):
    """The page. It answers nothing before `open_for` named a person and a run.

    Parameters
    ----------
    on_change
        Called after every act that may have changed what counts, whoever did it.
    """

    _esm = (_STATIC / "review.js").read_text(encoding="utf-8")
    _css = _STATIC / "review.css"
    run = traitlets.Unicode("").tag(sync=True)
    """Name of the run that is shown; a page that shows another one asks for this one."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._session: ReviewSession | None = None
        self._closed = _WAITING
        self._watcher: asyncio.Task[None] | None = None
        # One thread: the files of a run are made by one at a time.
        self._worker = ThreadPoolExecutor(1, "products")
        self._seen: tuple[int, ...] = ()
        self.on_msg(self._receive)

    def open_for(self, visitor: Visitor, run: RunFolder) -> None:
        """Let one person review one of their own runs; another person's is refused."""
        if not run.path.resolve().is_relative_to(visitor.runs_root.resolve()):
            self.close_run("This analysis lies in another person's folder, so it cannot be reviewed here.")
            return
        try:
            session = ReviewSession(run, visitor.user)
        except RunError as error:
            self.close_run(f"These objects cannot be reviewed: {error}")
            return
        if self._session is not None:
            self._session.close()
        self._session = session
        try:
            self.send(session.index())
        except RunError as error:
            self.close_run(f"These objects cannot be reviewed: {error}")
            return
        self.run, self._seen = run.run_id, _said(run)
        self._watch()

    def close_run(self, words: str = _WAITING) -> None:
        """Show no run, and say why."""
        if self._session is not None:
            self._session.close()
        self._session, self._closed, self.run = None, words, ""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self.send({"kind": "closed", "words": words})

    def _receive(self, _widget: Any, content: Any, _buffers: Sequence[memoryview]) -> None:
        if not isinstance(content, Mapping):
            return
        session = self._session
        if session is None:
            self.send({"kind": "closed", "words": self._closed})
            return
        wish = content.get("id")
        refused = {"kind": "refused", "id": wish if isinstance(wish, str) else "", "run": session.run.run_id}
        try:
            self._answer(session, content)
        except (RunError, Refused) as error:
            self.send({**refused, "words": str(error)})
            if isinstance(error, GoneError):
                self._list_again(session)
        except Exception:  # a page that hears nothing waits for ever
            _log.exception("The review could not answer")
            self.send({**refused, "words": _FAULT})

    def _list_again(self, session: ReviewSession) -> None:
        with contextlib.suppress(RunError):
            self.send(session.index())

    def _answer(self, session: ReviewSession, content: Mapping[str, Any]) -> None:
        kind = content.get("kind")
        if kind == "hello":
            self.send(session.index())
        elif kind == "open":
            if content.get("run") == session.run.run_id:
                self.send(*session.show(content.get("name"), content.get("image_id")))
        else:
            answer, changed = session.ask(content)
            self.send(answer)
            if changed or answer.get("gone"):
                self.send(session.index())
            if changed:
                self._on_change()

    def _watch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        # Outside a kernel there is no loop, and nobody else to hear of.
        with contextlib.suppress(RuntimeError):
            self._watcher = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        """Make the files again once people paused, and tell the page what others said of the same run."""
        while (session := self._session) is not None:
            await asyncio.sleep(_LOOK_S)
            try:
                if not session.run.path.is_dir():
                    self.close_run(
                        "This analysis was deleted. Choose another one, or analyse the project again."
                    )
                    return
                said = _said(session.run)
                if said == self._seen or session is not self._session:
                    continue
                self._seen = said
                self.send(session.index())
                self._on_change()
                await asyncio.get_running_loop().run_in_executor(self._worker, remake_products, session.run)
                if _said(session.run) != said:
                    continue  # somebody said more meanwhile: the files do not follow that yet
                self.send(
                    {
                        "kind": "files",
                        "run": session.run.run_id,
                        "words": "Tables and EcoTaxa zip are up to date.",
                    }
                )
            except RunError as error:
                self.send(
                    {
                        "kind": "files",
                        "run": session.run.run_id,
                        "words": f"The files could not be made again: {error}",
                    }
                )
            except Exception:
                _log.exception("The review could not look for news")
                return


def _said(run: RunFolder) -> tuple[int, ...]:
    """Return how long the logs of people's words are: separations and names."""
    found = []
    for path in (path_of(run), run.path / "validations.jsonl"):
        try:
            found.append(path.stat().st_size)
        except OSError:
            found.append(0)
    return tuple(found)
