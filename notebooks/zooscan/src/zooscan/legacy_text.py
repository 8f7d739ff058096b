"""The text files of a ZooProcess project: ``key= value`` lines, sections, tables with semicolons.

Written by hand, by Windows programs and by spreadsheets over twenty years: every byte decodes (latin-1 where it is no UTF-8), keys compare
without case, and what cannot be read is told with file, line and field instead of stopping the rest.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MAX_TEXT_BYTES: Final = 64 * 2**20
"""A ``.pid`` of ten thousand objects has about 5 MB."""

MAX_ROWS: Final = 100_000
_MAX_FAULTS: Final = 200


@dataclass(frozen=True)
class Fault:
    """What is wrong in a file of the project.

    Parameters
    ----------
    file
        Path below the project.
    line
        Line, from 1; 0 where the whole file is meant.
    field
        Column or key; empty where none is meant.
    message
        What was found, what was expected, what to do.
    """

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = self.file + (f", line {self.line}" if self.line else "")
        return f"{place}{f', {self.field}' if self.field else ''}: {self.message}"


@dataclass
class HeaderTable:
    """Rows of a header table.

    Parameters
    ----------
    file
        Path below the project.
    rows
        Key of the row -> (line, column -> text), in the order of the file.
    """

    file: str
    rows: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)


class TextError(Exception):
    """A text file that cannot be used at all; the text says why."""


def read_text(path: Path) -> str:
    """Return the text of a file, bounded.

    Raises
    ------
    TextError
        When it is missing, unreadable, too large or no text.
    """
    try:
        # A link may lead to another person's files.
        if path.is_symlink() or not path.is_file():
            raise TextError("it is missing, or no plain file")
        with path.open("rb") as stream:
            content = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise TextError(f"it cannot be read ({error.strerror or type(error).__name__})") from None
    if len(content) > MAX_TEXT_BYTES:
        raise TextError(f"it is larger than {MAX_TEXT_BYTES // 2**20} MB")
    if b"\0" in content:
        raise TextError("it holds zero bytes, so it is no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def key_values(text: str) -> dict[str, dict[str, str]]:
    """Return section -> key -> value of ``Key= value`` lines.

    Sections and keys are lower case; lines before the first section belong to section ``""``. Reading ends at ``[Data]``, where a
    ``.pid`` has its table. Of a key that stands twice in a section the last value counts, as for ZooProcess.
    """
    found: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1].strip().lower()
            if section == "data":
                break
            found.setdefault(section, {})
            continue
        key, equals, value = stripped.partition("=")
        if equals and key.strip():
            found[section][key.strip().lower()] = value.strip()
    return found


def data_table(text: str) -> tuple[list[str], int]:
    """Return the columns of the ``[Data]`` table of a ``.pid`` and how many rows follow; ``([], 0)`` where there is none."""
    _, marker, rest = text.partition("[Data]")
    lines = [line for line in rest.splitlines() if line.strip()] if marker else []
    if not lines or ";" not in lines[0]:
        return [], 0
    return lines[0].lstrip("!").split(";"), len(lines) - 1


def header_table(path: Path, shown: str, key: str) -> tuple[HeaderTable, list[Fault]]:
    """Read a header table (``;`` between the cells, first row the columns).

    Parameters
    ----------
    path
        Of the file.
    shown
        Its path below the project.
    key
        Column that names a row; a row without it is told and left out, the first of two equal ones is used.
    """
    table, faults = HeaderTable(shown), []
    try:
        text = read_text(path)
    except TextError as error:
        return table, [
            Fault(shown, 0, "", f"{error}. Put the table back, or leave the scans to their _meta.txt.")
        ]
    try:
        for row in _rows(text, shown, key, table):
            faults.append(row)
            if len(faults) >= _MAX_FAULTS:
                break
    except csv.Error as error:
        faults.append(Fault(shown, 0, "", f"it is no table ({error}); expected ';' between the cells"))
    return table, faults


def _rows(text: str, shown: str, key: str, table: HeaderTable) -> Iterator[Fault]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    columns = [name.strip().lower() for name in next(reader, [])]
    if key not in columns:
        words = f"the first row has no column {key}; expected the header of ZooProcess, with ';' between the names"
        yield Fault(shown, 1, key, words)
        return
    for name in sorted({name for name in columns if name and columns.count(name) > 1}):
        yield Fault(shown, 1, name, "the column stands there twice; its last one is used")
    for cells in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(table.rows) >= MAX_ROWS:
            yield Fault(shown, line, "", f"the table has more than {MAX_ROWS} rows; the rest is not read")
            return
        if len(cells) != len(columns):
            words = f"the row has {len(cells)} cells, the header {len(columns)}; a cell with ';' in it needs quotation marks"
            yield Fault(shown, line, "", words)
            continue
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name}
        if not row[key]:
            yield Fault(shown, line, key, "the cell is empty, so the row belongs to nothing and is not used")
        elif row[key] in table.rows:
            first = table.rows[row[key]][0]
            yield Fault(shown, line, key, f"{row[key][:80]!r} stands already in line {first}, which is used")
        else:
            table.rows[row[key]] = (line, row)


def first(values: Mapping[str, str], *names: str) -> str:
    """Return the first of these values that is there and not empty."""
    return next((values[name] for name in names if values.get(name)), "")
