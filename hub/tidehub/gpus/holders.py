"""Which lease a process of this machine belongs to: by its container, or by the process it descends from."""

from collections.abc import Callable, Iterable, Iterator

import psutil

from tidehub.gpus.cgroups import containers_of
from tidehub.processes import variable_of
from tidelab.leases import Lease
from tidelab.leases.processes import PREFIX as PROCESS
from tidelab.leases.processes import is_alive

CONTAINER = "docker:"
LEASE_VARIABLE = "TIDELAB_GPU_LEASE"
"""Set by `tidelab.leases.environment.environment_of`."""
_DEEPEST = 64


class Holders:
    """Finds the lease of a process.

    Parameters
    ----------
    leases
        The live leases.
    containers, ancestors
        How a process's containers and its own and its ancestors' ids are found; tests give their own.
    """

    def __init__(
        self,
        leases: Iterable[Lease],
        containers: Callable[[int], tuple[str, ...]] = containers_of,
        ancestors: Callable[[int], Iterable[int]] | None = None,
    ) -> None:
        self._containers = containers
        self._ancestors = ancestors or _lineage
        self._by_container: dict[str, str] = {}
        self._by_process: dict[int, tuple[str, str]] = {}
        for lease in leases:
            if lease.place.startswith(CONTAINER):
                self._by_container[lease.place.removeprefix(CONTAINER)] = lease.id
            elif lease.place.startswith(PROCESS):
                number = lease.place.removeprefix(PROCESS).partition(":")[0]
                self._by_process[int(number) if number.isdecimal() else -1] = (lease.id, lease.place)

    def lease_of(self, pid: int) -> str | None:
        """Return the id of the lease a process works under, None if it has none."""
        if self._by_container:
            for container in self._containers(pid):
                if container in self._by_container:
                    return self._by_container[container]
        if self._by_process:
            for ancestor in self._ancestors(pid):
                found = self._by_process.get(ancestor)
                if found and is_alive(found[1]):
                    return found[0]
            # A run outlives what started it; it was told its lease, and without containers it may say so.
            told = variable_of(pid, None, LEASE_VARIABLE)
            if told in {lease for lease, _ in self._by_process.values()}:
                return told
        return None


def _lineage(pid: int) -> Iterator[int]:
    """Yield a process's id and those of what started it, upwards."""
    yield pid
    try:
        parents = psutil.Process(pid).parents()
    except psutil.Error:
        return
    for parent in parents[:_DEEPEST]:
        yield parent.pid
