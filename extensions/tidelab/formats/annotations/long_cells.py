"""Rows of CSV files whose cells may be long: an outline has more characters than Python's reader allows by default."""

import csv
from collections.abc import Iterator
from typing import Any


def next_row(lines: Iterator[list[str]] | Any, characters: int) -> list[str]:
    """Return the next row of a `csv.reader`, whose cells may hold so many characters.

    The limit is one for the whole process, so it is given back at once: other readers refuse a file by it.

    Raises
    ------
    StopIteration
        After the last row.
    csv.Error
        When the row cannot be parsed.
    """
    before = csv.field_size_limit(characters)
    try:
        row: list[str] = next(lines)
        return row
    finally:
        csv.field_size_limit(before)
