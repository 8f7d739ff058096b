"""The names in force: what the model said, and a person's word on it where there is one."""

import datetime
from typing import TYPE_CHECKING

from tidelab.domain.determination import DETERMINATION_COLUMNS
from tidelab.runs.folder import RunFolder
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.validation.log import EventLog

if TYPE_CHECKING:
    import pandas as pd


def determinations(folder: RunFolder) -> "pd.DataFrame":
    """Return one row an image in the order of the results: columns `tidelab.domain.determination.DETERMINATION_COLUMNS`.

    Raises
    ------
    RunError
        When the run has no results, or its log cannot be read.
    """
    import pandas as pd

    results = folder.results()
    ids = results["image_id"].tolist()
    words = EventLog(folder.path).read().words()
    found = [words.get(image_id) for image_id in ids]
    predicted = results["label"].tolist()
    frame = pd.DataFrame(
        {
            "image_id": ids,
            "sample_id": results["sample_id"],
            "image": results["image"],
            "predicted_label": predicted,
            "score": results["score"],
            "label": [word.label if word else name for word, name in zip(found, predicted, strict=True)],
            "status": [_STATUS[word.action] if word else "predicted" for word in found],
            "validated_by": [spreadsheet_safe(word.person) if word else "" for word in found],
            "validated_at": [utc(word.time) if word else "" for word in found],
            "audit": [word.audit if word else "" for word in found],
        }
    )
    return frame[list(DETERMINATION_COLUMNS)]


def utc(time: datetime.datetime) -> str:
    """Return a time as ISO 8601 UTC, to the second."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_STATUS = {"validate": "validated", "unknown": "unknown"}
