"""The lease book and what was measured last, for one request of a page; a page never fails because of them."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tidehub.gpus import summary
from tidehub.gpus.notices import KEEP_S
from tidehub.pages.gpu_view import lease_words, longest_waits, place_words, use_words
from tidelab import paths
from tidelab.leases import LeaseError, Owner
from tidelab.leases.book import Book
from tidelab.leases.model import Quota

T = TypeVar("T")
log = logging.getLogger("tidehub")
NOT_KNOWN = (
    "Who holds which GPU cannot be read at the moment. Servers without a GPU start as usual; tell an admin."
)


@dataclass(frozen=True)
class ServerGpu:
    """What a server's line says of its GPU."""

    lease: str
    device: str
    use: str
    warning: str = ""
    can_keep: bool = False
    keep_minutes: float = 0.0
    kept: bool = False
    promise: str = ""


@dataclass(frozen=True)
class Mine:
    """One person's GPUs, as their pages show them; `free` is None where the book does not answer."""

    free: tuple[Mapping[str, Any], ...] | None = ()
    servers: Mapping[str, ServerGpu] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    waits: Mapping[tuple[str, str], float] = field(default_factory=dict)
    notices: tuple[Mapping[str, Any], ...] = ()
    quota: Quota = field(default_factory=Quota)
    used: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


class GpuState:
    """Asks the book in other threads, so that a slow disk holds up nobody else's page.

    Parameters
    ----------
    none
        Whether this hub leases no GPUs (``TIDEHUB_GPUS=none``), whatever the book knows from before.
    """

    def __init__(self, *, none: bool = False) -> None:
        self._none = none
        self._book: Book | None = None

    def __deepcopy__(self, memo: object) -> "GpuState":
        """Return itself: traitlets copies configuration values."""
        return self

    @property
    def book(self) -> Book:
        """The lease book; raises LeaseError where it cannot be opened."""
        self._book = self._book or Book()
        return self._book

    async def do(self, call: Callable[[Book], T]) -> T:
        """Return what a call on the book gives; raises LeaseError."""
        return await asyncio.to_thread(lambda: call(self.book))

    async def mine(self, user: str, groups: Sequence[str]) -> Mine:
        """Return one person's GPUs; what cannot be read is said in `Mine.problem`."""
        try:
            found = await self.do(lambda book: _mine(book, user, groups))
            return replace(found, free=()) if self._none else found
        except LeaseError as error:
            log.warning("The lease book cannot be read: %s", error)
            return Mine(free=None, problem=NOT_KNOWN)


def _mine(book: Book, user: str, groups: Sequence[str]) -> Mine:
    found = summary.for_person(book, user, groups)
    return Mine(
        free=tuple(found["free"]),
        servers={lease["server"]: _server(lease) for lease in found["leases"]},
        waiting={
            one["server"]: place_words(one["position"], one["of"], one["wait_s"]) for one in found["queue"]
        },
        waits=longest_waits(book.queue()),
        notices=tuple(unread(user, found["notices"])),
        quota=book.quota(Owner(user, "-", "", tuple(groups))),
        used=found["used"],
    )


def _server(lease: Mapping[str, Any]) -> ServerGpu:
    warning = lease["warning"]
    return ServerGpu(
        lease=lease["id"],
        device=lease_words(lease),
        use=use_words(lease),
        warning=warning["text"] if warning else "",
        can_keep=bool(lease["can_keep"]),
        keep_minutes=float(lease["keep_minutes"]),
        kept=bool(lease["kept_until"]),
        promise=lease["promise"],
    )


# What a person has read. The notices themselves are the service's to write.


def unread(user: str, notices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the notices that a person has not dismissed."""
    dismissed = _dismissed().get(user, {})
    return [notice for notice in notices if notice["id"] not in dismissed]


def dismiss(user: str, identifier: str) -> None:
    """Remember that a person has read a notice; raises OSError."""
    now = time.time()
    everyone = _dismissed()
    everyone.setdefault(user, {})[identifier[:64]] = now
    kept = {
        name: {key: when for key, when in read.items() if now - when < 2 * KEEP_S}
        for name, read in everyone.items()
    }
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(json.dumps({name: read for name, read in kept.items() if read}), encoding="utf-8")
    fresh.replace(file)


def _dismissed() -> dict[str, dict[str, float]]:
    try:
        raw = json.loads(_file().read_text(encoding="utf-8"))
        return {
            str(name): {str(key): float(when) for key, when in read.items()} for name, read in raw.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _file() -> Path:
    return paths.data() / "status" / "dismissed.json"
