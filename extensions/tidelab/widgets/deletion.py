"""Deleting an earlier analysis: a button, then a question in words that says what goes and what stays, then Delete or Keep."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

WHAT_GOES = (
    "Its tables, pictures, names given by people, files to download and its upload are removed, and so are the results per image that "
    "no other analysis uses. This cannot be undone."
)
WHAT_STAYS = (
    "What you downloaded, reports you made, images in folders and other analyses stay. So does one line for the statistics, "
    "which says that an analysis was made and how many images it had, and not what was on them."
)


class Deletion:
    """The controls; they decide nothing.

    Parameters
    ----------
    chosen
        Returns (words, name) of the analysis that is chosen in the list, or None.
    delete
        Deletes the analysis of that name.
    """

    def __init__(self, chosen: Callable[[], tuple[str, str] | None], delete: Callable[[str], None]) -> None:
        self._chosen, self._delete = chosen, delete
        self._name = ""
        self.button = widgets.Button(
            description="Delete…", disabled=True, tooltip="Delete this analysis; you are asked first"
        )
        self.button.add_class("tl-delete")
        self.button.on_click(lambda _: self.ask())
        self._question = widgets.HTML()
        self.keep = widgets.Button(description="Keep it")
        self.keep.on_click(lambda _: self.close())
        self.confirm = widgets.Button(description="Delete it", button_style="danger")
        self.confirm.add_class("tl-delete-confirm")
        self.confirm.on_click(lambda _: self._do())
        self.box: Any = widgets.VBox([self._question, widgets.HBox([self.keep, self.confirm])])
        self.box.add_class("tl-delete-question")
        self.box.layout.display = "none"

    def ask(self) -> None:
        """Show the question about the analysis that is chosen now, and bring the keyboard to the harmless answer."""
        chosen = self._chosen()
        if chosen is None:
            return
        words, self._name = chosen
        self._question.value = str(
            Markup(
                '<div role="alert"><p class="tl-delete-title"><b>Delete the analysis of {}?</b></p><p>{}</p><p>{}</p></div>'
            ).format(words, WHAT_GOES, WHAT_STAYS)
        )
        self.box.layout.display = ""
        self.keep.focus()

    def close(self) -> None:
        """Take the question away."""
        if self._name:
            self.button.focus()
        self._name, self._question.value = "", ""
        self.box.layout.display = "none"

    def _do(self) -> None:
        # The one that was asked about, whatever the list shows by now.
        name = self._name
        self.close()
        if name:
            self._delete(name)
