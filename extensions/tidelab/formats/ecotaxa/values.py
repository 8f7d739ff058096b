"""What is wrong with one value, in words."""

import math
from collections.abc import Callable
from typing import Final

from tidelab.formats.ecotaxa import rules
from tidelab.formats.ecotaxa.faults import shown

_POINT: Final = " Write it with a point instead of a comma."


def wrong(kind: str, text: str) -> str:
    """Return what is wrong with a value of a kind of `rules.PREDEFINED`, empty when nothing is.

    Parameters
    ----------
    kind
        One of the values of :data:`rules.PREDEFINED`, or ``free-text``.
    text
        The value without surrounding blanks.
    """
    if not text or (rules.is_numeric(kind) and text.lower() in rules.EMPTY_NUMBERS):
        return ""
    return _CHECKS[kind](text)


def _number(text: str) -> str:
    if rules.number(text) is not None:
        return ""
    hint = _POINT if rules.number(text.replace(",", ".")) is not None else " Correct it or leave it empty."
    return f"'{shown(text)}' is no number; expected one such as 12.5.{hint}"


def _whole_number(text: str) -> str:
    value = rules.number(text)
    if value is None or not math.isfinite(value):
        return (
            f"'{shown(text)}' is no number; expected a whole number such as 0. Correct it or leave it empty."
        )
    return ""


def _category_id(text: str) -> str:
    value = rules.number(text)
    if value is None or not math.isfinite(value):
        return f"'{shown(text)}' is no number; expected the number of a category of EcoTaxa, such as 84963. Correct it or leave it empty."
    if not 0 < value <= rules.LARGEST_CATEGORY:
        return (
            f"category {shown(text)} does not exist in EcoTaxa, whose categories are numbered far below that. "
            "Look the category up there, or leave the number empty and give its name in object_annotation_category."
        )
    return ""


def _position(limit: int, example: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        value = rules.degrees(text)
        if value is not None and -limit <= value <= limit:
            return ""
        if "°" in text and value is None:
            hint = (
                " If the table is UTF-8, save it with the mark (BOM): without it EcoTaxa misreads the sign °."
            )
        else:
            hint = _POINT if rules.number(text.replace(",", ".")) is not None and "," in text else ""
        return (
            f"'{shown(text)}' is no position; expected decimal degrees from -{limit} to {limit}, such as {example}."
            f"{hint or ' Correct it or leave it empty.'}"
        )

    return check


def _date(text: str) -> str:
    if rules.date(text) is not None:
        return ""
    return f"'{shown(text)}' is no date; expected YYYYMMDD or YYYY-MM-DD, such as 20240503. Correct it or leave it empty."


def _time(text: str) -> str:
    if rules.time(text) is not None:
        return ""
    return f"'{shown(text)}' is no time; expected HHMMSS or HH:MM:SS (UTC), such as 142030. Correct it or leave it empty."


def _status(text: str) -> str:
    if text == rules.NO_STATUS or text.lower() in rules.STATUSES:
        return ""
    return f"'{shown(text)}' is no status; expected one of {', '.join(rules.STATUSES)}. Correct it, or empty status and category."


def _at_most(limit: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) <= limit:
            return ""
        return f"has {len(text)} characters; EcoTaxa keeps at most {limit}. Shorten it: '{shown(text)}'."

    return check


_CHECKS: Final[dict[str, Callable[[str], str]]] = {
    "number": _number, "rank": _whole_number, "category-id": _category_id, "latitude": _position(90, "-24.41667"),
    "longitude": _position(180, "145.5351"), "date": _date, "time": _time, "status": _status,
    "text": _at_most(rules.MAX_TEXT), "free-text": _at_most(rules.MAX_FREE_TEXT), "long-text": _at_most(8000),
}  # fmt: skip
