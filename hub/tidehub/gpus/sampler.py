"""Gives what was seen on the devices to the leases that hold them, and counts three kinds of seconds.

Pure but for the questions it is given. Allocated: the device was leased. Held: besides, a process of the lease was on it.
Busy: besides, a kernel of the lease ran on it, by the driver's own measure (NVML's utilisation is the share of its sample period in
which a kernel ran: https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tidehub.gpus.driver import DeviceUse, ProcessUse
from tidelab.leases import Lease, Seconds

LONGEST_GAP = 2.0
"""Two looks further apart than so many intervals do not speak for the time between them."""


@dataclass(frozen=True)
class Intruder:
    """A process on a device that it has no lease of."""

    device: str
    pid: int
    memory_mb: int | None


@dataclass(frozen=True)
class LeaseUse:
    """What one lease does on all its devices at one look.

    Parameters
    ----------
    devices
        Devices that it holds.
    held
        Devices of these with memory of its processes.
    busy
        Sum over its devices of the share of time that they computed for it; None where that is not known of one of them.
    known_busy
        The same over those devices of which it is known.
    memory_mb
        Device memory of its processes, MiB.
    lost
        Why one of its devices cannot be used any more, in words; empty if all answer.
    """

    devices: int
    held: int = 0
    busy: float | None = 0.0
    known_busy: float = 0.0
    memory_mb: int = 0
    pids: tuple[int, ...] = ()
    lost: str = ""


@dataclass(frozen=True)
class Look:
    """Everything seen at one moment."""

    uses: Mapping[str, LeaseUse] = field(default_factory=dict)
    """Lease id -> what it does."""
    intruders: tuple[Intruder, ...] = ()


def attribute(
    devices: Sequence[DeviceUse], leases: Sequence[Lease], lease_of: Callable[[int], str | None]
) -> Look:
    """Return what each lease does on its devices, and who is on a device without a lease of it.

    Parameters
    ----------
    devices
        One look at every device.
    leases
        The live leases.
    lease_of
        Process id -> lease id or None.
    """
    by_id = {device.id: device for device in devices}
    holders: dict[str, set[str]] = {}
    for lease in leases:
        for held in lease.held:
            holders.setdefault(held.device, set()).add(lease.id)
    on: dict[tuple[str, str], list[ProcessUse]] = {}
    intruders = []
    for device in devices:
        for process in device.processes or ():
            found = lease_of(process.pid)
            if found is not None and found in holders.get(device.id, ()):
                on.setdefault((found, device.id), []).append(process)
            else:
                intruders.append(Intruder(device.id, process.pid, process.memory_mb))
    strangers = {intruder.device for intruder in intruders}
    uses = {
        lease.id: _together(
            [
                _on_device(
                    by_id.get(device),
                    on.get((lease.id, device), []),
                    alone=device not in strangers and len(holders[device]) == 1,
                    known=bool(devices),
                )
                for device in dict.fromkeys(held.device for held in lease.held)
            ]
        )
        for lease in leases
    }
    return Look(uses, tuple(intruders))


def _on_device(
    device: DeviceUse | None, processes: Sequence[ProcessUse], *, alone: bool, known: bool
) -> LeaseUse:
    """Return what one lease does on one device of its own."""
    if device is None:
        why = "the driver does not list it" if known else "no driver answers for it"
        return LeaseUse(1, busy=None, lost=why)
    if device.lost:
        return LeaseUse(1, busy=None, lost=device.lost)
    if device.processes is None:
        # Who computes is not known: the measure of the whole device counts where nobody else holds it.
        busy = device.busy if alone else None
        held = bool(device.used_mb) and bool(busy)
        return LeaseUse(1, int(held), busy, busy or 0.0, 0)
    if not processes:
        return LeaseUse(1)
    busy = device.busy if alone else _sum_of(processes)
    return LeaseUse(
        devices=1,
        held=1,
        busy=busy,
        known_busy=busy or 0.0,
        memory_mb=sum(process.memory_mb or 0 for process in processes),
        pids=tuple(process.pid for process in processes),
    )


def _sum_of(processes: Sequence[ProcessUse]) -> float | None:
    shares = [process.busy for process in processes]
    return None if None in shares else min(1.0, sum(share or 0.0 for share in shares))


def _together(parts: Sequence[LeaseUse]) -> LeaseUse:
    return LeaseUse(
        devices=len(parts),
        held=sum(part.held for part in parts),
        busy=None if any(part.busy is None for part in parts) else sum(part.known_busy for part in parts),
        known_busy=sum(part.known_busy for part in parts),
        memory_mb=sum(part.memory_mb for part in parts),
        pids=tuple(pid for part in parts for pid in part.pids),
        lost=next((part.lost for part in parts if part.lost), ""),
    )


def seconds(use: LeaseUse, elapsed_s: float, interval_s: float, age_s: float) -> Seconds:
    """Return the device-seconds that one look adds to a lease.

    Parameters
    ----------
    use
        What it does.
    elapsed_s
        Time since the look before, seconds; a gap of missed looks adds nothing, because nobody saw what happened in it.
    interval_s
        Time between looks as it is set.
    age_s
        How long the lease exists: what was before it is not its own.

    Examples
    --------
    >>> seconds(LeaseUse(devices=2, held=1, busy=0.5, known_busy=0.5), elapsed_s=10, interval_s=10, age_s=60)
    Seconds(allocated=20, held=10, busy=5.0)
    """
    if elapsed_s <= 0 or elapsed_s > LONGEST_GAP * interval_s:
        return Seconds()
    span = max(0, min(elapsed_s, age_s))
    return Seconds(allocated=use.devices * span, held=use.held * span, busy=use.known_busy * span)
