"""Write a table that EcoTaxa imports: header, types, one line an image."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from typing import Final

from tidelab.formats.ecotaxa import rules

Value = str | float | int | None

_FORMULA: Final = ("=", "+", "-", "@")
_DIGITS: Final = 10
"""Significant digits of a number: EcoTaxa keeps numbers of one's own in single or double precision, depending on the column."""


def write_table(columns: Mapping[str, str], rows: Iterable[Mapping[str, Value]]) -> bytes:
    """Return the bytes of a table.

    Equal values give equal bytes. The file begins with the mark of UTF-8 (BOM) where a value needs it, because without it EcoTaxa
    reads latin-1. Control characters become blanks, and a text that a spreadsheet would execute gets ``'`` in front.

    Parameters
    ----------
    columns
        Column -> ``[t]`` or ``[f]``, in the order of the table.
    rows
        Column -> value; None, missing and numbers that are none (NaN, infinite) are empty cells.

    Raises
    ------
    ValueError
        When a column is none that EcoTaxa takes, or a number stands in no number.
    """
    for column, kind in columns.items():
        if kind not in rules.TYPES or not _is_column(column):
            raise ValueError(f"EcoTaxa takes no column {column!r} with type {kind!r}")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t", quotechar='"', lineterminator="\n")
    writer.writerow(columns)
    writer.writerow(columns.values())
    for row in rows:
        writer.writerow([_cell(row.get(column), column, kind) for column, kind in columns.items()])
    text = stream.getvalue()
    return text.encode("ascii" if text.isascii() else "utf-8-sig")


def fitting(column: str, text: str) -> str:
    """Return a text shortened to what EcoTaxa keeps in a column."""
    kind = rules.PREDEFINED.get(column)
    return text if kind == "long-text" else text[: rules.MAX_TEXT if kind else rules.MAX_FREE_TEXT]


def _is_column(column: str) -> bool:
    prefix, _, name = column.partition("_")
    return column in rules.PREDEFINED or (
        bool(name) and prefix in rules.PREFIXES and column == column.strip().lower()
    )


def _cell(value: Value, column: str, kind: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if kind == rules.NUMBER and value:
            raise ValueError(f"{column} holds numbers, not {value!r}")
        text = "".join(char if char.isprintable() else " " for char in value).strip()
        return fitting(column, f"'{text}" if text.startswith(_FORMULA) else text)
    if not math.isfinite(value):
        return ""
    return str(value) if isinstance(value, int) else f"{value:.{_DIGITS}g}"
