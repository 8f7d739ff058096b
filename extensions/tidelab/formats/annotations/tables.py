"""Cells of CSV files that people open in spreadsheets."""

from typing import Final

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe goes before what begins like one."""
    return (
        f"'{text}" if text.startswith(_DANGEROUS) or text[:2] in {f"'{one}" for one in _DANGEROUS} else text
    )


def unguarded(text: str) -> str:
    """Return a text without the apostrophe that `guarded` put before it."""
    return text[1:] if text[:1] == "'" and (text[1:2] in _DANGEROUS or text[1:2] == "'") else text
