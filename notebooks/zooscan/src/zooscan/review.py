"""The review page as a widget: brings messages of the page to a `ReviewSession`, which decides."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tidelab.runs import RunError, RunFolder
from tidelab.runs.remake import remake_products
from tidelab.widgets.run_page import RunPage
from zooscan.decisions import path_of
from zooscan.review_session import GoneError, ReviewSession

_STATIC: Final = Path(__file__).resolve().parent / "static"


class Review(RunPage[ReviewSession]):
    """The page; see `tidelab.widgets.run_page.RunPage`."""

    WHAT, DONE = "These objects", "reviewed"
    WAITING = "The objects come when the analysis is finished."
    LOOK_S = 2.0

    _esm = (_STATIC / "review.js").read_text(encoding="utf-8")
    _css = _STATIC / "review.css"

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(on_change)
        # One thread: the files of a run are made by one at a time.
        self._worker = ThreadPoolExecutor(1, "products")
        self._seen: tuple[int, ...] = ()

    def _made(self, run: RunFolder, user: str) -> ReviewSession:
        session = ReviewSession(run, user)
        self._seen = _said(run)
        return session

    def _left(self, session: ReviewSession) -> None:
        session.close()

    def _refused(self, session: ReviewSession, error: Exception) -> None:
        if isinstance(error, GoneError):
            with contextlib.suppress(RunError):
                self.send(session.index())

    def _answer(self, session: ReviewSession, content: Mapping[str, Any]) -> None:
        if content.get("kind") == "open":
            if content.get("run") == session.run.run_id:
                self.send(*session.show(content.get("name"), content.get("image_id")))
            return
        answer, changed = session.ask(content)
        self.send(answer)
        if changed or answer.get("gone"):
            self.send(session.index())
        if changed:
            self._on_change()

    async def _look(self, session: ReviewSession) -> None:
        """Make the files again once people paused, and tell the page what others said of the same run."""
        if not session.run.path.is_dir():
            self.close_run("This analysis was deleted. Choose another one, or analyse the project again.")
            return
        said = _said(session.run)
        if said == self._seen:
            return
        self._seen = said
        try:
            self.send(session.index())
            self._on_change()
            await asyncio.get_running_loop().run_in_executor(self._worker, remake_products, session.run)
        except RunError as error:
            self._tell_files(session, f"The files could not be made again: {error}")
            return
        # When somebody said more meanwhile, the files do not follow that yet.
        if _said(session.run) == said:
            self._tell_files(session, "Tables and EcoTaxa zip are up to date.")

    def _tell_files(self, session: ReviewSession, words: str) -> None:
        self.send({"kind": "files", "run": session.run.run_id, "words": words})


def _said(run: RunFolder) -> tuple[int, ...]:
    """Return how long the logs of people's words are: separations and names."""
    found = []
    for path in (path_of(run), run.path / "validations.jsonl"):
        try:
            found.append(path.stat().st_size)
        except OSError:
            found.append(0)
    return tuple(found)
