"""Reads a notebook's JSON into cells, for the rules of its contract. Standard library only."""

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True)
class Cell:
    """One cell: its number from 1, kind, source, tags, and for parsable code its syntax tree."""

    number: int
    kind: str
    source: str
    tags: tuple[str, ...]
    raw: dict[str, Any]
    tree: ast.Module | None

    @property
    def field(self) -> str:
        """How a message names it."""
        return f"cell {self.number}"

    def calls_of(self, method: str) -> list[ast.Call]:
        """Return the calls ``anything.method(...)`` in the cell."""
        nodes = ast.walk(self.tree) if self.tree else ()
        return [
            node
            for node in nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == method
        ]


class NotANotebookError(Exception):
    """A file that is no notebook; the text is the end of a sentence that starts with the file."""


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the JSON of a notebook of format 4; raises NotANotebookError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotANotebookError("is larger than 5 MB: strip its outputs and images.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotANotebookError("is not there, but usecase.yaml names it.") from None
    except OSError as error:
        raise NotANotebookError(f"cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise NotANotebookError(
            "is not a notebook: it is not valid JSON. Restore it, or save it again in Lab."
        ) from None
    if (
        not isinstance(content, dict)
        or content.get("nbformat") != 4
        or not isinstance(content.get("cells"), list)
    ):
        raise NotANotebookError("is not a notebook of format 4. Save it again in JupyterLab.")
    return content


def read_cell(number: int, raw: Any) -> Cell:
    """Return one cell; raises NotANotebookError when it is none."""
    if not isinstance(raw, dict) or raw.get("cell_type") not in ("code", "markdown", "raw"):
        raise NotANotebookError(
            f"has a cell {number} that is neither code nor text. Save it again in JupyterLab."
        )
    source = raw.get("source", "")
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    metadata = raw.get("metadata")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
    tree = None
    if raw["cell_type"] == "code":
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree = None
    return Cell(
        number, raw["cell_type"], source, tuple(map(str, tags if isinstance(tags, list) else [])), raw, tree
    )


def strip_notebook(content: dict[str, Any]) -> dict[str, Any]:
    """Remove outputs and execution counts from a notebook's JSON, in place, and return it."""
    for cell in content.get("cells", []):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    return content
