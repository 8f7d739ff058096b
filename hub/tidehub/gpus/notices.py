"""What people must know although nobody was there to read it: "your GPU was given back at 10:32 because ...".

One JSON file, written by the service alone and replaced atomically; pages, the Lab and the home page read it. It also
is what makes a release survive a crash: a notice says how far it came, and the next round goes on from there.
"""

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tidelab import paths

KEEP_S = 7 * 86_400.0
MOST = 500
_MAX_BYTES = 4 * 1024 * 1024
Stage = Literal["stopping", "starting", "done", "failed"]
_STAGES = ("stopping", "starting", "done", "failed")


@dataclass(frozen=True)
class Notice:
    """One GPU that was given back.

    Parameters
    ----------
    when
        Seconds since 1970.
    stage
        ``stopping``: the server is being stopped; ``starting``: it is started again without a GPU; ``done``; ``failed``: it was not
        started again, ``text`` says why.
    resources
        Size of server it is started again with; empty: it stays stopped.
    text
        The sentences for the person.
    """

    id: str
    when: float
    user: str
    server: str
    lease: str
    stage: Stage
    resources: str
    text: str

    @classmethod
    def new(cls, user: str, server: str, lease: str, resources: str, text: str) -> "Notice":
        """Return one that begins now."""
        return cls(secrets.token_hex(6), time.time(), user, server, lease, "stopping", resources, text)


def file() -> Path:
    """Return where the notices are kept."""
    return paths.data() / "gpus" / "notices.json"


def read(user: str | None = None) -> list[Notice]:
    """Return the notices of a person (of everybody without a name), newest first; a broken file holds none."""
    try:
        with file().open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        entries = json.loads(raw) if len(raw) <= _MAX_BYTES else []
    except (OSError, ValueError, RecursionError):
        return []
    found = [notice for entry in entries if (notice := _notice(entry))] if isinstance(entries, list) else []
    chosen = [notice for notice in found if user is None or notice.user == user]
    return sorted(chosen, key=lambda notice: notice.when, reverse=True)


class Notices:
    """The one that writes them. Old ones go after a week."""

    def __init__(self) -> None:
        self._notices = {notice.id: notice for notice in read()}

    def of(self, user: str) -> list[Notice]:
        """Return a person's notices, newest first."""
        mine = (notice for notice in self._notices.values() if notice.user == user)
        return sorted(mine, key=lambda notice: notice.when, reverse=True)

    def unfinished(self) -> list[Notice]:
        """Return those whose server is not where it should be yet."""
        return [notice for notice in self._notices.values() if notice.stage in ("stopping", "starting")]

    def put(self, notice: Notice) -> None:
        """Write one, and see that it is on the disk."""
        self._notices[notice.id] = notice
        self._save()

    def set_stage(self, notice: Notice, stage: Stage, text: str | None = None) -> Notice:
        """Write how far one came."""
        changed = replace(notice, stage=stage, text=notice.text if text is None else text)
        self.put(changed)
        return changed

    def remove(self, identifier: str, user: str) -> bool:
        """Forget one that its person has read; tells whether it was theirs and there. One that goes on stays."""
        found = self._notices.get(identifier)
        if found is None or found.user != user or found.stage in ("stopping", "starting"):
            return False
        del self._notices[identifier]
        self._save()
        return True

    def drop(self, notice: Notice) -> None:
        """Forget one that did not come to pass."""
        if self._notices.pop(notice.id, None):
            self._save()

    def _save(self) -> None:
        oldest = time.time() - KEEP_S
        fresh = sorted(
            (n for n in self._notices.values() if n.when > oldest), key=lambda n: n.when, reverse=True
        )
        self._notices = {notice.id: notice for notice in fresh[:MOST]}
        write_json(file(), [asdict(notice) for notice in self._notices.values()], sync=True)


def write_json(target: Path, value: Any, *, sync: bool = False) -> None:
    """Replace a file at once: who reads it sees the old or the new one, also after a crash."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(value, stream, separators=(",", ":"))
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
    part.replace(target)


def _notice(entry: object) -> Notice | None:
    if not isinstance(entry, dict) or set(entry) != set(Notice.__dataclass_fields__):
        return None
    texts = [entry[name] for name in ("id", "user", "server", "lease", "resources", "text")]
    when = entry["when"]
    if not all(isinstance(text, str) for text in texts) or entry["stage"] not in _STAGES:
        return None
    return Notice(**entry) if isinstance(when, int | float) and not isinstance(when, bool) else None
