"""Usage events added up: how many people, images and countries, by use case, country, institution or month."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Final
from uuid import UUID

from tidelab.domain.usage import Purpose, UsageEvent

_PEOPLE: Final = ("person", "guest")

GROUPS: Final[dict[str, Callable[[UsageEvent], str]]] = {
    "use_case": lambda event: event.use_case,
    "country": lambda event: event.country or "not given",
    "institution": lambda event: event.institution or "not given",
    "month": lambda event: event.end.astimezone(UTC).strftime("%Y-%m"),
    "face": lambda event: event.face,
    "access": lambda event: event.access,
    "activity": lambda event: event.activity,
}
"""What events can be grouped by. A run belongs to the month it ended in, UTC."""


@dataclass
class Totals:
    """Sums over some events.

    Parameters
    ----------
    events
        Finished runs and trainings.
    ingested_unknown, processed_unknown
        Events that do not know how many images they ingested or processed: they add nothing to those sums.
    """

    events: int = 0
    images_ingested: int = 0
    images_processed: int = 0
    images_from_cache: int = 0
    files_failed: int = 0
    seconds: float = 0.0
    ingested_unknown: int = 0
    processed_unknown: int = 0
    people: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    countries: set[str] = field(default_factory=set)
    without_country: int = 0

    def add(self, event: UsageEvent) -> None:
        """Count one event."""
        self.events += 1
        self.images_ingested += event.images_ingested or 0
        self.images_processed += event.images_processed or 0
        self.images_from_cache += event.images_from_cache
        self.files_failed += event.files_failed
        self.seconds += event.seconds
        self.ingested_unknown += event.images_ingested is None
        self.processed_unknown += event.images_processed is None
        (self.people if event.person_kind in _PEOPLE else self.machines).add(event.person)
        if event.country:
            self.countries.add(event.country)
        else:
            self.without_country += 1


def distinct(events: Iterable[UsageEvent]) -> list[UsageEvent]:
    """Return each event once, by its id; of several lines of one id the first stands.

    The numbers of one run are the same in every line (`docs/statistics.md`), so it does not matter which: the first is what was
    written when it happened.
    """
    known: dict[UUID, UsageEvent] = {}
    for event in events:
        known.setdefault(event.event_id, event)
    return list(known.values())


def chosen(
    events: Iterable[UsageEvent],
    *,
    first: date | None = None,
    last: date | None = None,
    purpose: Purpose = "real",
) -> list[UsageEvent]:
    """Return the events of one purpose that ended between two days, both included, in UTC."""
    return [
        event
        for event in events
        if event.purpose == purpose
        and (first is None or event.end.astimezone(UTC).date() >= first)
        and (last is None or event.end.astimezone(UTC).date() <= last)
    ]


def summarise(events: Iterable[UsageEvent], by: str | None = None) -> dict[str, Totals]:
    """Return the totals of each group, in order of its name; one group, ``all``, when `by` is None.

    Parameters
    ----------
    events
        Each once (`distinct`).
    by
        Key of `GROUPS`.
    """
    group = GROUPS[by] if by else lambda _: "all"
    totals: defaultdict[str, Totals] = defaultdict(Totals)
    for event in events:
        totals[group(event)].add(event)
    return dict(sorted(totals.items()))
