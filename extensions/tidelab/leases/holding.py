"""Holding a lease while a program works: for batch runs, trainings and the command line."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tidelab.leases import processes
from tidelab.leases.book import Book
from tidelab.leases.model import Asked, Lease, LeaseError, Owner, Place, Request
from tidelab.leases.words import of_seconds

ASK_EVERY_S: Final = 1.0


class NotYourTurnError(LeaseError):
    """No device came free within the time one was willing to wait."""


@contextmanager
def hold(
    owner: Owner,
    request: Request,
    *,
    wait_s: float | None = 0.0,
    on_wait: Callable[[Place], None] | None = None,
    book: Book | None = None,
    pid: int | None = None,
) -> Iterator[Lease]:
    """Take a lease, give it back at the end, whatever happens.

    The lease belongs to this process: when it is killed, the next reconciliation of anybody gives the devices back.

    Parameters
    ----------
    owner
        Who, e.g. ``Owner("ada", "run:20261120-1")``.
    request
        What; all of it or nothing.
    wait_s
        How long to wait for one's turn; None: as long as it takes.
    on_wait
        Called with the place in the queue when it changes.
    book
        Default: the book of `tidelab.paths.leases`.
    pid
        The process that the lease belongs to; default: this one.

    Raises
    ------
    NotYourTurnError
        Nothing came free in time; the text says at which place one stood.
    LeaseError
        The book refused (no such device, quota).
    """
    book = book or Book()
    place = processes.place_of(pid)
    if not place:
        raise LeaseError(f"There is no process {pid} that could hold a GPU.")
    lease = take(book, owner, request, place, wait_s=wait_s, on_wait=on_wait)
    why = "finished"
    try:
        yield lease
    except BaseException as error:
        why = f"ended with {type(error).__name__}"
        raise
    finally:
        book.release(lease.id, why)


def take(
    book: Book,
    owner: Owner,
    request: Request,
    place: str,
    *,
    wait_s: float | None,
    on_wait: Callable[[Place], None] | None = None,
    stop: threading.Event | None = None,
) -> Lease:
    """Ask for a lease and wait for one's turn; whoever gives up leaves the queue.

    Parameters
    ----------
    book, owner, request, place
        Where, who, what, and the process that will use it.
    wait_s, on_wait
        As in `hold`.
    stop
        Set from elsewhere to give up.

    Raises
    ------
    NotYourTurnError
        Nothing came free in time.
    LeaseError
        The book refused.
    """
    began = time.monotonic()
    asked = book.ask(owner, request, "batch", place=place)
    ticket, said = asked.ticket, None
    try:
        while (lease := asked.lease) is None:
            if on_wait is not None and asked.place != said and asked.place is not None:
                on_wait(asked.place)
            said = asked.place
            if wait_s is not None and time.monotonic() - began >= wait_s:
                raise NotYourTurnError(_too_late(asked, wait_s))
            left = ASK_EVERY_S if wait_s is None else began + wait_s - time.monotonic()
            pause = max(0.0, min(ASK_EVERY_S, left))
            if (stop or threading.Event()).wait(pause):
                raise NotYourTurnError("Stopped while waiting for a GPU.")
            assert ticket is not None
            asked = book.again(ticket.id, place=place)
    except LeaseError:
        if ticket is not None:
            book.withdraw(ticket.id)
        raise
    except BaseException:
        # Interrupted, perhaps just as the lease was written.
        book.release_server(owner.user, owner.server, "interrupted while waiting")
        raise
    return lease


def _too_late(asked: Asked, wait_s: float) -> str:
    where = asked.place
    text = "No GPU is free" if wait_s <= 0 else f"No GPU came free within {of_seconds(wait_s)}"
    if where is not None:
        text += f"; you would be number {where.position} of {where.of} in the queue"
        if where.wait_s is not None:
            text += f", for about {of_seconds(where.wait_s)}"
    return text + ". Wait longer with --wait, or work on CPU."
