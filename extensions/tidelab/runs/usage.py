"""One event for each finished run: what the people who pay for the machines ask for. No image, no file name."""

import json
import os
import resource
from typing import Any, Final

from tidelab import paths
from tidelab.runs.log import RunLog

USAGE_FILE: Final = "usage.json"


def usage_event(manifest: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the event of a run; ``peak_mb`` is the most memory its process held.

    Parameters
    ----------
    manifest
        See `tidelab.runs.manifest.make_manifest`.
    seconds
        Wall time from the start of the execution, waiting for a place not included.
    """
    model, counts = manifest["model"], manifest["counts"]
    return {
        "schema_version": 1,
        "time": manifest["finished"],
        "run": manifest["run"],
        "use_case": manifest["use_case"]["slug"],
        "person": manifest["person"],
        "face": manifest["face"],
        "model": model["name"],
        "model_version": model["version"],
        "model_digest": model["digest"],
        "demo": model["demo"],
        "sample": manifest["images"] == ["sample"],
        "images": counts["images"],
        "predicted": counts["predicted"],
        "from_cache": counts["from_cache"],
        "failed_files": counts["failed_files"],
        "seconds": round(seconds, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def record_usage(event: dict[str, Any], log: RunLog) -> None:
    """Append the event to ``<data>/usage/events.jsonl`` in one write; where that is not possible the log says so."""
    path = paths.data() / "usage" / "events.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(event, sort_keys=True).encode() + b"\n")
        finally:
            os.close(handle)
    except OSError as error:
        log.write(f"The usage event was not recorded in the data folder: {error.strerror}.")
