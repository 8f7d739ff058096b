r"""File names as data: how they are shown, sorted, and kept harmless in a spreadsheet.

A name comes from a stranger's disk or zip. In tables it stands as a *display name*: bytes that are not UTF-8, control
characters, line breaks and characters that turn the direction of writing become backslash escapes (``\x0a``,
``\u202e``), so one row stays one line and shows what it says. A path that begins like a spreadsheet formula
(``=``, ``+``, ``-``, ``@``) gets ``./`` in front: the same path, and no longer a formula.
"""

import re
import unicodedata
from typing import Final

MAX_NAME: Final = 1000
"""Longest path that is accepted, in characters; a longer one is a failed file shown by its ends."""

_FORMULA: Final = ("=", "+", "-", "@")
_DIGITS = re.compile(r"([0-9]+)")
_HIDDEN_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Joiners carry meaning in names written in Arabic and Indic scripts, and change no order.
_KEPT: Final = {"\u200c", "\u200d"}

SortKey = tuple[tuple[tuple[int, int, str], ...], str]


def display_name(raw: str) -> str:
    r"""Return a path as it is shown and stored.

    >>> display_name("a\nb.png"), display_name("=1+1.png"), display_name("été 7.png")
    ('a\\x0ab.png', './=1+1.png', 'été 7.png')
    """
    text = _visible(raw)
    return f"./{text}" if text.startswith(_FORMULA) else text


def shortened(raw: str) -> str:
    """Return the display name of a path that is too long: its first 60 and last 40 characters."""
    return display_name(raw if len(raw) <= MAX_NAME else f"{raw[:60]}…{raw[-40:]}")


def spreadsheet_safe(text: str) -> str:
    """Return a cell that is text and not a path (a label, a station) so that no spreadsheet executes it."""
    shown = _visible(text)
    # Blanks in front are dropped by many readers, and by some of our own exports.
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def sort_key(name: str) -> SortKey:
    """Return the key by which images are ordered: numbers by value, no locale, equal for NFC and NFD spellings.

    >>> sorted(["b.png", "a10.png", "a9.png"], key=sort_key)
    ['a9.png', 'a10.png', 'b.png']
    """
    parts = []
    for part in _DIGITS.split(unicodedata.normalize("NFC", name)):
        if part.isascii() and part.isdigit():
            # Compared by length and then by digits, because int() refuses numbers of thousands of digits.
            digits = part.lstrip("0")
            parts.append((1, len(digits), digits))
        elif part:
            parts.append((2, 0, part))
    return tuple(parts), name


def _visible(raw: str) -> str:
    # Nearly every name is printable as it is, and thousands of them are asked about.
    return raw if raw.isprintable() else "".join(char if _plain(char) else _escape(char) for char in raw)


def _plain(char: str) -> bool:
    return char in _KEPT or unicodedata.category(char) not in _HIDDEN_CATEGORIES


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
