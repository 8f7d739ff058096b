"""What the lease book speaks of. Times are seconds since 1970 (UTC), durations seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["whole", "mig", "shared"]
Pool = Literal["interactive", "batch", "apps"]
State = Literal["reserved", "active", "unknown", "ended"]


class LeaseError(Exception):
    """Something the book refuses; the text is a sentence for the person."""


class NoSuchGpuError(LeaseError):
    """No device of this kind exists here, so waiting would never end."""


class QuotaExceededError(LeaseError):
    """The person holds or used what they may; the text says how much of what, and when or from whom there is more."""


@dataclass(frozen=True)
class Policy:
    """How places are handed out; kept in the book, so that the hub and the command line follow the same rules.

    Parameters
    ----------
    for_apps
        Devices of each kind and profile on which interactive servers get no place; apps and batch runs may use all.
    per_person
        Places one person may hold at a time where no quota says otherwise; None: any number.
    max_s
        Longest time of a lease (None: no limit). The book only estimates waiting times with it; the hub ends leases.
    reserve_s
        How long a reservation waits for its container.
    silence_s
        A ticket whose owner did not ask for so long is withdrawn.
    half_life_s
        After so long an hour of use weighs half in the queue (the half-life of Slurm's fair-share factor,
        https://slurm.schedmd.com/priority_multifactor.html).
    idle_weight
        What a second counts in the queue in which a device was leased and not used, compared with a second of use: less, for
        it may have been unavoidable, and more than nothing, for nobody else could have the device.
    age_weight
        Recent device-hours that one hour of waiting makes up for. Above 0 nobody waits for ever.
    """

    for_apps: int = 0
    per_person: int | None = 1
    max_s: float | None = None
    reserve_s: float = 120.0
    silence_s: float = 30.0
    half_life_s: float = 86_400.0
    idle_weight: float = 0.5
    age_weight: float = 6.0


@dataclass(frozen=True)
class Device:
    """One thing that can be leased: a card, a MIG slice, or a card shared by several.

    Parameters
    ----------
    id
        What the engine is asked for: the driver's UUID (``GPU-...``, ``MIG-...``), or ``SIM-0`` of a simulated one.
    name
        Model in words, e.g. ``NVIDIA H200``.
    memory_mb
        Memory of the device, MiB.
    slots
        Leases it takes at a time: 1, or more for a shared card.
    cdi
        Name for the engine's ``cdi`` driver, e.g. ``nvidia.com/gpu=1:0``; empty: the id.
    """

    id: str
    kind: Kind = "whole"
    name: str = ""
    index: int = 0
    memory_mb: int = 0
    profile: str = ""
    slots: int = 1
    cdi: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Request:
    """What is asked for; all of `count` or none."""

    kind: Kind = "whole"
    count: int = 1
    profile: str = ""


@dataclass(frozen=True)
class Owner:
    """Who asks and what for. One server (or batch job) has at most one live lease and one ticket.

    Parameters
    ----------
    user
        Name of the hub user.
    server
        The server's name; of a batch run ``run:<id>``.
    use_case
        Slug, for the ledger.
    groups
        Hub groups, for quotas.
    """

    user: str
    server: str
    use_case: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """One place on one device."""

    device: str
    slot: int


@dataclass(frozen=True)
class Lease:
    """One owner's right to some devices.

    ``place`` is where it is used: ``docker:<container id>``, ``pid:<pid>:<creation time>``, or empty while reserved.
    ``deadline`` is when a reservation, or a lease that must be renewed, ends by itself (None: never). ``used_at`` is when use of its
    devices was last reported (None: never).
    """

    id: str
    owner: Owner
    request: Request
    held: tuple[Held, ...]
    state: State
    pool: Pool
    place: str
    started: float
    ended: float | None
    deadline: float | None
    why: str
    kept_until: float | None = None
    kept_times: int = 0
    used_at: float | None = None


@dataclass(frozen=True)
class Ticket:
    """A place in the queue."""

    id: int
    owner: Owner
    request: Request
    pool: Pool
    asked: float


@dataclass(frozen=True)
class Place:
    """Where a ticket stands: 1 is next. ``wait_s`` is an estimate, None where nothing is known."""

    position: int
    of: int
    wait_s: float | None


@dataclass(frozen=True)
class Asked:
    """The answer to a request: a lease, or a ticket and its place."""

    lease: Lease | None
    ticket: Ticket | None
    place: Place | None


@dataclass(frozen=True)
class Free:
    """What could be had now of one kind: free places of all places; drained and lost devices are in neither."""

    free: int
    total: int
    waiting: int


@dataclass(frozen=True)
class Seconds:
    """What one lease, person or use case was given and used, in device-seconds.

    ``allocated``: leased; ``held``: memory of the device in use by it; ``busy``: the device computed for it; ``used``: what
    quotas count (``held`` or ``busy`` of each report, whichever is more; the book computes it and ignores what it is given).
    """

    allocated: float = 0.0
    held: float = 0.0
    busy: float = 0.0
    used: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What is found to be running: a container with our labels, or a process.

    Parameters
    ----------
    place
        As in `Lease.place`.
    running
        Whether it runs, or only is still there.
    labels
        Labels of the container (`tidelab.leases.labels`), from which a lost lease is written again.
    """

    place: str
    running: bool
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """What a reconciliation did with one lease.

    ``conflict``: a container runs on a place that another running container has. The caller stops the one whose place is ``stop``; until
    then two programs share a device that each believes to have alone.
    """

    kind: Literal["adopted", "activated", "released", "conflict", "lost"]
    lease: Lease
    why: str
    stop: str = ""


@dataclass(frozen=True)
class DeviceState:
    """A device as the book knows it. ``present`` is False for one that is leased (or drained) and no longer there."""

    device: Device
    present: bool
    drained: bool
    why: str


@dataclass(frozen=True)
class Quota:
    """What one person may have, and has; None: no limit.

    Parameters
    ----------
    gpu_hours
        Measured use in the last `days` days, device-hours.
    gpus
        Places held at a time.
    servers, memory_gb, disk_gb
        Kept here, checked by the hub when a server starts.
    used_hours
        Measured use in the last `days` days.
    holds
        Places held now.
    sources
        Field -> where its limit comes from: ``person``, ``group <name>``, ``everyone`` or ``the hub's setting``.
    """

    gpu_hours: float | None = None
    days: float = 30.0
    gpus: int | None = None
    servers: int | None = None
    memory_gb: float | None = None
    used_hours: float = 0.0
    holds: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    disk_gb: float | None = None


@dataclass(frozen=True)
class QuotaRow:
    """Limits as an admin set them; None: not set here, infinity: lifted."""

    scope: Literal["person", "group", "everyone"]
    name: str
    gpu_hours: float | None
    days: float
    gpus: float | None
    servers: float | None
    memory_gb: float | None
    disk_gb: float | None


@dataclass(frozen=True)
class More:
    """Somebody's wish for more, and the answer to it (``answer`` is empty while there is none)."""

    id: int
    user: str
    text: str
    asked: float
    answer: str = ""
    granted: bool | None = None
    by: str = ""
    answered: float | None = None


@dataclass(frozen=True)
class Event:
    """One line of the book's log, which is only ever added to."""

    time: float
    kind: str
    user: str
    server: str
    lease: str
    by: str
    text: str
    waited_s: float | None
