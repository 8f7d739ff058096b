"""Usage events of this installation: written once for each run that finishes, read back, merged with those of another place."""

import datetime
import fcntl
import json
import os
import resource
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tidelab import paths
from tidelab.domain.usage import UsageContext, UsageEvent, event_id
from tidelab.domain.usage_summary import distinct
from tidelab.pseudonyms import own_pseudonym, pseudonym, secret
from tidelab.runs.errors import RunError
from tidelab.runs.ingested import count_ingested
from tidelab.runs.log import RunLog
from tidelab.runs.usage_context import usage_context

USAGE_FILE: Final = "usage.json"
EVENTS_FILE: Final = "events.jsonl"
LONGEST_LINE: Final = 20_000
_MOST_MERGED: Final = 1_000_000_000
_MOST_OF_A_HOME: Final = 50_000_000


def events_file() -> Path:
    """Return where the events of this data folder lie."""
    return paths.usage() / EVENTS_FILE


@dataclass(frozen=True)
class Counted:
    """What a finished run is counted with.

    Parameters
    ----------
    image_ids
        Of the images that have a result.
    processed
        Results that this run had the model compute, in whichever of its attempts.
    remember
        Whether contents may be remembered (not for an ephemeral use case).
    """

    image_ids: Collection[str]
    processed: int
    remember: bool = True


def usage_event(
    manifest: dict[str, Any], context: UsageContext, counted: Counted, seconds: float
) -> UsageEvent:
    """Return the event of a run.

    Parameters
    ----------
    manifest
        See `tidelab.runs.manifest.make_manifest`.
    context
        Of the request.
    counted
        Its images.
    seconds
        Wall time from the start of the execution, waiting for a place not included.

    Raises
    ------
    OSError, sqlite3.Error
        When the key or the book of contents cannot be read or written.
    """
    model, slug, key = manifest["model"], manifest["use_case"]["slug"], secret()
    images = manifest["counts"]["images"]
    processed = min(counted.processed, images)
    event = event_id(slug, manifest["run"])
    return UsageEvent(
        event_id=event,
        person=own_pseudonym(manifest["person"], key),
        **context.model_dump(),
        use_case=slug,
        face=manifest["face"],
        model=model["name"],
        model_version=model["version"],
        model_digest=model["digest"],
        images_ingested=count_ingested(
            counted.image_ids,
            use_case=slug,
            purpose=context.purpose,
            event=event,
            key=key,
            keep=counted.remember,
        ),
        images_processed=processed,
        images_from_cache=images - processed,
        files_failed=manifest["counts"]["failed_files"],
        start=manifest["started"],
        end=manifest["finished"],
        seconds=round(seconds, 3),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def count_run(
    folder: Path,
    manifest: dict[str, Any],
    context: UsageContext,
    counted: Counted,
    seconds: float,
    log: RunLog,
) -> None:
    """Write the event of a run, to the data folder and as ``usage.json`` to its own; where that fails the log says so."""
    try:
        event = usage_event(manifest, context, counted, seconds)
        (folder / USAGE_FILE).write_text(event.model_dump_json(indent=2) + "\n", encoding="utf-8")
        record(event)
    except (OSError, sqlite3.Error, ValidationError) as error:
        # Also when a clock was set back, or a request was edited: the results are there, and a statistic must not fail them.
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        log.write(f"The usage event was not recorded in the data folder: {reason}.")


def count_training(use_case: str, person: str, started: str, images: int | None) -> UsageEvent | None:
    """Write the event of a training that ended now; return it, None where it could not be written.

    Parameters
    ----------
    use_case, person
        Slug, and name of the hub user.
    started
        ``%Y%m%dT%H%M%S.%fZ``: the name of the training's folder.
    images
        Labelled images that were trained, chosen and tested with; None: not known.
    """
    end = datetime.datetime.now(datetime.UTC)
    try:
        start = datetime.datetime.strptime(started, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=datetime.UTC)
        event = UsageEvent(
            event_id=event_id(use_case, f"training/{person}/{started}"),
            activity="training",
            person=own_pseudonym(person, secret()),
            **usage_context(person).model_dump(),
            use_case=use_case,
            face="lab",
            images_processed=images,
            start=start,
            end=end,
            seconds=max(0.0, round((end - start).total_seconds(), 3)),
        )
        record(event)
    except (OSError, ValueError, RunError):
        return None
    return event


def record(event: UsageEvent) -> None:
    """Append one event, in one piece and under a lock; raises OSError."""
    _append([event])


def read_events(path: Path | None = None) -> tuple[list[UsageEvent], int]:
    """Return the events of a file, each once, and the number of lines that are none.

    Parameters
    ----------
    path
        ``events.jsonl`` or one ``usage.json``; by default this data folder's own, with those that servers in containers wrote into their
        owners' homes. Lines of Tidelab 0.1 are understood.
    """
    file = path or events_file()
    try:
        found = _events_of(file)
    except FileNotFoundError:
        if path is not None:
            raise
        found = []
    if path is None:
        found += _events_of_homes()
    return distinct(event for event in found if event is not None), found.count(None)


def _events_of(file: Path, most_bytes: int = _MOST_MERGED) -> list[UsageEvent | None]:
    with file.open("rb") as stream:
        content = stream.read(most_bytes)
    lines = [content] if _is_one_document(content) else content.split(b"\n")
    return [_event(line) for line in lines if line.strip()]


def _events_of_homes() -> list[UsageEvent | None]:
    """Return what servers in containers recorded; people may write there, so only what bears their own pseudonym counts."""
    found: list[UsageEvent | None] = []
    homes = paths.data() / "homes"
    for home in sorted(homes.iterdir()) if homes.is_dir() else []:
        user = paths.unsafe_name(home.name)
        file = paths.user_usage(user) / EVENTS_FILE
        try:
            # A link could lead anywhere, and a pipe would wait for ever.
            if (
                any(part.is_symlink() for part in (file, file.parent, file.parent.parent))
                or not file.is_file()
            ):
                continue
            mine = pseudonym(user, secret())
            found += [
                event for event in _events_of(file, _MOST_OF_A_HOME) if event is None or event.person == mine
            ]
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Merged:
    """What came of merging: events that are new, events that were here already, lines that are no event."""

    added: int
    known: int
    unreadable: int


def merge_events(path: Path) -> Merged:
    """Add the events of another installation, e.g. of a ship that was offline; those that are here already add nothing.

    Raises
    ------
    OSError
        When either file cannot be read, or ours not written.
    """
    brought, unreadable = read_events(path)
    ours, _ = read_events()
    known = {event.event_id for event in ours}
    new = [event for event in brought if event.event_id not in known]
    if new:
        _append(new)
    return Merged(len(new), len(brought) - len(new), unreadable)


def _append(events: Iterable[UsageEvent]) -> None:
    path = events_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = b"".join(event.model_dump_json().encode() + b"\n" for event in events)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        # A machine that stopped while writing left a torn line: ours begins on a new one.
        if stream.seek(0, os.SEEK_END) > 0:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                lines = b"\n" + lines
        rest = memoryview(lines)
        while rest:
            # A disk that is nearly full takes a part; only the next try says that it is full.
            rest = rest[stream.write(rest) :]
        os.fsync(stream.fileno())


def _is_one_document(content: bytes) -> bool:
    # A receipt (usage.json) is one event over several lines.
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def _event(line: bytes) -> UsageEvent | None:
    if len(line) > LONGEST_LINE:
        return None
    try:
        values = json.loads(line)
        if isinstance(values, dict) and values.get("schema_version") == 1:
            return _of_version_1(values)
        return UsageEvent.model_validate(values)
    except (ValueError, ValidationError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


def _of_version_1(old: dict[str, Any]) -> UsageEvent:
    """Read a line of Tidelab 0.1, which named the person and knew nothing of contents, country or purpose."""
    end = datetime.datetime.fromisoformat(old["time"])
    demo = bool(old["demo"]) or bool(old["sample"])
    return UsageEvent(
        event_id=event_id(old["use_case"], old["run"]),
        person=pseudonym(old["person"], secret()),
        use_case=old["use_case"],
        face=old["face"],
        purpose="demo" if demo else "real",
        model=old["model"],
        model_version=old["model_version"],
        model_digest=old["model_digest"],
        images_processed=old["predicted"],
        images_from_cache=old["from_cache"],
        files_failed=old["failed_files"],
        start=end - datetime.timedelta(seconds=old["seconds"]),
        end=end,
        seconds=old["seconds"],
        peak_mb=old["peak_mb"],
    )
