"""Columns of ``results.csv`` and ``failed_files.csv``, and how their numbers are written."""

from typing import Final

RESULT_COLUMNS: Final = (
    "image_id", "sample_id", "person_id", "image", "time", "station",
    "label", "aphia_id", "score", "top5", "status",
)  # fmt: skip
"""``time`` is ISO 8601 UTC, ``aphia_id`` the WoRMS identifier or empty, ``top5`` is
``label:score`` joined by ``;``, ``status`` is ``predicted`` (or ``unidentified`` below the threshold, with an empty label)."""

BOX_COLUMNS: Final = ("x_min_px", "y_min_px", "width_px", "height_px")
"""Box of an object in pixels of its decoded picture, origin at the upper left corner."""

OBJECT_COLUMNS: Final = (*RESULT_COLUMNS, "picture_id", *BOX_COLUMNS)
"""``results.csv`` of a detector: one row an object at or above the threshold of its class. ``image_id`` is the picture's with the box in
whole pixels, ``image`` the picture's name with the number of the object, ``time`` that of the picture."""

DETECTION_COLUMNS: Final = (
    "picture_id",
    "picture",
    "label",
    "aphia_id",
    "score",
    *BOX_COLUMNS,
    "above_threshold",
)
"""``detections.csv``: every object that is stored, surest first in each picture; ``above_threshold`` is ``yes`` or ``no``."""

PICTURE_COLUMNS: Final = (
    "picture_id", "picture", "sample_id", "time", "time_source", "station", "camera", "width_px", "height_px", "objects",
)  # fmt: skip
"""``pictures.csv``: one row a picture, with or without objects. ``objects`` counts those at or above the threshold of their class;
``time`` is ISO 8601 with ``Z`` or empty, ``time_source`` says where it is from (`tidelab.runs.inputs.taken.Taken`)."""

BOX_DECIMALS: Final = 2
"""Decimals of every length in pixels of a box."""

FAILED_COLUMNS: Final = ("image", "reason", "expected", "next_step")
"""One row a file that could not be used: what happened, what was expected, what to do."""

SCORE_DECIMALS: Final = 4
"""Decimals of every probability in a CSV file."""
