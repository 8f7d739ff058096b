"""What the lease says: ``TIDELAB_LEASE``, ``{"id", "devices": [{"id", "name", "memory_mb"}], "promise", "simulated"}``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "TIDELAB_LEASE"
MAX_DEVICES = 64


class LeaseUnreadableError(ValueError):
    """The variable holds something else than the contract says."""


@dataclass(frozen=True)
class ExpectedDevice:
    """One leased device: the driver's UUID, the model, and its memory in MiB (0: not known)."""

    id: str
    name: str
    memory_mb: int


@dataclass(frozen=True)
class Expected:
    """A lease as the server was told. ``promise`` is a sentence where the lease keeps nobody out, else empty."""

    devices: tuple[ExpectedDevice, ...]
    promise: str = ""
    simulated: bool = False


def expected(variable: str) -> Expected | None:
    """Read the variable; None without a lease (it is empty or names no device).

    Raises
    ------
    LeaseUnreadableError
        It is not what the contract says.
    """
    if not variable.strip():
        return None
    try:
        lease = json.loads(variable)
    except (ValueError, RecursionError) as error:
        raise LeaseUnreadableError(f"{VARIABLE} is not JSON") from error
    if not isinstance(lease, dict) or not isinstance(lease.get("devices"), list):
        raise LeaseUnreadableError(f"{VARIABLE} has no list `devices`")
    found = tuple(_device(entry) for entry in lease["devices"][:MAX_DEVICES])
    if not found:
        return None
    promise = lease.get("promise")
    return Expected(found, promise if isinstance(promise, str) else "", lease.get("simulated") is True)


def _device(entry: object) -> ExpectedDevice:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), str) or not entry["id"]:
        raise LeaseUnreadableError(f"{VARIABLE} has a device without `id`")
    given: Mapping[str, Any] = entry
    name, memory = given.get("name"), given.get("memory_mb")
    return ExpectedDevice(
        given["id"][:100],
        " ".join(name.split())[:80] if isinstance(name, str) else "",
        memory if isinstance(memory, int) and not isinstance(memory, bool) and 0 < memory < 10**9 else 0,
    )
