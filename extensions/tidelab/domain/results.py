"""Columns of ``results.csv`` and ``failed_files.csv``, and how their numbers are written."""

from typing import Final

RESULT_COLUMNS: Final = (
    "image_id", "sample_id", "person_id", "image", "time", "station",
    "label", "aphia_id", "score", "top5", "status",
)  # fmt: skip
"""``time`` is ISO 8601 UTC, ``aphia_id`` the WoRMS identifier or empty, ``top5`` is
``label:score`` joined by ``;``, ``status`` is ``predicted`` (or ``unidentified`` below the threshold, with an empty label)."""

FAILED_COLUMNS: Final = ("image", "reason", "expected", "next_step")
"""One row a file that could not be used: what happened, what was expected, what to do."""

SCORE_DECIMALS: Final = 4
"""Decimals of every probability in a CSV file."""
