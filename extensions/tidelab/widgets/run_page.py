"""What pages have in common on which a person works at one of their runs: whom they answer, how they refuse, how they hear of others.

A page is a widget that brings messages of the browser to a session, which decides (`tidelab.widgets.validation`, and pages of a use case's own).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import anywidget
import traitlets

from tidelab.runs import RunError, RunFolder
from tidelab.widgets.identity import Visitor
from tidelab.widgets.refusal import Refused

_FAULT: Final = "This could not be done because of a fault of the program; its log says more. Reload the page and look whether it was saved."
_log = logging.getLogger(__name__)


class PageSession(Protocol):
    """What one person does at one page."""

    run: RunFolder

    def index(self) -> dict[str, Any]:
        """Return what the page shows first."""
        ...


S = TypeVar("S", bound=PageSession)


class RunPage(anywidget.AnyWidget, Generic[S]):
    """A page about one run. It answers nothing before `open_for` named a person and a run.

    A page of its own says in the class what it calls itself, and has `_made`, `_answer` and `_look`.

    Parameters
    ----------
    on_change
        Called after every act that may have changed what counts, whoever did it.
    """

    WHAT: ClassVar[str]
    """What the page is about, e.g. ``These images``."""

    DONE: ClassVar[str]
    """What is done there, e.g. ``validated``."""

    WAITING: ClassVar[str]
    """Said while no run is shown."""

    LOOK_S: ClassVar[float] = 3.0
    """Seconds between looks at what others did."""

    run = traitlets.Unicode("").tag(sync=True)
    """Name of the run that is shown; a page that shows another one asks for this one."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._session: S | None = None
        self._closed = self.WAITING
        self._watcher: asyncio.Task[None] | None = None
        self.on_msg(self._receive)

    # ---- what a page has of its own -----------------------------------------------------------------------------

    def _made(self, run: RunFolder, user: str) -> S:
        """Return the session of a person at a run; raises `RunError`."""
        raise NotImplementedError

    def _left(self, session: S) -> None:
        """Close what a session holds open."""

    def _answer(self, session: S, content: Mapping[str, Any]) -> None:
        """Answer a message that is no greeting; raises `Refused` and `RunError`."""
        raise NotImplementedError

    async def _look(self, session: S) -> None:
        """Tell the page what happened since the last look."""
        raise NotImplementedError

    def _refused(self, session: S, error: Exception) -> None:
        """Do what follows a refusal."""

    # ---- what all have ------------------------------------------------------------------------------------------

    def open_for(self, visitor: Visitor, run: RunFolder) -> None:
        """Let one person work at one of their own runs; another person's is refused."""
        if not run.path.resolve().is_relative_to(visitor.runs_root.resolve()):
            self.close_run(
                f"This analysis lies in another person's folder, so it cannot be {self.DONE} here."
            )
            return
        try:
            session = self._made(run, visitor.user)
        except RunError as error:
            self.close_run(f"{self.WHAT} cannot be {self.DONE}: {error}")
            return
        if self._session is not None:
            self._left(self._session)
        self._session = session
        try:
            self.send(session.index())
        except RunError as error:
            self.close_run(f"{self.WHAT} cannot be {self.DONE}: {error}")
            return
        self.run = run.run_id
        self._watch()

    def close_run(self, words: str = "") -> None:
        """Show no run, and say why."""
        if self._session is not None:
            self._left(self._session)
        self._session, self._closed, self.run = None, words or self.WAITING, ""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self.send({"kind": "closed", "words": self._closed})

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
            if content.get("kind") == "hello":
                self.send(session.index())
            else:
                self._answer(session, content)
        except (RunError, Refused) as error:
            self.send({**refused, "words": str(error)})
            self._refused(session, error)
        except Exception:  # a page that hears nothing waits for ever
            _log.exception("The page could not answer")
            self.send({**refused, "words": _FAULT})

    def _watch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        # Outside a kernel there is no loop, and nobody else to hear of.
        with contextlib.suppress(RuntimeError):
            self._watcher = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        while (session := self._session) is not None:
            await asyncio.sleep(self.LOOK_S)
            if session is not self._session:
                continue
            try:
                await self._look(session)
            except Exception:
                _log.exception("The page could not look for news")
                return
