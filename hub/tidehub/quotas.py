"""What a person may have: servers, memory, GPUs, GPU hours and disk space, checked before a server starts.

The limits are kept in the lease book (`tidelab.leases.quotas`), which itself refuses GPUs over a limit and says while a
server runs that GPU hours are used up (`Book.over_quota`): the service `gpus` then warns and gives the card back. Here is
what only the hub knows: which servers run, with how much memory, and how much a home holds.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidehub import disk
from tidehub.disk import HomeLimit, HomeUse
from tidehub.profiles import Choice, ProfileError, choose
from tidelab.leases import LeaseError, Owner
from tidelab.leases.book import Book
from tidelab.leases.model import Quota

NEAR: Final = 0.8
"""From this share of the GPU hours on, pages say how many are left."""
log = logging.getLogger("tidehub")


@dataclass(frozen=True)
class RunningServer:
    """Another server of the same person."""

    title: str
    memory_gb: float


@dataclass(frozen=True)
class Checked:
    """Whether a server may start: `refusal` says why not, `warning` what the person should know although it does."""

    refusal: str = ""
    warning: str = ""


def decide(
    quota: Quota, choice: Choice, running: Sequence[RunningServer], home: HomeUse, limit: HomeLimit
) -> Checked:
    """Return whether a server of this size may start beside those that run.

    Parameters
    ----------
    quota
        The person's limits.
    choice
        What is to be started.
    running
        The person's other servers, those that are starting included.
    home, limit
        What their files take, and may take.
    """
    names = ", ".join(server.title for server in running)
    if quota.servers is not None and len(running) + 1 > quota.servers:
        has = f"you have {len(running)} ({names}). Stop one on the home page, then start this one" if running else (
            "none can be started")  # fmt: skip
        return Checked(
            f"You may have {quota.servers} server{'' if quota.servers == 1 else 's'} at a time ({source_words(quota, 'servers')}), and {has}. "
            "More: ask an admin on the page What you use."
        )
    used_gb = sum(server.memory_gb for server in running)
    if quota.memory_gb is not None and used_gb + choice.memory_gb > quota.memory_gb:
        beside = f", beside {used_gb:g} GB of {names}" if running else ""
        return Checked(
            f"This server takes {choice.memory_gb:g} GB of memory{beside}, and your servers may take {quota.memory_gb:g} GB together "
            f"({source_words(quota, 'memory_gb')}). Choose a smaller one{', or stop another' if running else ''}. More: ask an admin on the page "
            "What you use."
        )
    if refusal := limit.refusal(home, with_gpu=choice.gpu is not None):
        return Checked(refusal)
    return Checked(warning=limit.warning(home))


def hours_warning(quota: Quota) -> str:
    """Say how many GPU hours are left when few are; empty while there are many, or where there is no limit.

    >>> hours_warning(Quota(gpu_hours=10, used_hours=9, days=7))
    'You used 9.0 of 10 GPU hours of the last 7 days.'
    """
    if quota.gpu_hours is None or quota.used_hours < NEAR * quota.gpu_hours:
        return ""
    said = (
        f"You used {quota.used_hours:.1f} of {quota.gpu_hours:g} GPU hours of the last {quota.days:g} days."
    )
    over = " No GPU is given to you until some of them come back; servers without a GPU start as usual."
    return said + (over if quota.used_hours >= quota.gpu_hours else "")


def source_words(quota: Quota, field: str) -> str:
    """Say where a limit comes from."""
    source = quota.sources.get(field, "")
    return {"person": "your own limit", "everyone": "the limit of everyone"}.get(source, source)


def home_limit(quota: Quota | None, disk_gb: float, hard_factor: float) -> HomeLimit:
    """Return what a person's files may take: their quota, else the hub's setting (0: any amount)."""
    own = quota.disk_gb if quota is not None else None
    lifted = quota is not None and "disk_gb" in quota.sources and own is None
    return HomeLimit.of(None if lifted else own if own is not None else disk_gb, hard_factor)


async def check(spawner: Any, choice: Choice, *, disk_gb: float = 0.0, hard_factor: float = 1.5) -> Checked:
    """Check one start; for the spawners.

    Limits that cannot be read stop nobody: the lease book refuses GPUs by itself, and a damaged file must not keep people
    from their work.

    Parameters
    ----------
    spawner
        The spawner, before it starts anything.
    choice
        The size of server it starts.
    disk_gb, hard_factor
        ``TIDEHUB_DISK_GB`` and ``TIDEHUB_DISK_HARD_FACTOR``.
    """
    user = spawner.user
    groups = tuple(group.name for group in user.groups)
    others = [other for other in user.spawners.values() if other.active and other.name != spawner.name]
    running = running_servers(others)
    try:
        quota, home = await asyncio.to_thread(_read, Owner(user.name, spawner.name, spawner.name, groups))
    except LeaseError as error:
        log.warning("Limits of %s cannot be read, so none is applied: %s", user.name, error)
        return Checked()
    return decide(quota, choice, running, home, home_limit(quota, disk_gb, hard_factor))


def running_servers(spawners: Iterable[Any]) -> list[RunningServer]:
    """Return title and memory of servers that run."""
    return [RunningServer(*_size(spawner)) for spawner in spawners]


def _read(owner: Owner) -> tuple[Quota, HomeUse]:
    book = Book()
    try:
        return book.quota(owner), disk.last_measured().home(owner.user)
    finally:
        book.close()


def _size(spawner: Any) -> tuple[str, float]:
    """Return title and memory of a server that runs; no memory where the catalogue does not know it any more."""
    try:
        use_case, choice = choose(spawner.catalogue(), spawner.name, dict(spawner.user_options or {}))
    except ProfileError:
        return spawner.name, 0.0
    return use_case.title, choice.memory_gb
