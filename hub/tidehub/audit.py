"""What admins did with other people's servers, accounts and limits: one line of JSON each, appended, synced, never changed.

The file is ``<data>/hub/audit.jsonl``, mode 0600. Any process of the hub's account may append (`record`). It protects
against forgetting, not against the machine's own administrator, who can change any file.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from tidelab import paths

FILE_NAME: Final = "audit.jsonl"
ROTATE_BYTES: Final = 8 * 1024 * 1024
LONGEST_FIELD: Final = 300
MOST_SHOWN: Final = 500

ACTIONS: Final = {
    "opened": ("opened the server {thing} of {whom}", "opened your server {thing}"),
    "started": ("started the server {thing} of {whom}", "started your server {thing}"),
    "stopped": ("stopped the server {thing} of {whom}", "stopped your server {thing}"),
    "released": ("took back the GPU of {thing} of {whom}", "took back the GPU of your server {thing}"),
    "token": ("made a token that acts as {whom}", "made a token that acts in your name"),
    "shared": ("let others into the server {thing} of {whom}", "let others into your server {thing}"),
    "account": ("changed the account {whom}: {thing}", "changed your account: {thing}"),
    "group": ("changed the group {thing}: {whom}", "changed your membership of the group {thing}"),
    "answered": ("answered the request of {whom}: {thing}", "answered your request for more: {thing}"),
    "quota": ("changed the limits of {whom}: {thing}", "changed your limits: {thing}"),
}
"""Action -> what it says to admins, and to the person it was done to."""


class AuditError(OSError):
    """An entry that could not be written; what it would have recorded must not happen where reading is concerned."""


@dataclass(frozen=True)
class Entry:
    """One act.

    Parameters
    ----------
    when
        ISO 8601, UTC.
    who
        Name of the admin.
    what
        Key of `ACTIONS`.
    whom
        Name of the person it was done to; empty: everyone.
    thing
        Server, group, or what was changed.
    detail
        Anything else worth knowing, e.g. the old and new value.
    origin
        Address the request came from.
    """

    when: str
    who: str
    what: str
    whom: str = ""
    thing: str = ""
    detail: str = ""
    origin: str = ""

    @property
    def words(self) -> str:
        """Say it to an admin, without the name of who did it."""
        return _fill(ACTIONS.get(self.what, (f"{self.what} {{thing}} {{whom}}", ""))[0], self)

    @property
    def words_to_them(self) -> str:
        """Say it to the person it was done to, without the name of who did it."""
        return _fill(ACTIONS.get(self.what, ("", f"{self.what} {{thing}}"))[1], self)


def log_file() -> Path:
    """Return the file that is appended to."""
    return paths.data() / "hub" / FILE_NAME


def record(
    who: str, what: str, whom: str = "", thing: str = "", *, detail: str = "", origin: str = ""
) -> Entry:
    """Append one entry; it is on the disk when this returns.

    Raises
    ------
    AuditError
        It could not be written; the text says why.
    """
    fields = {"who": who, "what": what, "whom": whom, "thing": thing, "detail": detail, "origin": origin}
    entry = Entry(
        datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: _one_line(value) for name, value in fields.items()},
    )
    file = log_file()
    line = (json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode(errors="replace")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _append(file, line)
    except OSError as error:
        raise AuditError(
            error.errno or 0,
            f"The audit log {file.name} cannot be written ({error.strerror or error}), so this is not done. An admin of the "
            "machine frees disk space or repairs the folder.",
        ) from None
    return entry


def entries(
    *, whom: str | None = None, who: str | None = None, what: str | None = None, limit: int = MOST_SHOWN
) -> list[Entry]:
    """Return the newest entries that fit, newest first; lines that cannot be read are passed over."""
    found = []
    for entry in _newest_first():
        if (whom in (None, entry.whom)) and (who in (None, entry.who)) and (what in (None, entry.what)):
            found.append(entry)
            if len(found) >= min(limit, MOST_SHOWN):
                break
    return found


def _append(file: Path, line: bytes) -> None:
    while True:
        with _open(file) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            found = os.fstat(stream.fileno())
            if not _is_at(file, found):
                continue  # another process rotated it while we waited
            if found.st_size > ROTATE_BYTES and _set_aside(file):
                continue
            torn = found.st_size and os.pread(stream.fileno(), 1, found.st_size - 1) != b"\n"
            _write(stream, b"\n" + line if torn else line)  # torn: the machine went down within a line
            return


def _set_aside(file: Path) -> bool:
    try:
        file.rename(file.with_name(f"audit-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"))
    except OSError:
        return False  # it may only be appended to (chattr +a), so it grows on
    return True


def _is_at(file: Path, found: os.stat_result) -> bool:
    try:
        now = file.lstat()
    except FileNotFoundError:
        return False
    return (now.st_dev, now.st_ino) == (found.st_dev, found.st_ino)


def _open(file: Path) -> IO[bytes]:
    # Not through a link: the name is known, and what stands behind it must be ours.
    handle = os.open(file, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is not a regular file")
    return os.fdopen(handle, "ab", buffering=0)


def _write(stream: IO[bytes], line: bytes) -> None:
    if stream.write(line) != len(line):
        raise OSError(0, "the disk is full")
    os.fsync(stream.fileno())


def _newest_first() -> Iterator[Entry]:
    current = log_file()
    older = sorted(current.parent.glob("audit-*.jsonl"), reverse=True)
    for file in (current, *older):
        try:
            with file.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - 2 * ROTATE_BYTES))
                lines = stream.read().splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            if entry := _entry(line):
                yield entry


def _entry(line: bytes) -> Entry | None:
    try:
        values: Any = json.loads(line)
        return Entry(**{name: _one_line(str(values[name])) for name in Entry.__dataclass_fields__})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _one_line(value: str) -> str:
    return " ".join(value.split())[:LONGEST_FIELD]


def _fill(words: str, entry: Entry) -> str:
    return " ".join(words.format(thing=entry.thing, whom=entry.whom or "everyone").split())
