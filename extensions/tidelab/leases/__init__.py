"""Who holds which GPU: one crash-safe book for the hub, its services, batch runs and the command line. Standard library only."""

from tidelab.leases.model import (
    Asked,
    Device,
    Free,
    Held,
    Lease,
    LeaseError,
    NoSuchGpuError,
    Owner,
    Place,
    QuotaExceededError,
    Request,
    Seconds,
    Seen,
    Ticket,
)

__all__ = [
    "Asked",
    "Device",
    "Free",
    "Held",
    "Lease",
    "LeaseError",
    "NoSuchGpuError",
    "Owner",
    "Place",
    "QuotaExceededError",
    "Request",
    "Seconds",
    "Seen",
    "Ticket",
]
