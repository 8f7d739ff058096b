"""Device-hours by week and use case, and the bars that show them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidelab.leases import Seconds
from tidelab.leases.book import Book

WEEKS = 6
BAR_WIDTH = 100.0


@dataclass(frozen=True)
class Bar:
    """One use case in one week, device-hours.

    ``busy``, ``held`` and ``idle`` add up to what was allocated: computed, memory held without computing, nothing on the card.
    """

    use_case: str
    busy: float
    held: float
    idle: float

    @property
    def allocated(self) -> float:
        """Device-hours leased."""
        return self.busy + self.held + self.idle

    def parts(self, longest: float) -> tuple[tuple[str, float, float], ...]:
        """Return (kind, left edge, width) of the bar's parts, in percent of the longest bar.

        >>> Bar("a", 1, 1, 2).parts(8.0)
        (('busy', 0.0, 12.5), ('held', 12.5, 12.5), ('idle', 25.0, 25.0))
        """
        found, left = [], 0.0
        for kind, hours in (("busy", self.busy), ("held", self.held), ("idle", self.idle)):
            width = BAR_WIDTH * hours / longest if longest > 0 else 0.0
            found.append((kind, left, width))
            left += width
        return tuple(found)


@dataclass(frozen=True)
class Week:
    """Seven days from a Monday on."""

    monday: str
    bars: tuple[Bar, ...]


def bar(use_case: str, seconds: Seconds) -> Bar:
    """Return one bar; counts that overlap by rounding never give a negative part.

    >>> bar("a", Seconds(allocated=7200, held=3600, busy=1800))
    Bar(use_case='a', busy=0.5, held=0.5, idle=1.0)
    """
    busy = min(seconds.busy, seconds.allocated)
    held = max(busy, min(seconds.held, seconds.allocated))
    return Bar(use_case, busy / 3600, (held - busy) / 3600, (seconds.allocated - held) / 3600)


def weeks(book: Book, user: str, moment: datetime) -> list[Week]:
    """Return a person's last weeks, newest first; a week in which they had no device is left out.

    Parameters
    ----------
    book
        The lease book; it adds up whole hours in UTC, so weeks begin on Monday 00:00 UTC.
    user
        Name of the hub user.
    moment
        The present, with its zone.
    """
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = day - timedelta(days=day.weekday())
    later: dict[str, Seconds] = {}
    found = []
    for number in range(WEEKS):
        start = monday - timedelta(weeks=number)
        since = book.seconds(user=user, since=start.timestamp(), by="use_case")
        bars = [bar(name, _minus(total, later.get(name))) for name, total in since.items()]
        shown = tuple(sorted((b for b in bars if b.allocated > 0.0005), key=lambda b: -b.allocated))
        if shown:
            found.append(Week(start.date().isoformat(), shown))
        later = since
    return found


def _minus(total: Seconds, later: Seconds | None) -> Seconds:
    if later is None:
        return total
    return Seconds(total.allocated - later.allocated, total.held - later.held, total.busy - later.busy)
