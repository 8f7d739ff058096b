"""Who holds which GPU: one crash-safe book for the hub, its services, batch runs and the command line. Standard library only."""

from tidelab.leases import inventory, labels
from tidelab.leases.book import Book
from tidelab.leases.holding import hold
from tidelab.leases.model import (
    Action,
    Asked,
    Device,
    DeviceState,
    Event,
    Free,
    Held,
    Lease,
    LeaseError,
    More,
    NoSuchGpuError,
    Owner,
    Place,
    Policy,
    Quota,
    QuotaExceededError,
    Request,
    Seconds,
    Seen,
    Ticket,
)

__all__ = [
    "Action",
    "Asked",
    "Book",
    "Device",
    "DeviceState",
    "Event",
    "Free",
    "Held",
    "Lease",
    "LeaseError",
    "More",
    "NoSuchGpuError",
    "Owner",
    "Place",
    "Policy",
    "Quota",
    "QuotaExceededError",
    "Request",
    "Seconds",
    "Seen",
    "Ticket",
    "hold",
    "inventory",
    "labels",
]
