"""Asking an admin for more than a quota allows, and the answer. Functions on an open transaction."""

import sqlite3
from typing import Final

from tidelab.leases import rows
from tidelab.leases.model import LeaseError, More

LONGEST: Final = 2000
_ALL: Final = "SELECT id, user, text, asked, answer, granted, by, answered FROM more"


def ask_more(db: sqlite3.Connection, now: float, user: str, text: str) -> More:
    """Write a wish; an earlier one of the person without answer is replaced.

    Raises
    ------
    LeaseError
        The text is empty or too long.
    """
    text = text.strip()
    if not 1 <= len(text) <= LONGEST:
        raise LeaseError(f"Say in 1 to {LONGEST} characters what you need more for; this has {len(text)}.")
    db.execute("DELETE FROM more WHERE user = ? AND granted IS NULL", (user,))
    made = db.execute("INSERT INTO more (user, text, asked) VALUES (?, ?, ?)", (user, text, now))
    return _one(db, int(made.lastrowid or 0))


def all_of(db: sqlite3.Connection, *, open_only: bool) -> list[More]:
    """Return wishes, oldest first."""
    where = "WHERE granted IS NULL" if open_only else ""
    return [_more(row) for row in db.execute(f"{_ALL} {where} ORDER BY asked, id")]


def answer(db: sqlite3.Connection, now: float, request_id: int, granted: bool, by: str, text: str) -> More:
    """Answer a wish.

    Raises
    ------
    LeaseError
        There is no such wish, or it was answered before.
    """
    wish = _one(db, request_id)
    if wish.granted is not None:
        raise LeaseError(f"{wish.by} answered the request {request_id} of {wish.user} already.")
    db.execute(
        "UPDATE more SET answer = ?, granted = ?, by = ?, answered = ? WHERE id = ?",
        (text[:LONGEST], granted, by, now, request_id),
    )
    rows.note(
        db,
        now,
        "answered",
        by=by,
        text=f"{wish.user}: {'granted' if granted else 'refused'}: {text[:LONGEST]}",
    )
    return _one(db, request_id)


def _one(db: sqlite3.Connection, request_id: int) -> More:
    row = db.execute(f"{_ALL} WHERE id = ?", (request_id,)).fetchone()
    if row is None:
        raise LeaseError(f"There is no request {request_id}.")
    return _more(row)


def _more(row: tuple[int, str, str, float, str, int | None, str, float | None]) -> More:
    return More(*row[:5], None if row[5] is None else bool(row[5]), row[6], row[7])
