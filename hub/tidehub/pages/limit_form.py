"""The form of the page Limits: what an admin types becomes limits, or a sentence that names the field. Pure functions."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from tidelab.leases.model import QuotaRow

Scope = Literal["person", "group", "everyone"]
SCOPES: Final = ("person", "group", "everyone")
FIELDS: Final = {
    "gpu_hours": "GPU hours",
    "gpus": "GPUs at a time",
    "servers": "Servers at a time",
    "memory_gb": "Memory of all servers, GB",
    "disk_gb": "Files, GB",
}
WHOLE: Final = ("gpus", "servers")
LARGEST: Final = 1_000_000.0
LONGEST_NAME: Final = 255
NO_LIMIT: Final = "no limit"


class LimitFormError(ValueError):
    """Something typed that is no limit; the text names the field, the value and what is expected."""


@dataclass(frozen=True)
class Limits:
    """Whom limits are for, and the limits: None is not set here, infinity lifts it."""

    scope: Scope
    name: str
    days: float
    values: Mapping[str, float | None]

    @property
    def words(self) -> str:
        """Say them, for the audit log."""
        said = [
            f"{FIELDS[field]} {shown(value)}" for field, value in self.values.items() if value is not None
        ]
        return ", ".join(said) or "removed"


def read_limits(field: Callable[[str], str]) -> Limits:
    """Return the limits that were typed.

    Parameters
    ----------
    field
        Returns what was typed into one field of the form.

    Raises
    ------
    LimitFormError
        With the sentence for the admin.
    """
    scope, name = field("scope").strip(), field("name").strip()
    if scope not in SCOPES:
        raise LimitFormError("Choose whom the limits are for: a person, a group, or everyone.")
    if scope == "everyone":
        name = ""
    elif not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise LimitFormError(f"Type the name of the {scope} (1 to {LONGEST_NAME} printable characters).")
    values = {key: read_number(field(key), FIELDS[key], whole=key in WHOLE) for key in FIELDS}
    if all(value is None for value in values.values()):
        raise LimitFormError("Type at least one limit. Remove takes away the limits that are set.")
    days = read_number(field("days") or "30", "Days that GPU hours are counted over", whole=False)
    if days is None or not 1 <= days <= 366:
        raise LimitFormError("GPU hours are counted over 1 to 366 days.")
    return Limits(cast(Scope, scope), name, days, values)


def read_number(text: str, label: str, *, whole: bool) -> float | None:
    """Return a limit as it was typed: nothing is None, ``no limit`` infinity.

    Raises
    ------
    LimitFormError
        It is no number from 0 to a million, or not whole where it must be.
    """
    text = " ".join(text.split()).lower()
    if not text:
        return None
    if text in (NO_LIMIT, "unlimited", "none"):
        return math.inf
    expected = f"{label}: {text[:40]!r} is no {'whole ' if whole else ''}number from 0 to {LARGEST:,.0f}. Leave it empty to set nothing, or type {NO_LIMIT!r}."
    try:
        value = float(text.replace(",", ".")) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        raise LimitFormError(expected) from None
    if not 0 <= value <= LARGEST or (whole and value != int(value)):
        raise LimitFormError(expected)
    return value


def shown(value: float | None) -> str:
    """Return a limit as it is typed.

    >>> shown(None), shown(math.inf), shown(2.5)
    ('', 'no limit', '2.5')
    """
    if value is None:
        return ""
    return NO_LIMIT if math.isinf(value) else f"{value:.10g}"


def typed(row: QuotaRow | None) -> dict[str, str]:
    """Return limits that are set as the form shows them."""
    if row is None:
        return {}
    texts = {key: shown(getattr(row, key)) for key in FIELDS}
    return texts | {"scope": row.scope, "name": row.name, "days": shown(row.days)}
