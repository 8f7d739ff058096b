"""What can be had: devices, the places on them that are taken, and who may take the others. Plain Python, no database."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidelab.leases.model import Device, DeviceState, Held, Kind, Policy, Pool, Request

PATIENT: tuple[Pool, ...] = ("apps", "batch")
"""Pools for which `Policy.for_apps` keeps devices free."""


@dataclass
class Ground:
    """Devices and who has which place on them, as one transaction sees them.

    Parameters
    ----------
    states
        Every device of the book.
    policy
        How places are handed out.
    taken
        Device -> place -> (kind and pool of the lease that has it).
    last_used
        Device -> when the last lease on it ended, so that all cards of a machine are used alike.
    """

    states: Sequence[DeviceState]
    policy: Policy
    taken: dict[str, dict[int, tuple[Kind, Pool]]] = field(default_factory=dict)
    last_used: dict[str, float] = field(default_factory=dict)

    def take(self, places: Sequence[Held], kind: Kind, pool: Pool) -> None:
        """Note places as taken."""
        for place in places:
            self.taken.setdefault(place.device, {})[place.slot] = (kind, pool)

    def usable(self, request: Request) -> list[Device]:
        """Return the devices of the kind that are there and not drained."""
        return [state.device for state in self.of_kind(request) if not state.drained]

    def of_kind(self, request: Request) -> list[DeviceState]:
        """Return the devices of the kind that are there."""
        wanted = (request.kind, request.profile)
        return [
            state
            for state in self.states
            if state.present and (state.device.kind, state.device.profile) == wanted
        ]

    def limit(self, devices: int, pool: Pool) -> int:
        """Return on how many of so many devices this pool may have places."""
        return devices if pool in PATIENT else max(0, devices - self.policy.for_apps)

    def candidates(self, request: Request, pool: Pool) -> list[Held]:
        """Return the best free place of each device that this pool may use now, best first.

        Emptier devices come first, then those that rested longest. Places of one lease are on different devices: two on the
        same shared card would be half of it twice.
        """
        usable = self.usable(request)
        occupied = {
            device.id
            for device in usable
            if any(pools not in PATIENT for _, pools in self.taken.get(device.id, {}).values())
        }
        more = self.limit(len(usable), pool) - len(occupied)
        found: list[tuple[tuple[float, float, int], Held]] = []
        for device in usable:
            place = self._free_place(device, request.kind)
            if place is not None:
                load = len(self.taken.get(device.id, {})) / device.slots
                found.append(((load, self.last_used.get(device.id, 0.0), device.index), place))
        chosen = []
        for _, place in sorted(found, key=lambda item: item[0]):
            if pool not in PATIENT and place.device not in occupied:
                if more <= 0:
                    continue
                more -= 1
            chosen.append(place)
        return chosen

    def choose(self, request: Request, pool: Pool) -> tuple[Held, ...] | None:
        """Return all the places a request needs, or None if they cannot be had now."""
        places = self.candidates(request, pool)
        return tuple(places[: request.count]) if len(places) >= request.count else None

    def can_ever(self, request: Request, pool: Pool) -> bool:
        """Tell whether waiting can end as things are: enough devices of the kind for this pool, in use or not."""
        return self.limit(len(self.usable(request)), pool) >= request.count

    def _free_place(self, device: Device, kind: Kind) -> Held | None:
        taken = self.taken.get(device.id, {})
        if any(other != kind for other, _ in taken.values()):
            return None  # leased whole, or shared: never both
        free = (slot for slot in range(device.slots) if slot not in taken)
        slot = next(free, None)
        return None if slot is None else Held(device.id, slot)

    def places(self, request: Request, pool: Pool) -> tuple[int, int]:
        """Return how many places of the kind are free for this pool, and how many there are."""
        usable = self.usable(request)
        total = sum(
            sorted((device.slots for device in usable), reverse=True)[: self.limit(len(usable), pool)]
        )
        open_devices = {place.device for place in self.candidates(request, pool)}
        free = sum(
            device.slots - len(self.taken.get(device.id, {}))
            for device in usable
            if device.id in open_devices
        )
        return free, total
