"""What a use case's data policy means for the files of a run (``docs/explanation/data-policy.md`` has the whole table)."""

import datetime
import os
import re
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.catalogue.policy import PolicyKind
from tidelab.runs.beneath import read
from tidelab.runs.files import write_text

CACHE_FILE: Final = "results.sqlite"
EPHEMERAL_FILE: Final = ".ephemeral"
"""In the folder of a run that is not kept: the hours for which it stays after its end."""
CACHE_FOLDER: Final = ".cache"
TEMPORARY: Final = ".tmp"
"""Folder beside the runs, of files that a process which acts for their owner needs for a while."""
TRASH: Final = ".trash"
"""Folder beside the runs, of deletions that are not finished."""
UPLOADS: Final = ".uploads"
"""Folder beside the runs, with one folder for each upload."""

_KEPT = re.compile(r"-keep([0-9]{1,3})h(?:\.part)?$")


def cache_file(runs_root: Path, slug: str, kind: PolicyKind) -> Path | None:
    """Return where results per image are kept; None where they are not.

    Parameters
    ----------
    runs_root
        Folder of the person's runs.
    slug, kind
        Of the use case.
    """
    if kind == "ephemeral":
        return None
    return shared_cache(slug) if kind in ("shared", "open") else own_cache(runs_root)


def own_cache(runs_root: Path) -> Path:
    """Return a person's cache: beside the runs, or where ``TIDELAB_CACHE`` says."""
    override = os.environ.get("TIDELAB_CACHE")
    return (Path(override).resolve() if override else runs_root / CACHE_FOLDER) / CACHE_FILE


def shared_cache(slug: str) -> Path:
    """Return the cache that everyone's runs of a use case share."""
    return paths.data() / "cache" / slug / CACHE_FILE


def reader_cache(cache: Path, slug: str) -> Path:
    """Return where a use case's reader keeps what it computed of inputs: beside the cache of results."""
    return cache.parent / "readers" / slug


def mark_ephemeral(folder: Path, hours: int) -> None:
    """Mark a run that is removed some hours after its end."""
    write_text(folder / EPHEMERAL_FILE, f"{hours}\n")


def ephemeral_hours(folder: Path) -> int | None:
    """Return for how many hours a run stays after its end; None for a run that is kept."""
    try:
        text = read(folder / EPHEMERAL_FILE, 100).decode("ascii").strip()
        return min(int(text), 168)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        # Marked, and the mark is damaged: the promise was not to keep it.
        return 0


def may_show_pictures(folder: Path) -> bool:
    """Whether pictures of a run may be shown here: those of a run that is not kept only where nothing saves them, in the app."""
    return "VOILA_BASE_URL" in os.environ or not (folder / EPHEMERAL_FILE).exists()


def honest(message: str, *, kept: bool) -> str:
    """Return a sentence about a run that stopped, without the promise that finished images are kept where they are not.

    >>> honest("The run was cancelled. Finished images are kept.", kept=False)
    'The run was cancelled. Nothing of it is kept: it begins anew.'
    """
    if kept:
        return message
    short = message.replace("Finished images are kept.", "Nothing of it is kept: it begins anew.")
    return short.replace("finished images are kept", "nothing of it is kept, it begins anew")


def upload_name(stem: str, hours: int | None) -> str:
    """Return the name of an upload's folder, which says for how many hours it is kept where the use case limits that."""
    return stem if hours is None else f"{stem}-keep{hours}h"


def upload_hours(name: str) -> int | None:
    """Return for how many hours an upload of that name is kept; None where its use case does not limit it."""
    found = _KEPT.search(name)
    return int(found[1]) if found else None


def is_expired(ended: str | None, hours: int, now: datetime.datetime) -> bool:
    """Whether a run that ended then (ISO 8601; None or no time: long ago) is due."""
    try:
        moment = datetime.datetime.fromisoformat(ended or "")
        return now - moment >= datetime.timedelta(hours=hours)
    except (ValueError, TypeError):
        return True
