"""``python -m tidehub.backup make|list|check|restore``; on a host installed with Ansible ``tidelab-backup`` and ``tidelab-restore``."""

import argparse
import fcntl
import os
import sys
from pathlib import Path

from tidehub.backup import staged
from tidehub.backup.errors import BackupError
from tidehub.backup.repository import Keep, Repository
from tidehub.backup.restoring import restore
from tidehub.settings import Settings, SettingsError, load_settings
from tidelab import paths

# Made anew by whoever needs them, or true of one moment on one machine only.
NOT_KEPT = ("logs", "status", "run-slots", "hub/instance.json", "hub/instance.lock", "hub/ports.json")
CACHES = ("homes/*/runs/.cache", "homes/*/runs/.uploads", "homes/*/.cache")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        _run(given, load_settings(), paths.data())
    except (BackupError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def database_urls(settings: Settings) -> dict[str, str]:
    """Return the addresses of the databases that PostgreSQL keeps, by name."""
    chosen = {"hub": settings.db_url, "mlflow": settings.mlflow_db_url}
    urls = {name: url.get_secret_value() for name, url in chosen.items() if url}
    return {name: url for name, url in urls.items() if url.startswith("postgresql")}


def owner_of(data: Path) -> tuple[int, int] | None:
    """Return uid and gid of the data folder for root, who works for somebody else; None for everybody else."""
    if os.getuid() != 0:
        return None
    status = data.stat()
    return (status.st_uid, status.st_gid) if status.st_uid else None


def _run(given: argparse.Namespace, settings: Settings, data: Path) -> None:
    repository = Repository()
    if given.action == "make":
        _make(given, settings, data, repository)
    elif given.action == "list":
        for snapshot in repository.snapshots():
            print(f"{snapshot.id}  {snapshot.time} UTC  {', '.join(snapshot.tags)}")
    elif given.action == "check":
        repository.check()
        print(f"The backups in {repository.place} are sound (index, and a tenth of the contents read).")
    else:
        data.mkdir(parents=True, exist_ok=True)
        snapshot = repository.find(given.snapshot)
        aside = restore(
            repository,
            snapshot,
            data,
            database_urls(settings),
            replace=given.replace,
            owner=owner_of(data),
            report=print,
        )
        if aside is not None:
            print(f"What was there is in {aside}; remove it when you do not need it any more.")


def _make(given: argparse.Namespace, settings: Settings, data: Path, repository: Repository) -> None:
    if not data.is_dir():
        raise BackupError(f"There is no data folder {data}. TIDELAB_DATA says where it is.")
    with (data / ".backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError("Another backup is being made; wait for it.") from None
        if repository.ensure():
            print(
                f"Made the repository {repository.place}. Keep its password somewhere else too: nothing opens it without."
            )
        here = staged.make(data, database_urls(settings), owner_of(data))
        without = [*staged.live_files(data), *(data / name for name in (*NOT_KEPT, ".backup.lock"))]
        repository.store(data, without, given.tag, patterns=[f"{data}/{pattern}" for pattern in CACHES])
        if not given.no_forget:
            repository.forget(Keep(given.keep_daily, given.keep_weekly, given.keep_monthly))
    size_mb = sum(copy.bytes for copy in here.copies) / 1e6
    print(
        f"Stored {data} in {repository.place}: {len(here.copies)} databases ({size_mb:.1f} MB) and everything with them."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tidehub.backup", description="Backups of a hub, and back."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    make = actions.add_parser(
        "make", help="store everything that lasts; remove what is older than what is kept"
    )
    make.add_argument("--tag", action="append", default=[], help="a word to know it by, e.g. before-upgrade")
    make.add_argument("--no-forget", action="store_true", help="remove no old backup")
    for name, number in (("daily", Keep.daily), ("weekly", Keep.weekly), ("monthly", Keep.monthly)):
        make.add_argument(
            f"--keep-{name}", type=int, default=number, help=f"{name} backups that stay ({number})"
        )
    actions.add_parser("list", help="what there is, oldest first")
    actions.add_parser("check", help="whether it could be read back")
    back = actions.add_parser("restore", help="put a backup back; the hub must not run")
    back.add_argument("snapshot", nargs="?", default="latest", help="its id; default: the newest")
    back.add_argument("--replace", action="store_true", help="put a data folder that is not empty aside")
    return parser


if __name__ == "__main__":
    sys.exit(main())
