"""Adds up what fills the disk, as a process of low priority: ``python -m tidehub.disk_scan`` (started by `tidehub.disk`).

Counts allocated blocks, each hard link once, follows no link, stays on the file systems it starts on, and ends by itself
when its time or number of files is used up; what it has by then stands as "at least".
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tidelab import paths

BLOCK_BYTES: Final = 512  # st_blocks counts these, whatever the file system's own size is
OLD_DAYS: Final = 30
DEEPEST: Final = 60
_RUN_TIME: Final = re.compile(r"^(\d{8}T\d{6})\d{3}Z-[0-9a-f]{6}$")
_RUN_PARTS: Final = {".cache": "cache", ".uploads": "uploads", ".trash": "trash"}
_PACKAGES: Final = (
    ".local/lib",
    ".local/bin",
    ".cache/pip",
    ".tidelab/packages",
    ".conda",
    "miniconda3",
    "venv",
    ".venv",
)
_TRASH: Final = (".local/share/Trash", ".Trash")  # fmt: skip
PARTS: Final = ("runs", "cache", "uploads", "packages", "trash", "other")


@dataclass
class Budget:
    """What may still be spent; shared by everything that is measured in one go."""

    until: float
    files: int
    seen: set[tuple[int, int]] = field(default_factory=set)
    complete: bool = True

    def spend(self) -> bool:
        """Count one file; False when nothing is left."""
        self.files -= 1
        if self.files <= 0 or (self.files % 256 == 0 and time.monotonic() > self.until):
            self.complete = False
        return self.complete


def size_of(path: Path, budget: Budget) -> int:
    """Return the bytes that a file or folder takes on the disk; what cannot be read counts as nothing."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    total = _blocks(found, budget)
    if stat.S_ISDIR(found.st_mode):
        total += sum(size for _, size in _below(path, found.st_dev, budget, 0))
    return total


def _below(folder: Path, device: int, budget: Budget, depth: int) -> Iterator[tuple[Path, int]]:
    """Yield (path, bytes) of everything below a folder, one level of recursion at a time."""
    waiting = [(os.fspath(folder), depth)]
    while waiting:
        place, level = waiting.pop()
        try:
            entries = os.scandir(place)
        except OSError:
            continue
        with entries:
            for entry in entries:
                if not budget.spend():
                    return
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_dev != device:
                        continue  # something mounted here is not part of it
                    yield Path(entry.path), _blocks(found, budget)
                    if stat.S_ISDIR(found.st_mode) and level < DEEPEST:
                        waiting.append((entry.path, level + 1))


def _blocks(found: os.stat_result, budget: Budget) -> int:
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
        key = (found.st_dev, found.st_ino)
        if key in budget.seen:
            return 0
        budget.seen.add(key)
    return found.st_blocks * BLOCK_BYTES


def home_use(home: Path, budget: Budget, now: float) -> dict[str, Any]:
    """Return what one home holds: bytes of each of `PARTS`, of the runs of each use case, and of runs older than `OLD_DAYS`."""
    parts = dict.fromkeys(PARTS, 0)
    runs, old = _runs_use(home / "runs", parts, budget, now)
    for name, places in (("packages", _PACKAGES), ("trash", _TRASH)):
        parts[name] += sum(size_of(home / place, budget) for place in places)
    counted = {home / "runs", *(home / place for place in (*_PACKAGES, *_TRASH))}
    parts["other"] += _rest(home, counted, budget)
    return {"bytes": sum(parts.values()), "parts": parts, "use_cases": runs, "old_runs": old}


def _rest(folder: Path, counted: set[Path], budget: Budget) -> int:
    """Return the bytes below a folder without the places that were counted already."""
    total, waiting = 0, [folder]
    try:
        device = folder.lstat().st_dev
    except OSError:
        return 0
    while waiting:
        place = waiting.pop()
        for entry in _entries(place):
            path = Path(entry.path)
            if path in counted:
                continue
            if entry.is_dir(follow_symlinks=False) and any(one.is_relative_to(path) for one in counted):
                waiting.append(path)
            elif _on(path, device):
                total += size_of(path, budget)
    return total


def _on(path: Path, device: int) -> bool:
    try:
        return path.lstat().st_dev == device
    except OSError:
        return False


def _runs_use(runs: Path, parts: dict[str, int], budget: Budget, now: float) -> tuple[dict[str, int], int]:
    of_use_cases: dict[str, int] = {}
    old = 0
    for entry in _entries(runs):
        path = Path(entry.path)
        if entry.name in _RUN_PARTS:
            parts[_RUN_PARTS[entry.name]] += size_of(path, budget)
        elif entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            parts["runs"] += size_of(path, budget)
        else:
            for run in _entries(path):
                size = size_of(Path(run.path), budget)
                of_use_cases[entry.name] = of_use_cases.get(entry.name, 0) + size
                old += size if _is_old(run.name, now) else 0
    parts["runs"] += sum(of_use_cases.values())
    return of_use_cases, old


def _is_old(run: str, now: float) -> bool:
    found = _RUN_TIME.match(run)
    limit = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now - OLD_DAYS * 86400))
    return bool(found) and found[1] < limit  # type: ignore[index]


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    """Return the entries of a folder; nothing for a link in its place."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def measure(budget: Budget, *, engine: bool) -> dict[str, Any]:
    """Return everything that the page shows."""
    began, data = time.time(), paths.data()
    people = {
        entry.name: home_use(Path(entry.path), budget, began)
        for entry in _entries(data / "homes")
        if entry.is_dir(follow_symlinks=False)
    }
    places = {name: size_of(data / name, budget) for name in ("mlflow", "champions", "shared", "logs")}
    places["environments"] = size_of(paths.envs(), budget)
    use_cases: dict[str, int] = {}
    for person in people.values():
        for slug, size in person["use_cases"].items():
            use_cases[slug] = use_cases.get(slug, 0) + size
    disk = shutil.disk_usage(data)
    return {
        "measured": began,
        "seconds": round(time.time() - began, 1),
        "complete": budget.complete,
        "total": disk.total,
        "free": disk.free,
        "people": people,
        "use_cases": use_cases,
        "places": places,
        "engine": _engine_use() if engine else None,
    }


def _engine_use() -> dict[str, Any]:
    """Return what images take, as the engine says; a sentence where none answers."""
    try:
        import docker

        answer = docker.from_env(timeout=60).df()
    except Exception as error:  # the engine may fail in any way; the rest of the page stands
        return {
            "problem": f"The Docker engine did not answer ({type(error).__name__}).",
            "bytes": 0,
            "images": [],
        }
    images = [
        {"name": (image.get("RepoTags") or ["(without a name)"])[0], "bytes": int(image.get("Size") or 0)}
        for image in answer.get("Images") or []
    ]
    largest = sorted(images, key=lambda image: -image["bytes"])[:12]
    return {"problem": "", "bytes": int(answer.get("LayersSize") or 0), "images": largest}


def write(file: Path, found: dict[str, Any]) -> None:
    """Replace the file of the last measurement."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            json.dump(found, stream)
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Measure once."""
    parser = argparse.ArgumentParser(
        prog="python -m tidehub.disk_scan", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--files", type=int, default=5_000_000)
    parser.add_argument("--engine", action="store_true", help="ask the Docker engine too")
    given = parser.parse_args(arguments)
    with contextlib.suppress(OSError):
        os.nice(15)
    budget = Budget(time.monotonic() + given.seconds, given.files)
    write(given.file, measure(budget, engine=given.engine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
