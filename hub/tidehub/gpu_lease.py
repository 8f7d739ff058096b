"""The desk where servers get their GPUs: asks the lease book, waits in its queue, says what happens in words.

Used by every kind of spawner. The book is asked in one thread: what is asked first is done first, so the release that follows a
start somebody gave up finds what that start was given.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from tidehub.panel_variables import lease_variable
from tidelab.leases import Asked, Device, Lease, LeaseError, Owner, Place, Request, Ticket, words
from tidelab.leases.book import Book
from tidelab.leases.environment import environment_of

ASK_AGAIN_SECONDS: Final = 1.0
"""How often one who waits asks; it is also the sign of life without which a ticket ends."""
Result = TypeVar("Result")


class LeaseRefusedError(Exception):
    """A GPU that is not given; the text is the sentence for the person."""


class GpuDesk:
    """Leases for servers.

    Parameters
    ----------
    book
        The lease book.
    devices
        What this machine has.
    in_processes
        Whether servers are processes that see every card: then a variable is all that keeps them off a card of somebody else.
    """

    def __init__(self, book: Book, devices: Sequence[Device], *, in_processes: bool) -> None:
        self._book = book
        self._devices: Mapping[str, Device] = {device.id: device for device in devices}
        self._in_processes = in_processes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease-book")

    def __deepcopy__(self, memo: object) -> "GpuDesk":
        """Return itself: traitlets copies configuration values."""
        return self

    @property
    def has_real(self) -> bool:
        """Whether any device is more than a pretended one."""
        return any(not device.simulated for device in self._devices.values())

    # For a server

    async def obtain(self, owner: Owner, request: Request, say: Callable[[str], None]) -> Lease:
        """Return a lease; wait in the queue as long as that takes.

        Parameters
        ----------
        say
            Takes a sentence whenever there is something new to tell.

        Raises
        ------
        LeaseRefusedError
            The book refuses: no such GPU here, a quota is used up, or the ticket was lost.
        """
        asked = await self._ask(lambda: self._book.ask(owner, request))
        while asked.lease is None:
            assert asked.ticket is not None
            ticket = asked.ticket
            if asked.place is not None:
                say(queue_sentence(asked.place, request))
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            asked = await self._ask(lambda ticket=ticket: self._again(ticket))  # type: ignore[misc]
        return asked.lease

    async def activate(self, lease: Lease, place: str) -> None:
        """Note where a lease is used.

        Raises
        ------
        LeaseRefusedError
            It is no longer this server's.
        """
        await self._ask(lambda: self._book.activate(lease.id, place))

    async def release(self, user: str, server: str, why: str) -> None:
        """Give back what a server holds and its place in the queue, whatever that is; nothing is fine too."""
        await self._run(lambda: self._book.release_server(user, server, why))

    # In words and variables

    def devices(self, lease: Lease) -> list[Device]:
        """Return the devices of a lease."""
        return [self._devices.get(held.device, Device(held.device)) for held in lease.held]

    def words(self, lease: Lease) -> str:
        """Say which devices were given."""
        return ", ".join(device_words(device) for device in self.devices(lease))

    def environment(self, lease: Lease | None) -> dict[str, str]:
        """Return the variables that tell a server which devices are its own.

        Beside other processes an empty ``CUDA_VISIBLE_DEVICES`` hides every card from a server without a lease. That is a promise
        among those who share the account: whoever changes the variable sees the cards again. A container has its devices, and no
        variable is needed.
        """
        if lease is None:
            return {"CUDA_VISIBLE_DEVICES": ""} if self._in_processes and self._devices else {}
        devices = self.devices(lease)
        variables = environment_of(lease, devices)
        if not self._in_processes:
            del variables["CUDA_VISIBLE_DEVICES"]
        variables["TIDELAB_LEASE"] = lease_variable(lease, devices, in_processes=self._in_processes)
        return variables

    # The book

    def _again(self, ticket: Ticket) -> Asked:
        return self._book.again(ticket.id)

    async def _ask(self, call: Callable[[], Result]) -> Result:
        try:
            return await self._run(call)
        except LeaseError as error:
            raise LeaseRefusedError(str(error)) from None

    async def _run(self, call: Callable[[], Result]) -> Result:
        return await asyncio.wrap_future(self._thread.submit(call))


def queue_sentence(place: Place, request: Request) -> str:
    """Say where somebody stands in the queue.

    >>> queue_sentence(Place(2, 3, 1200.0), Request())
    'All GPUs are in use. You are 2nd of 3 who wait; about 20 minutes.'
    """
    what = {"whole": "GPUs", "mig": f"GPU slices {request.profile}", "shared": "places on shared GPUs"}
    wait = "" if place.wait_s is None else words.of_seconds(place.wait_s)
    estimate = f"; {'' if wait.startswith('less') else 'about '}{wait}" if wait else ""
    where = "You are next" if place.position == 1 else f"You are {_ordinal(place.position)}"
    of = " and the only one who waits" if place.of == 1 else f" of {place.of} who wait"
    return f"All {what[request.kind]} are in use. {where}{of}{estimate}."


def device_words(device: Device) -> str:
    """Name one device.

    >>> device_words(Device("SIM-0", index=0, simulated=True))
    'simulated GPU 0'
    """
    if device.simulated:
        return f"simulated GPU {device.index}"
    kind = f"slice {device.profile} of GPU" if device.kind == "mig" else "GPU"
    shared = ", shared with others" if device.kind == "shared" else ""
    return f"{kind} {device.index}{f' ({device.name})' if device.name else ''}{shared}"


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return str(number) + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
