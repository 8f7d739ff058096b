"""Read the tables of an EcoTaxa bundle as EcoTaxa itself does, without judging them.

Source: ``py/BO/Bundle.py`` (``InBundle``) and ``py/BO/TSVFile.py`` (``TSVFile.open``) of https://github.com/ecotaxa/ecotaxa_back,
read in 2026: names, encoding, quoting and the line of types are those.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from typing import Final, Self

from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.store import Store, open_store

MAX_TABLES: Final = 1000
"""Tables that EcoTaxa takes in one import (``InBundle.MAX_FILES``)."""

MAX_TABLE_BYTES: Final = 256 * 2**20
MAX_COLUMNS: Final = 2000
MAX_LINE_CHARACTERS: Final = 4 * 2**20
"""Of one line of the file: a table of nothing but tabulators is small when packed, and each of them becomes a cell."""
MAX_CELLS: Final = 100_000
"""Of one record, which may go over several lines."""
FIRST_ROW: Final = 3
"""Line of the first object: line 1 is the header, line 2 the types."""

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Row:
    """One line of a table: one image of one object.

    Parameters
    ----------
    line
        Line of the file where it begins, 1 is the header.
    values
        Column in lower case -> value without surrounding blanks. A column that the line does not reach is missing.
    extra
        Values beyond the last column of the header.
    """

    line: int
    values: dict[str, str]
    extra: tuple[str, ...] = ()

    def get(self, column: str) -> str:
        """Return a value, empty where there is none."""
        return self.values.get(column, "")


@dataclass(frozen=True)
class Table:
    """One ``ecotaxa*.tsv`` or ``ecotaxa*.txt``.

    Parameters
    ----------
    file
        Its path, relative to the bundle.
    header
        Names of the columns as they are written.
    columns
        The same without blanks and in lower case, which is how EcoTaxa knows them.
    types
        Column -> what the second line says, normally ``[t]`` or ``[f]``; empty when there is no second line.
    encoding
        ``utf-8-sig`` when the file begins with the mark of UTF-8, else ``latin-1``, whatever it was written in.
    content
        Returns the bytes; not kept, because a bundle may hold many large tables.
    """

    file: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    types: dict[str, str]
    encoding: str
    content: Callable[[], bytes]

    def rows(self) -> Iterator[Row]:
        """Yield the lines below the types, parsed anew; raises `EcotaxaError` where the file cannot be read or parsed."""
        lines = _parsed(self.file, self.content(), self.encoding)
        for number, (line, cells) in enumerate(_filled(lines)):
            if number < FIRST_ROW - 1:
                continue
            values = {column: cell.strip() for column, cell in zip(self.columns, cells, strict=False)}
            yield Row(line, values, tuple(cells[len(self.columns) :]))

    def image_path(self, row: Row) -> str:
        """Return where the image of a line is, relative to the bundle; empty when it names none, or one outside of the bundle."""
        name = row.get("img_file_name")
        if not name or name.startswith("/") or name[1:2] == ":":
            return ""
        path = normpath(join(dirname(self.file), name))
        return "" if path in (".", "..") or path.startswith("../") else path


@dataclass
class Bundle:
    """The tables and files of one import. Close it, or use it in ``with``.

    Parameters
    ----------
    tables
        In the order in which EcoTaxa takes them.
    problems
        Tables that cannot be read, with the reason.
    store
        All files: ``bundle.store.names``.
    """

    tables: list[Table]
    problems: list[EcotaxaError]
    store: Store

    def close(self) -> None:
        """Close the zip file, if it is one."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_table(name: str) -> bool:
    """Return whether EcoTaxa takes a file for a table: ``ecotaxa*.tsv`` or ``ecotaxa*.txt``, in small letters."""
    base = basename(name)
    return base.startswith("ecotaxa") and base.endswith((".tsv", ".txt"))


def read_bundle(path: Path) -> Bundle:
    """Read headers and types of all tables in a folder or zip.

    A table that cannot be read is in ``problems`` and hides no other.

    Parameters
    ----------
    path
        A folder or a zip file.

    Raises
    ------
    EcotaxaError
        When `path` is neither, is damaged, or holds more files or tables than the limits.
    """
    store = open_store(path)
    try:
        names = sorted(filter(is_table, store.names))
        if len(names) > MAX_TABLES:
            raise EcotaxaError(
                f"There are {len(names)} tables; EcoTaxa takes at most {MAX_TABLES} in one import. Split the bundle."
            )
        bundle = Bundle([], [], store)
        for name in names:
            try:
                bundle.tables.append(read_table(name, partial(store.read, name, MAX_TABLE_BYTES)))
            except EcotaxaError as error:
                bundle.problems.append(error)
    except BaseException:
        store.close()
        raise
    return bundle


def read_table(file: str, content: Callable[[], bytes]) -> Table:
    """Return a table with its header and types read; raises `EcotaxaError` when it has none or too many columns."""
    data = content()
    encoding = "utf-8-sig" if data.startswith(_BOM) else "latin-1"
    lines = _filled(_parsed(file, data, encoding))
    _, header = next(lines, (0, []))
    if not header:
        raise EcotaxaError(
            f"{file} is empty. Expected a line with the names of the columns, a line with their types ([t] or [f]) "
            "and a line for each image. Write the table again, or leave it out.",
            file,
            empty=True,
        )
    if len(header) > MAX_COLUMNS:
        raise EcotaxaError(f"{file} has {len(header)} columns; at most {MAX_COLUMNS} are read.", file, 1)
    columns = tuple(name.strip(" \t").lower() for name in header)
    _, types = next(lines, (0, []))
    return Table(file, tuple(header), columns, dict(zip(columns, types, strict=False)), encoding, content)


def _filled(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    return ((line, cells) for line, cells in lines if cells)


def _parsed(file: str, content: bytes, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line where each record begins, and its cells; empty lines give no cells."""
    stream = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    reader = csv.reader(_lines(stream, file), delimiter="\t", quotechar='"')
    line = 1
    try:
        for cells in reader:
            if len(cells) > MAX_CELLS:
                raise EcotaxaError(
                    f"{file}, line {line}: there are {len(cells)} cells; no table has as many. Write the table again.",
                    file,
                    line,
                )
            yield line, cells
            line = reader.line_num + 1
    except UnicodeDecodeError:
        raise EcotaxaError(
            f"{file} begins with the mark of UTF-8 (BOM) but is not UTF-8 near line {line}. "
            "Save it as UTF-8, or without the mark.",
            file,
            line,
        ) from None
    except csv.Error as error:
        raise EcotaxaError(
            f"{file}, line {line}: the cells cannot be told apart ({error}). "
            'A quotation mark (") that is never closed is the usual cause; take it out or double it.',
            file,
            line,
        ) from None


def _lines(stream: io.TextIOWrapper, file: str) -> Iterator[str]:
    """Yield the lines of a file as they end there; raises `EcotaxaError` for one that is too long to be one."""
    number = 0
    while text := stream.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(text) > MAX_LINE_CHARACTERS:
            raise EcotaxaError(
                f"{file}, line {number}: the line has more than {MAX_LINE_CHARACTERS} characters; no table has such lines. "
                "Write the table again.",
                file,
                number,
            )
        yield text
