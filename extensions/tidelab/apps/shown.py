"""Which apps there are, and the notebook behind each: read from the catalogue each time, so a new one needs no restart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from tidelab.catalogue import UseCase, load_catalogue

LESSON = "lesson"
"""Tag of teaching cells: part of the lesson in Lab, neither executed nor shown in the app."""


@dataclass(frozen=True)
class App:
    """One app: a use case and the notebook that is its page."""

    use_case: UseCase
    notebook: str

    @property
    def slug(self) -> str:
        """Name in the address."""
        return self.use_case.slug

    @property
    def key(self) -> str:
        """Virtual path by which Voila knows the notebook."""
        return f"{self.slug}/{Path(self.use_case.notebook(self.notebook).file).name}"

    @property
    def version(self) -> tuple[int, ...]:
        """Changes when the notebook or the declaration does."""
        files = (self.use_case.notebook(self.notebook).path, self.use_case.folder / "usecase.yaml")
        return tuple(file.stat().st_mtime_ns for file in files)

    @property
    def kernel(self) -> str:
        """Name of the kernel it runs in."""
        return f"tidelab-{self.use_case.notebook(self.notebook).stack}"


def load_apps() -> dict[str, App]:
    """Return slug -> app for every use case that has a notebook with the face ``app``."""
    apps = {}
    for slug, use_case in load_catalogue().items():
        names = use_case.faces("app")
        if names:
            apps[slug] = App(use_case, "analyse" if "analyse" in names else names[0])
    return apps


def app_notebook(app: App) -> Any:
    """Return the notebook as the app executes and shows it.

    Lesson cells are left out, stored outputs are dropped (they are someone else's numbers), and title and kernel come
    from the catalogue.
    """
    notebook = nbformat.read(app.use_case.notebook(app.notebook).path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if LESSON not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # Voila would let a notebook choose another template.
    notebook.metadata.pop("voila", None)
    notebook.metadata["title"] = app.use_case.title
    notebook.metadata["tidelab"] = {
        "slug": app.slug,
        "title": app.use_case.title,
        "summary": app.use_case.summary,
    }
    notebook.metadata["kernelspec"] = {"name": app.kernel, "display_name": app.kernel, "language": "python"}
    return notebook
