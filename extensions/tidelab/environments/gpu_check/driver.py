"""What the NVIDIA driver shows: ``nvidia-smi -L``, MIG slices included."""

import re
import shutil
from dataclasses import dataclass, replace

from tidelab.environments.gpu_check.running import run

SECONDS = 20.0
MAX_DEVICES = 64
_CARD = re.compile(r"GPU (\d+): (.{1,120}?) \(UUID: (GPU-[0-9A-Za-z-]{1,64})\)")
_SLICE = re.compile(r"\s+MIG (\S{1,40})\s+Device\s+\d+: \(UUID: (MIG-[0-9A-Za-z/-]{1,80})\)")


class DriverError(RuntimeError):
    """The driver shows nothing; the text goes on after "the driver shows none: "."""

    def __init__(self, message: str, *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


@dataclass(frozen=True)
class DriverDevice:
    """One card or MIG slice; ``memory_mb`` in MiB, 0 where the driver does not say it."""

    id: str
    name: str
    memory_mb: int = 0


def driver_devices(seconds: float = SECONDS) -> list[DriverDevice]:
    """Return what ``nvidia-smi`` on the PATH lists.

    Parameters
    ----------
    seconds
        How long it may take.

    Raises
    ------
    DriverError
        It is not there, fails, does not answer, or says something that cannot be read.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        raise DriverError("there is no nvidia-smi in this server", absent=True)
    listed = _ask([command, "-L"], seconds)
    devices = parse_list(listed)
    if not devices and listed.strip() and not listed.startswith("No devices found"):
        raise DriverError(f"nvidia-smi says what cannot be read: {first_line(listed)}")
    try:
        query = ["--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
        memory = parse_memory(_ask([command, *query], seconds))
    except DriverError:
        memory = {}  # a detail; that the card is there is known already
    return [replace(device, memory_mb=memory.get(device.id, 0)) for device in devices]


def parse_list(text: str) -> list[DriverDevice]:
    r"""Read ``nvidia-smi -L``; a card that is cut into slices stands for its slices.

    >>> [d.name for d in parse_list("GPU 0: NVIDIA H200 (UUID: GPU-1)\n  MIG 1g.18gb     Device  0: (UUID: MIG-2)")]
    ['NVIDIA H200 1g.18gb']
    """
    found: list[DriverDevice] = []
    card = ""
    for line in text.splitlines()[: 10 * MAX_DEVICES]:
        if whole := _CARD.match(line):
            card = whole[2]
            found.append(DriverDevice(whole[3], card))
        elif (part := _SLICE.match(line)) and found:
            if found[-1].id.startswith("GPU-"):
                found.pop()
            found.append(DriverDevice(part[2], f"{card} {part[1]}"))
    return found[:MAX_DEVICES]


def parse_memory(text: str) -> dict[str, int]:
    r"""Read ``uuid, MiB`` lines; others are left out.

    >>> parse_memory("GPU-1, 143771\nGPU-2, [N/A]")
    {'GPU-1': 143771}
    """
    rows = [line.split(",") for line in text.splitlines()[:MAX_DEVICES]]
    return {
        row[0].strip(): int(row[1])
        for row in rows
        if len(row) == 2 and re.fullmatch(r"\s*\d{1,9}\s*", row[1])
    }


def first_line(text: str) -> str:
    """Return the first line that says something, cut to 200 characters."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    printable = "".join(c if c.isprintable() else "?" for c in next((line for line in lines if line), ""))
    return printable[:200] or "nothing"


def _ask(command: list[str], seconds: float) -> str:
    try:
        done = run(command, seconds)
    except OSError as error:
        raise DriverError(f"nvidia-smi cannot be started ({error.strerror})") from error
    if done.status is None:
        raise DriverError(f"nvidia-smi did not answer within {seconds:g} s, so the driver or the card hangs")
    if done.status != 0:
        raise DriverError(f"nvidia-smi says: {first_line(done.output + chr(10) + done.errors)}")
    return done.output
