"""What the service ``gpus`` answers to ``api/mine``, read so that nothing in it can break the page.

The contract is in ``docs/architecture.md``. A field that is missing or of another kind counts as not known.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_ITEMS = 64
MAX_TEXT = 600


@dataclass(frozen=True)
class Device:
    """One leased device; ``memory_mb`` in MiB, 0 where it is not known."""

    name: str
    memory_mb: int = 0


@dataclass(frozen=True)
class Warned:
    """The service says that the lease ends soon; ``release_at`` in seconds since 1970."""

    text: str
    release_at: float | None


@dataclass(frozen=True)
class LeaseView:
    """One lease of this person. Times are seconds since 1970, ``idle_s`` seconds.

    ``busy_share`` is the mean of the last minutes, ``busy_now`` the service's last look, both 0 to 1.

    ``trouble`` says why the device cannot be seen; ``keep_minutes`` is what one press of *Keep* adds.
    """

    id: str
    server: str
    devices: tuple[Device, ...]
    since: float | None
    busy_share: float | None
    idle_s: float | None
    state: str
    warning: Warned | None
    can_keep: bool
    kept_until: float | None
    promise: str
    trouble: str = ""
    busy_now: float | None = None
    keep_minutes: float | None = None


@dataclass(frozen=True)
class QueueView:
    """One ticket of this person: 1 is next; ``wait_s`` is an estimate."""

    server: str
    position: int
    of: int
    wait_s: float | None


@dataclass(frozen=True)
class NoticeView:
    """What happened to a server while nobody looked, e.g. that its GPU was given back; ``when`` in seconds since 1970."""

    id: str
    server: str
    when: float | None
    text: str


@dataclass(frozen=True)
class Mine:
    """Everything that the service says of one person; ``quota`` and ``used`` as they came."""

    leases: tuple[LeaseView, ...] = ()
    queue: tuple[QueueView, ...] = ()
    notices: tuple[NoticeView, ...] = ()
    quota: Mapping[str, Any] = field(default_factory=dict)
    used: Mapping[str, Any] = field(default_factory=dict)

    def lease_of(self, server: str) -> LeaseView | None:
        """Return the lease of one server."""
        return next((lease for lease in self.leases if lease.server == server), None)

    def queued(self, server: str) -> QueueView | None:
        """Return the ticket of one server."""
        return next((ticket for ticket in self.queue if ticket.server == server), None)


def read_mine(answer: object) -> Mine:
    """Return what can be read of an answer."""
    given = answer if isinstance(answer, Mapping) else {}
    return Mine(
        leases=tuple(lease for item in _items(given.get("leases")) if (lease := _lease(item)).id),
        queue=tuple(_ticket(item) for item in _items(given.get("queue"))),
        notices=tuple(
            NoticeView(
                text(item.get("id"), 80),
                text(item.get("server")),
                number(item.get("when")),
                text(item.get("text")),
            )
            for item in _items(given.get("notices"))
            if text(item.get("id"), 80) and text(item.get("text"))
        ),
        quota=_mapping(given.get("quota")),
        used=_mapping(given.get("used")),
    )


def _lease(item: Mapping[str, Any]) -> LeaseView:
    warning = item.get("warning")
    return LeaseView(
        id=text(item.get("id"), 80),
        server=text(item.get("server")),
        devices=tuple(
            Device(text(device.get("name")), int(number(device.get("memory_mb")) or 0))
            for device in _items(item.get("devices"))
        ),
        since=number(item.get("since")),
        busy_share=_share(item.get("busy_share")),
        idle_s=number(item.get("idle_s")),
        state=text(item.get("state")),
        warning=Warned(text(warning.get("text")), number(warning.get("release_at")))
        if isinstance(warning, Mapping)
        else None,
        can_keep=item.get("can_keep") is True,
        kept_until=number(item.get("kept_until")),
        promise=text(item.get("promise")),
        trouble=text(item.get("trouble")),
        busy_now=_share(item.get("busy_now")),
        keep_minutes=number(item.get("keep_minutes")),
    )


def _ticket(item: Mapping[str, Any]) -> QueueView:
    position = int(number(item.get("position")) or 0)
    return QueueView(
        server=text(item.get("server")),
        position=position,
        of=max(position, int(number(item.get("of")) or 0)),
        wait_s=number(item.get("wait_s")),
    )


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Return a text on one line, cut to a length; anything else is empty."""
    return " ".join(value[: 4 * limit].split())[:limit] if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """Return a finite number of zero or more; anything else is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _share(value: object) -> float | None:
    found = number(value)
    return None if found is None else min(1.0, found)


def _items(value: object) -> list[Mapping[str, Any]]:
    return (
        [item for item in value[:MAX_ITEMS] if isinstance(item, Mapping)] if isinstance(value, list) else []
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
