"""The validation grid as a widget: brings messages of the page to a :class:`Session`, which decides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tidelab.runs import RunFolder
from tidelab.widgets.run_page import RunPage
from tidelab.widgets.validation_session import Session

_STATIC: Final = Path(__file__).resolve().parent / "static" / "validation"
_SCRIPTS: Final = ("store.js", "parts.js", "tiles.js", "steady.js", "main.js")


class ValidationGrid(RunPage[Session]):
    """The grid; see `tidelab.widgets.run_page.RunPage`."""

    WHAT, DONE = "These images", "validated"
    WAITING = "The images come when the analysis is finished."

    # One module for the page; several files for the reader.
    _esm = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = _STATIC / "validation.css"

    def _made(self, run: RunFolder, user: str) -> Session:
        return Session(run, user)

    def _answer(self, session: Session, content: Mapping[str, Any]) -> None:
        if content.get("kind") == "pictures":
            if content.get("run") == session.run.run_id:
                self.send(*session.pictures(content.get("rows")))
            return
        answer, changed = session.ask(content)
        self.send(answer)
        if changed:
            self._on_change()

    async def _look(self, session: Session) -> None:
        """Tell the page what other people say of the same run."""
        news = session.news()
        if not news:
            return
        if news["kind"] == "closed":
            self.close_run(news["words"])
        else:
            self.send(news)
            self._on_change()
