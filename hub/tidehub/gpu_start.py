"""The lease book at the start of the hub: what the machine has, and what really runs."""

import logging
import sqlite3
import time
from typing import Any

from tidehub.docker.seen import seen
from tidehub.docker.service_container import instance
from tidehub.gpu_lease import GpuDesk
from tidehub.settings import Settings
from tidelab.leases import LeaseError, Policy, inventory
from tidelab.leases.book import Book

log = logging.getLogger("tidehub")


def open_desk(settings: Settings, client: Any | None) -> GpuDesk | None:
    """Open the book, write down what GPUs there are, and make it say what runs; a broken book costs GPUs and nothing else.

    Parameters
    ----------
    settings
        The hub's settings.
    client
        The engine in docker mode, None where servers are processes.
    """
    if settings.gpus == "none":
        return None
    try:
        devices = inventory.read(settings.gpus, settings.gpu_shared_slots)
        book = Book()
        hours = settings.gpu_max_hours
        book.set_policy(
            Policy(
                for_apps=settings.gpu_for_apps,
                per_person=settings.gpu_per_person,
                max_s=hours * 3600 if hours else None,
            )
        )
        book.set_inventory(devices)
        as_of = time.time()
        running = seen(client, instance(settings), starting_seconds=0) if client is not None else []
        for action in book.reconcile(running, boot=True, as_of=as_of):
            log.warning("GPU of %s: %s (%s).", action.lease.owner.user, action.kind, action.why)
    except (LeaseError, sqlite3.Error, OSError) as error:
        log.error(
            "The lease book cannot be used, so nobody gets a GPU until the hub is started again: %s", error
        )
        return None
    return GpuDesk(book, devices, in_processes=client is None)
