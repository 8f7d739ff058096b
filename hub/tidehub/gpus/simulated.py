"""Pretended GPUs, to see queue, ledger, warning and release on any machine (``TIDEHUB_GPUS=simulated:N``).

A process uses one by a file: ``<data>/gpus/simulated/<device>/<process id>``. While the process lives it holds memory of the
device, and for half a minute after each touch of the file it computes. The file may be empty, or a JSON object
``{"memory_mb": 2000, "busy": 0.5}``. Nothing of it is a measurement, and everything that shows it says "simulated".
"""

import json
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tidehub.gpus.driver import DeviceUse, ProcessUse
from tidelab import paths
from tidelab.leases import Device

BUSY_SECONDS = 30.0
"""How long one touch counts as computing."""
DEFAULT_MEMORY_MB = 1000
_MAX_BYTES = 4096
_MAX_FILES = 256


def folder() -> Path:
    """Return where use is pretended."""
    return paths.data() / "gpus" / "simulated"


class SimulatedDriver:
    """Looks at the files.

    Parameters
    ----------
    devices
        The simulated devices of the inventory.
    busy_seconds
        How long one touch counts as computing.
    """

    problem = ""

    def __init__(self, devices: Sequence[Device], busy_seconds: float = BUSY_SECONDS) -> None:
        self._devices = [device for device in devices if device.simulated]
        self._busy_seconds = busy_seconds

    def look(self) -> list[DeviceUse]:
        """Look at every device; a folder with a file ``lost`` in it is a card that fell off the bus."""
        return [self._look(device) for device in self._devices]

    def close(self) -> None:
        """Do nothing."""

    def _look(self, device: Device) -> DeviceUse:
        files = _files(folder() / device.id)
        if any(file.name == "lost" for file in files):
            return DeviceUse(
                device.id, device.name, device.index, None, None, None, "simulated: the card is lost"
            )
        processes = tuple(use for file in files if (use := self._process(file)) is not None)
        return DeviceUse(
            id=device.id,
            name=device.name,
            index=device.index,
            busy=min(1.0, sum(use.busy or 0.0 for use in processes)),
            used_mb=sum(use.memory_mb or 0 for use in processes),
            processes=processes,
        )

    def _process(self, file: Path) -> ProcessUse | None:
        if not file.name.isdecimal() or len(file.name) > 9 or not psutil.pid_exists(int(file.name)):
            return None
        found = _read(file)
        if found is None:
            return None
        touched, said = found
        fresh = time.time() - touched < self._busy_seconds
        memory = _number(said.get("memory_mb"), DEFAULT_MEMORY_MB)
        busy = min(1.0, _number(said.get("busy"), 1.0)) if fresh else 0.0
        return ProcessUse(int(file.name), int(memory), busy)


def _files(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            return [Path(entry.path) for entry, _ in zip(entries, range(_MAX_FILES), strict=False)]
    except OSError:
        return []


def _read(file: Path) -> tuple[float, dict[str, object]] | None:
    """Return when a file was touched and what it says; None if it is no plain small file."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
                return None
            raw = stream.read(_MAX_BYTES)
        said = json.loads(raw) if raw.strip() else {}
    except (OSError, ValueError, RecursionError):
        return None
    return (found.st_mtime, said) if isinstance(said, dict) else None


def _number(value: object, default: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return default
