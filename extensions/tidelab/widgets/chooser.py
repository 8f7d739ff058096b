"""The folder chooser: a list to click through; the folder that is open is the one that is analysed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets
from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.widgets.browse import FolderBrowser, Listing, OutsideError

_UP: Final = "↑ one folder up"


class FolderChooser:
    """View of a :class:`FolderBrowser`.

    Parameters
    ----------
    on_choose
        Called with the folder or zip that is chosen, None while none is.
    """

    def __init__(self, on_choose: Callable[[Path | None], None]) -> None:
        self._on_choose = on_choose
        self._browser = FolderBrowser(())
        self._targets: list[Path | None] = []
        self._list = widgets.Select(
            options=[], rows=8, layout=widgets.Layout(width="32rem", max_width="100%")
        )
        self._where = widgets.HTML()
        self._list.observe(self._clicked, names="index")
        self.box = widgets.VBox([self._where, self._list])

    def open_for(self, browser: FolderBrowser) -> None:
        """Start from the top with the folders of one visitor."""
        self._browser = browser
        self._show_roots()

    @property
    def control(self) -> Any:
        """The list itself, to enable and disable."""
        return self._list

    def _show_roots(self, problem: str = "") -> None:
        self._fill([(root.title, root.path) for root in self._browser.roots])
        text = (
            "Click a place, then a folder in it."
            if self._browser.roots
            else "There is no folder you may read here."
        )
        self._say(text, problem)
        self._on_choose(None)

    def _show(self, folder: Path) -> None:
        try:
            listing = self._browser.list(folder)
        except OutsideError as error:
            self._show_roots(str(error))
            return
        entries: list[tuple[str, Path | None]] = [(_UP, self._browser.parent(listing.folder))]
        entries += [(f"{name}/", listing.folder / name) for name in listing.folders]
        entries += [(name, listing.folder / name) for name in listing.zips]
        self._fill(entries)
        self._say(f"Will analyse: {listing.crumbs} — {_content(listing)}")
        self._on_choose(listing.folder)

    def _fill(self, entries: list[tuple[str, Path | None]]) -> None:
        self._targets = [path for _, path in entries]
        with self._list.hold_trait_notifications():
            self._list.options = [label for label, _ in entries]
            self._list.index = None

    def _clicked(self, change: dict[str, Any]) -> None:
        index = change["new"]
        if index is None or index >= len(self._targets):
            return
        target = self._targets[index]
        if target is None:
            self._show_roots()
        elif target.is_file():
            self._say(f"Will analyse: {target.name}")
            self._on_choose(target)
        else:
            self._show(target)

    def _say(self, text: str, problem: str = "") -> None:
        wrong = (
            Markup('<br><span class="tl-field-wrong" role="alert">{}</span>').format(problem)
            if problem
            else ""
        )
        self._where.value = str(Markup('<span role="status">{}</span>{}').format(text, wrong))


def _content(listing: Listing) -> str:
    here = numbers.plural(listing.images, "image") + " here"
    if listing.folders:
        here += f", and what is in {numbers.plural(len(listing.folders), 'folder')} below"
    return here if listing.complete else f"more than {here}"
