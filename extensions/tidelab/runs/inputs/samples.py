"""Which sample an image belongs to, and what ``samples.csv`` says of that sample. Nothing is guessed.

``sample_id`` is the first folder of the image's path within the input; where there is none, the name of the chosen folder or
zip; for single files it stays empty. ``time`` and ``station`` are empty unless ``samples.csv`` at the top of the input
(columns ``sample_id``, and ``time`` or ``station`` or both) gives them.
"""

import csv
import datetime
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tidelab.runs.failures import FailedFile, InputError, failed
from tidelab.runs.inputs.collect import SAMPLES_TABLE
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name, spreadsheet_safe

_MAX_BYTES: Final = 4 * 2**20


@dataclass(frozen=True)
class Sample:
    """One sample; texts are as they stand in the tables."""

    sample_id: str
    time: str = ""
    station: str = ""


@dataclass(frozen=True)
class Samples:
    """The samples of one input.

    Parameters
    ----------
    label
        Name of the input.
    known
        What ``samples.csv`` says, by sample.
    """

    label: str
    known: Mapping[str, Sample] = field(default_factory=dict)

    def of(self, image: str) -> Sample:
        """Return the sample of an image by its display name."""
        path = image.removeprefix("./")
        first, slash, _ = path.partition("/")
        name = display_name(first) if slash else display_name(self.label)
        return self.known.get(name) or Sample(name)


def read_samples(label: str, table: Source | None) -> tuple[Samples, list[FailedFile]]:
    """Read ``samples.csv``; each row with an error is told and left out."""
    if table is None:
        return Samples(label), []
    try:
        content = table.content(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            return Samples(label), [_wrong(f"It is larger than {_MAX_BYTES // 2**20} MB")]
        text = content.decode("utf-8-sig")
    except InputError as error:
        return Samples(label), [error.row(SAMPLES_TABLE)]
    except UnicodeDecodeError:
        return Samples(label), [_wrong("It is not a UTF-8 text")]
    known: dict[str, Sample] = {}
    problems: list[FailedFile] = []
    try:
        # Spreadsheets of half of Europe write semicolons.
        first = text.partition("\n")[0]
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ","
        )
        if "sample_id" not in (reader.fieldnames or []):
            return Samples(label), [_wrong("It has no column sample_id")]
        for row in reader:
            sample_id = display_name((row.get("sample_id") or "").strip())
            time = (row.get("time") or "").strip()
            moment = _utc(time)
            if moment is None:
                problems.append(
                    _wrong(f"Line {reader.line_num}: the time {display_name(time[:40])!r} is not understood")
                )
            elif sample_id in known:
                problems.append(_wrong(f"Line {reader.line_num}: the sample {sample_id} stands there twice"))
            elif sample_id:
                known[sample_id] = Sample(
                    sample_id, moment, spreadsheet_safe((row.get("station") or "").strip())
                )
    except csv.Error as error:
        problems.append(_wrong(f"It is not a table ({error})"))
    return Samples(label, known), problems


def _utc(text: str) -> str | None:
    if not text:
        return ""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None  # local time without saying where is a guess of hours
    try:
        return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None  # before the year 1 or after 9999 in UTC


def _wrong(detail: str) -> FailedFile:
    return failed(SAMPLES_TABLE, "samples-table", detail=detail)
