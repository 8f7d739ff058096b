"""The restic repository: ``RESTIC_REPOSITORY`` and ``RESTIC_PASSWORD_FILE`` say where it is and what opens it."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidehub.backup.errors import BackupError
from tidehub.backup.programs import run

TAG = "tidelab"
_MARK = "--tag"


@dataclass(frozen=True)
class Snapshot:
    """One backup in the repository: ``folder`` is the data folder it was made of."""

    id: str
    time: str
    tags: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Keep:
    """How many backups stay: the newest of so many days, weeks and months."""

    daily: int = 7
    weekly: int = 5
    monthly: int = 12


class Repository:
    """Where backups are kept: a folder, or anything else that restic knows (SFTP, S3)."""

    def __init__(self) -> None:
        missing = [name for name in ("RESTIC_REPOSITORY", "RESTIC_PASSWORD_FILE") if not os.environ.get(name)]
        if missing:
            raise BackupError(
                f"{' and '.join(missing)} not set: where backups are kept, and the file with the password that opens them. On a host "
                "installed with Ansible use tidelab-backup and tidelab-restore, which know."
            )
        self.place = os.environ["RESTIC_REPOSITORY"]

    def ensure(self) -> bool:
        """Make the repository if there is none; return whether it was made."""
        try:
            run(["restic", "cat", "config", "--quiet"], doing=f"open the repository {self.place}")
        except BackupError as error:
            if "wrong password" in str(error) or "no key found" in str(error):
                raise
            run(["restic", "init", "--quiet"], doing=f"make the repository {self.place}")
            return True
        return False

    def store(
        self, folder: Path, without: Iterable[Path], tags: Sequence[str], patterns: Iterable[str] = ()
    ) -> None:
        """Store a folder, leaving out some of its files and folders, and what matches a pattern."""
        marks = [part for tag in (TAG, *tags) for part in (_MARK, tag)]
        excluded = [f"--exclude={pattern}" for pattern in (*map(_literal, without), *patterns)]
        command = ["restic", "backup", "--quiet", "--exclude-caches", *marks, *excluded, str(folder)]
        run(command, doing=f"store {folder} in {self.place}")

    def forget(self, keep: Keep) -> None:
        """Remove backups that are older than what is kept, and free their space."""
        kept = [
            f"--keep-daily={keep.daily}",
            f"--keep-weekly={keep.weekly}",
            f"--keep-monthly={keep.monthly}",
        ]
        # All of them one series: a tag of one's own must not start another.
        command = ["restic", "forget", "--quiet", "--prune", "--group-by=", _MARK, TAG, *kept]
        run(command, doing=f"remove old backups from {self.place}")

    def check(self) -> None:
        """Read and check what is stored, one part in ten of the contents."""
        run(["restic", "check", "--quiet", "--read-data-subset=10%"], doing=f"check {self.place}")

    def snapshots(self) -> list[Snapshot]:
        """Return the backups, oldest first."""
        text = run(["restic", "snapshots", "--json", _MARK, TAG], doing=f"list the backups in {self.place}")
        try:
            found = [
                Snapshot(
                    one["short_id"], one["time"][:19], tuple(one.get("tags") or ()), Path(one["paths"][0])
                )
                for one in json.loads(text) or []
            ]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise BackupError(f"restic's list of {self.place} is not as expected ({error}).") from None
        return sorted(found, key=lambda snapshot: snapshot.time)

    def find(self, wanted: str) -> Snapshot:
        """Return the backup with an id, or the newest one for ``latest``."""
        known = self.snapshots()
        if not known:
            raise BackupError(f"There is no backup in {self.place} yet. Make one: tidelab-backup make")
        if wanted == "latest":
            return known[-1]
        for snapshot in known:
            if len(wanted) >= 4 and (snapshot.id.startswith(wanted) or wanted.startswith(snapshot.id)):
                return snapshot
        raise BackupError(
            f"There is no backup {wanted!r} in {self.place}. Known: {', '.join(one.id for one in known[-10:])}."
        )

    def fetch(self, snapshot: Snapshot, target: Path) -> Path:
        """Write a backup's files below ``target``, each checked by restic; return its data folder there."""
        command = ["restic", "restore", "--quiet", snapshot.id, f"--target={target}", "--verify"]
        run(command, doing=f"fetch the backup {snapshot.id}")
        return target / snapshot.folder.relative_to("/")


def _literal(path: Path) -> str:
    """Return a path as a pattern that means itself: restic reads ``*``, ``?``, ``[`` and a backslash as more."""
    return "".join(f"\\{character}" if character in "*?[\\" else character for character in str(path))
