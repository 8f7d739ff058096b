"""What was computed of a scan, kept in the person's cache: found again and checked, or processed now.

The name of a file of the cache is a digest of everything that its content follows from: scan, blanks, header, settings, and the versions of code
and libraries.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tidelab.runs.errors import RunCancelled
from tidelab.runs.files import write_text
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.keys import LIBRARIES
from tidelab.runs.versions import package_version
from zooscan import features, scan, store
from zooscan.counted import store_path
from zooscan.features import measured
from zooscan.objects import CancelledError, Grey, Mask, ProcessedScan, ScanError
from zooscan.project import Scan
from zooscan.settings import ProcessSettings
from zooscan.store import Store, StoredObject, StoredScan, StoreError

VERSION: Final = "3"
"""Stands for what this module puts into the cache."""

_MEMO: Final = "digests.json"
_BLOCK: Final = 2**22


def stored(one: Scan, settings: ProcessSettings, context: ReaderContext, place: int, total: int) -> Store:
    """Return the objects of a scan: from the cache, or processed now.

    A file of the cache is read once before it is used: a damaged one is deleted, and the scan processed again.

    Parameters
    ----------
    one
        A scan with its blanks.
    settings
        How it is processed.
    context
        Of the run.
    place, total
        Of the scan among those of the project, for words of progress.

    Raises
    ------
    ScanError, StoreError, OSError
        When the scan cannot be processed or kept.
    RunCancelled
        When the person asked to stop.
    """
    assert one.blanks is not None

    def tell(step: str, done: int, of: int) -> None:
        share = f"{100 * done // of} %" if of else "..."
        context.progress(f"{one.scan_id}, {step}: {share}; scans", place, total)

    tell("reading", 0, 1)
    key = _key(one, settings, context)
    kept = context.cache / f"{key}.zip"
    if not _usable(kept):
        context.cache.mkdir(parents=True, exist_ok=True)
        work = context.scratch / "process"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            blanks = (one.blanks.first, one.blanks.second)
            processed = scan.process_scan(one.raw, blanks, settings, work, tell, context.cancelled)
            _keep(kept, one, processed)
        except CancelledError:
            raise RunCancelled from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
    mine = (
        store_path(context.scratch.parent, one.scan_id)
        if context.scratch.parent == context.folder
        else context.scratch / f"{key}.zip"
    )
    return Store(_linked(kept, mine))


def _key(one: Scan, settings: ProcessSettings, context: ReaderContext) -> str:
    assert one.blanks is not None
    files = [_digest(path, context) for path in (one.raw, one.blanks.first, one.blanks.second)]
    header = [one.scan_id, dict(one.header.values), {name: dict(values) for name, values in one.log.items()}]
    libraries = {name: package_version(name) for name in LIBRARIES}
    versions = [VERSION, store.FORMAT, features.VERSION, scan.VERSION, libraries]
    text = json.dumps([files, header, asdict(settings), versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(path: Path, one: Scan, processed: ProcessedScan) -> None:
    assert one.blanks is not None
    picture = processed.picture()
    found = [
        StoredObject(
            each.id,
            each.x_px,
            each.y_px,
            each.width_px,
            each.height_px,
            measured(each.crop(picture), each.mask(), each.x_px, each.y_px, processed.settings.pixel_mm),
        )
        for each in processed.objects
    ]
    for number, each in enumerate(found, start=1):
        if each.number != number:
            raise ScanError(f"object {number} of {one.scan_id} has the number {each.number}")
    facts = {
        "width_px": processed.width_px, "height_px": processed.height_px, "median_16bit": processed.median, "mean_16bit": processed.mean,
        "level_min": processed.level_min, "level_max": processed.level_max, "bw_ratio": processed.bw_ratio,
        "blank": one.blanks.first.name, "raw": one.raw.name,
    }  # fmt: skip
    quality = tuple(
        {"name": word.name, "value": word.value, "good": word.good, "words": word.words}
        for word in processed.quality
    )
    log = {name: dict(values) for name, values in one.log.items()}
    header = dict(one.header.values)
    stored = StoredScan(
        one.scan_id,
        one.header.sample_id,
        one.header.fraction,
        header,
        log,
        asdict(processed.settings),
        quality,
        facts,
        tuple(found),
    )

    def pixels() -> Iterator[tuple[Grey, Mask]]:
        for each in processed.objects:
            yield each.crop(picture), each.mask()

    store.write(path, stored, pixels())


def _usable(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        Store(path).check()
    except StoreError:
        path.unlink(missing_ok=True)
        return False
    return True


def _linked(kept: Path, mine: Path) -> Path:
    """Put a file of the cache into the run: clearing the cache then takes nothing from the run."""
    mine.parent.mkdir(parents=True, exist_ok=True)
    # A folder of one's own: several containers share the cache, and processes of two of them have the same number.
    folder = Path(tempfile.mkdtemp(dir=mine.parent, prefix=f".{mine.name}-"))
    try:
        temporary = folder / mine.name
        try:
            temporary.hardlink_to(kept)
        except OSError:  # another disk
            shutil.copyfile(kept, temporary)
        temporary.replace(mine)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # of one file with two names a rename takes none away
    return mine


def _digest(path: Path, context: ReaderContext) -> str:
    """Return the sha256 of a file; one that was not touched since is not read again."""
    status = path.stat()
    name = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}"
    memo_path = context.cache / _MEMO
    try:
        memo: Mapping[str, str] = json.loads(memo_path.read_text(encoding="utf-8"))
        known = memo.get(name, "") if isinstance(memo, dict) else ""
    except (OSError, ValueError):
        memo, known = {}, ""
    if isinstance(known, str) and len(known) == 64:
        return known
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
            context.stop_if_cancelled()
    context.cache.mkdir(parents=True, exist_ok=True)
    known_now = {**(memo if isinstance(memo, dict) else {}), name: hasher.hexdigest()}
    write_text(memo_path, json.dumps(known_now), durable=False)
    return hasher.hexdigest()
