"""GPUs as people read them: what could be had before the click, what a server does with its own. Pure functions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidehub.profiles import Choice, Profile
from tidelab.catalogue.resources import Gpu

BUSY_PERCENT = 1
"""Below this a card that is asked counts as idle in the words, as long as nothing used it for a minute."""


@dataclass(frozen=True)
class Offer:
    """One size of server, with what there is to say before it is chosen.

    Parameters
    ----------
    words
        ``2 of 2 GPUs free``; empty for a size without a GPU.
    state
        ``cpu``: needs none; ``free``; ``queue``: one would wait; ``none``: it cannot be started here at all.
    """

    choice: Choice
    words: str
    state: Literal["cpu", "free", "queue", "none"]
    selected: bool = False

    @property
    def label(self) -> str:
        """The option's text."""
        return f"{self.choice.title}: {self.words}" if self.words else self.choice.title


@dataclass(frozen=True)
class Offers:
    """The sizes of one use case that a person may choose from."""

    all: tuple[Offer, ...]
    instead: Choice | None
    """What starts at once while the selected size would wait; None where nothing waits or there is nothing else."""

    @property
    def lines(self) -> list[Offer]:
        """What is said of GPUs, each sentence once."""
        seen: dict[str, Offer] = {}
        for offer in self.all:
            if offer.words:
                seen.setdefault(offer.words, offer)
        return list(seen.values())


def offers(
    made: Profile,
    groups: Collection[str],
    free: Sequence[Mapping[str, Any]] | None,
    waits: Mapping[tuple[str, str], float] | None = None,
) -> Offers:
    """Return what a card offers a person.

    Parameters
    ----------
    made
        The use case.
    groups
        The person's hub groups: sizes for other groups are not offered.
    free
        What could be had of each kind now (``free`` of `tidehub.gpus.summary`); None where the book does not answer.
    waits
        (kind, profile) -> longest estimate of those who wait, seconds.
    """
    found = [_offer(choice, free, waits or {}) for choice in made.choices_for(groups)]
    default = next((one for one in found if one.choice.is_default and one.state != "none"), None)
    chosen = default or next((one for one in found if one.state != "none"), None)
    marked = tuple(Offer(one.choice, one.words, one.state, selected=one is chosen) for one in found)
    waits_now = any(one.state == "queue" for one in found)
    instead = made.cpu_choice(groups) if waits_now else None
    return Offers(marked, None if chosen is not None and instead == chosen.choice else instead)


def _offer(
    choice: Choice, free: Sequence[Mapping[str, Any]] | None, waits: Mapping[tuple[str, str], float]
) -> Offer:
    if choice.gpu is None:
        return Offer(choice, "", "cpu")
    if free is None:
        return Offer(choice, "who holds the GPUs is not known at the moment", "none")
    words, state = availability(choice.gpu, free, waits.get((choice.gpu.kind, choice.gpu.profile)))
    return Offer(choice, words, state)


def availability(
    gpu: Gpu, free: Sequence[Mapping[str, Any]], wait_s: float | None = None
) -> tuple[str, Literal["free", "queue", "none"]]:
    """Say whether a GPU can be had now.

    >>> availability(Gpu(), [{"kind": "whole", "profile": "", "free": 1, "total": 2, "waiting": 0}])
    ('1 of 2 GPUs free', 'free')
    """
    row = next((one for one in free if (one["kind"], one["profile"]) == (gpu.kind, gpu.profile)), None)
    total = int(row["total"]) if row else 0
    one, several = _names(gpu)
    if row is None or not total:
        return ("this machine has no GPU" if not free else f"this machine offers no {one}"), "none"
    if total < gpu.count:
        return f"needs {gpu.count}, this machine has {total}", "none"
    left, waiting = int(row["free"]), int(row["waiting"])
    if left >= gpu.count:
        return f"{left} of {total} {one if total == 1 else several} free", "free"
    taken = f"the {one} is in use" if total == 1 else f"all {total} {several} in use"
    said = [f"only {left} of {total} {several} free" if left else taken]
    if waiting:
        said.append("1 waits" if waiting == 1 else f"{waiting} wait")
    if wait_s is not None:
        said.append(about(wait_s))
    return ", ".join(said), "queue"


def longest_waits(queue: Sequence[tuple[Any, Any]]) -> dict[tuple[str, str], float]:
    """Return (kind, profile) -> longest estimate of those who wait (`Book.queue`), seconds; absent where one is unknown."""
    found: dict[tuple[str, str], float | None] = {}
    for ticket, place in queue:
        key = (ticket.request.kind, ticket.request.profile)
        before = found.get(key, 0.0)
        found[key] = None if place.wait_s is None or before is None else max(before, place.wait_s)
    return {key: wait for key, wait in found.items() if wait is not None}


def about(seconds: float) -> str:
    """Say how long something takes, roughly.

    >>> about(20), about(1200), about(7300)
    ('about a minute', 'about 20 min', 'about 2 h')
    """
    minutes = seconds / 60
    if minutes < 1.5:
        return "about a minute"
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.0f} h"


def lease_words(lease: Mapping[str, Any]) -> str:
    """Say which GPU a server has: ``Simulated GPU 0``, ``NVIDIA H200, 141 GB``."""
    return ", ".join(_device(device) for device in lease["devices"]) or "a GPU that is not listed any more"


def use_words(lease: Mapping[str, Any]) -> str:
    """Say what a server's GPU does: ``busy 63 %``, ``in use``, ``idle for 22 min``; empty where nobody measured."""
    if lease["trouble"]:
        return str(lease["trouble"])
    share, idle_s = lease["busy_share"], lease["idle_s"]
    quiet = idle_s is not None and idle_s >= 60
    if share is not None and 100 * share >= BUSY_PERCENT and not quiet:
        return f"busy {100 * share:.0f} %"
    if lease["use"] and not quiet:
        return "in use"
    if idle_s is None:
        return ""
    return (
        "idle"
        if not quiet
        else f"idle for {about(idle_s).removeprefix('about ').replace('a minute', '1 min')}"
    )


def place_words(position: int, of: int, wait_s: float | None) -> str:
    """Say where somebody stands in the queue.

    >>> place_words(1, 1, None), place_words(2, 3, 1200)
    ('You are next.', 'You are number 2 of 3 who wait, about 20 min.')
    """
    estimate = "" if wait_s is None else f", {about(wait_s)}"
    if position == 1:
        return f"You are next{estimate}."
    return f"You are number {position} of {of} who wait{estimate}."


def _device(device: Mapping[str, Any]) -> str:
    name = str(device["name"]) or f"GPU {device['index']}"
    memory = f", {device['memory_mb'] / 1024:.0f} GB" if device["memory_mb"] else ""
    return f"{name}{memory}"


def _names(gpu: Gpu) -> tuple[str, str]:
    one = {"whole": "GPU", "mig": f"GPU slice {gpu.profile}", "shared": "place on a shared GPU"}[gpu.kind]
    several = {"whole": "GPUs", "mig": f"GPU slices {gpu.profile}", "shared": "places on shared GPUs"}[
        gpu.kind
    ]
    return one, several
