"""A small data folder to back up: databases, files that last and files that do not."""

import os
import sqlite3
from pathlib import Path

import pytest


def make_data(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder of two databases, a home with a run, and things that no backup holds; it is ``TIDELAB_DATA``."""
    for name in [name for name in os.environ if name.startswith(("TIDEHUB_", "RESTIC_"))]:
        monkeypatch.delenv(name)
    folder = parent / "data"
    monkeypatch.setenv("TIDELAB_DATA", str(folder))
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(parent / "cache"))
    for name in ("hub", "gpus", "homes/ada/runs/r1", "homes/ada/runs/.cache", "mlflow/artifacts", "logs"):
        (folder / name).mkdir(parents=True)
    write(folder / "hub/accounts.sqlite", 3)
    write(folder / "gpus/leases.sqlite", 5)
    (folder / "hub/cookie-secret").write_text("secret")
    (folder / "homes/ada/runs/r1/results.csv").write_text("image,label\n")
    (folder / "homes/ada/runs/.cache/cache.sqlite").write_text("made again")
    (folder / "logs/hub.log").write_text("said")
    return folder


def write(file: Path, rows: int) -> None:
    """Add rows to a database in one transaction."""
    database = sqlite3.connect(file, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS row (id INTEGER)")
    database.executemany("INSERT INTO row VALUES (?)", [(number,) for number in range(rows)])
    database.commit()
    database.close()


def rows(file: Path) -> int:
    """Return how many rows a database has."""
    database = sqlite3.connect(file)
    try:
        return int(database.execute("SELECT count(*) FROM row").fetchone()[0])
    finally:
        database.close()
