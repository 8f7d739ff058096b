"""Which contents were seen before: so that an image that is analysed ten times is ingested once.

``<data>/usage/seen.sqlite`` holds, for each content and use case, a keyed digest of 16 bytes (`tidelab.pseudonyms`) and the
event that brought it first. It outlives the images: deleting a run does not make its images new again.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Final
from uuid import UUID

from tidelab import paths
from tidelab.domain.usage import Purpose
from tidelab.pseudonyms import fingerprint

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS seen (content BLOB PRIMARY KEY, event BLOB NOT NULL) WITHOUT ROWID"
)
_BATCH: Final = 500
_TIMEOUT_S: Final = 30


def count_ingested(
    image_ids: Iterable[str], *, use_case: str, purpose: Purpose, event: UUID, key: bytes, keep: bool = True
) -> int:
    """Return how many contents this event brought that no other event of the use case and purpose had brought before.

    Asking again for the same event gives the same number, so a run that is resumed does not turn its images into old ones.

    Parameters
    ----------
    image_ids
        ``sha256:<hex>``, with ``#<page>`` for a page; each content counts once.
    use_case, purpose
        Demonstrations and tests have books of their own.
    event, key
        Id of the event, and the key of `tidelab.pseudonyms`.
    keep
        Whether the contents are remembered. Not for an ephemeral use case: there every distinct content of a run counts as new.

    Raises
    ------
    OSError, sqlite3.Error
        When the book cannot be read or written.
    """
    contents = sorted({fingerprint(f"{purpose}/{use_case}/{image_id}", key) for image_id in image_ids})
    if not keep:
        return len(contents)
    path = paths.usage() / "seen.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = event.bytes[:8]
    count = 0
    with closing(sqlite3.connect(path, timeout=_TIMEOUT_S)) as database:
        path.chmod(0o600)
        database.execute(_SCHEMA)
        with database:
            database.execute("BEGIN IMMEDIATE")
            for start in range(0, len(contents), _BATCH):
                part = contents[start : start + _BATCH]
                database.executemany(
                    "INSERT OR IGNORE INTO seen VALUES (?, ?)", [(one, mine) for one in part]
                )
                marks = ",".join("?" * len(part))
                (found,) = database.execute(
                    f"SELECT count(*) FROM seen WHERE event = ? AND content IN ({marks})",  # noqa: S608  only marks
                    [mine, *part],
                ).fetchone()
                count += int(found)
    return count
