"""What keeps annotations from being read or written, and what is wrong with single rows."""

import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAX_VALUE: Final = 80
_SHORT: Final = reprlib.Repr()
_SHORT.maxlevel = 2


class AnnotationError(Exception):
    """Annotations cannot be read or written at all; the text says what failed, what was expected and what to do."""


@dataclass(frozen=True)
class Fault:
    """What is wrong in one place. It costs that place alone: the rest is read.

    Parameters
    ----------
    file
        The file, relative to what was read.
    where
        Line (``line 12``) or element (``annotations[3]``, ``image 7 box``); empty: the file as a whole.
    field
        The field; empty where none is meant.
    message
        What is wrong and what was expected.
    """

    file: str
    where: str
    field: str
    message: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.where, self.field) if part)
        return f"{place}: {self.message}"


def shown(value: object) -> str:
    """Return a value as a message may hold it: printable, on one line, not long."""
    # Lists of others may hold themselves many times over (aliases in YAML): they are shown two levels deep.
    plain = isinstance(value, str | int | float | Path | Exception) or value is None
    written = str(value)[:1000] if plain else _SHORT.repr(value)
    text = "".join(char if char.isprintable() else "�" for char in written)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
