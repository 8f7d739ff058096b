"""What is asked of the GPUs of a machine, whoever answers."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ProcessUse:
    """One process on a device.

    Parameters
    ----------
    pid
        Process id as the host counts, also for a process in a container.
    memory_mb
        Memory of the device that it holds, MiB; None where the driver does not say.
    busy
        Share of the time since the last look in which the device computed for it, 0 to 1; None where not known.
    """

    pid: int
    memory_mb: int | None = None
    busy: float | None = None


@dataclass(frozen=True)
class DeviceUse:
    """One look at one device that can be leased: a card or a MIG slice.

    Parameters
    ----------
    id
        As in `tidelab.leases.Device.id`.
    busy
        Share of the driver's last sample period in which a kernel ran on it, 0 to 1; None where it cannot be known,
        which is so for a MIG slice.
    used_mb
        Memory in use, MiB; None where not known.
    processes
        Who computes on it; None where the driver cannot list them.
    lost
        Why the device cannot be used any more, in words; empty while it answers.
    """

    id: str
    name: str = ""
    index: int = 0
    busy: float | None = None
    used_mb: int | None = None
    processes: tuple[ProcessUse, ...] | None = ()
    lost: str = ""


class Driver(Protocol):
    """Answers for all devices of this machine."""

    @property
    def problem(self) -> str:
        """Why there are no devices, or not all, in words; empty if nothing is wrong."""

    def look(self) -> list[DeviceUse]:
        """Look at every device once; never raises. May block for some milliseconds a device."""

    def close(self) -> None:
        """Let go of the driver."""


class NoDriver:
    """A machine without GPUs, or one that is not to use them."""

    problem = ""

    def look(self) -> list[DeviceUse]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""
