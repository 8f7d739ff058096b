"""Who uses this kernel: in Lab and report the owner of the process, in the app the person whose page said hello."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidelab import paths
from tidelab.domain.ticket import TicketError, public_key, verify


@dataclass(frozen=True)
class Visitor:
    """A person, and the folder their runs are kept in."""

    user: str
    runs_root: Path


def local_visitor() -> Visitor:
    """Return the person who owns this process (Lab and report)."""
    return Visitor(os.environ.get("JUPYTERHUB_USER") or getpass.getuser(), paths.runs())


def app_visitor(ticket: str, app: str, environ: Mapping[str, str] | None = None) -> Visitor:
    """Return the person a page's ticket stands for.

    Raises
    ------
    TicketError
        When the ticket is forged, too old, for another app, or this kernel was given no key to check it with.
    """
    key = (os.environ if environ is None else environ).get("TIDELAB_TICKET_KEY", "")
    if not key:
        raise TicketError("this app was started without the key that tells who its visitors are.")
    user = verify(ticket, public_key(key), app).user
    return Visitor(user, paths.user_runs(user))
