"""``samples.csv`` beside the images: a stranger's table, read row by row; a row with an error is told and left out."""

import csv
import datetime
import difflib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from tidelab.domain.sample import SAMPLE_COLUMNS, SAMPLE_FIELDS, Sample
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name

MAX_BYTES: Final = 4 * 2**20
MAX_FAULTS: Final = 100
"""More faults than these are counted, not listed."""

_TEXTS: Final = ("station", "platform", "instrument", "camera")
_NUMBER = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][+-]?[0-9]{1,3})?")


def read_table(table: Source) -> tuple[dict[str, Sample], list[str]]:
    """Read ``samples.csv``.

    Parameters
    ----------
    table
        The file: UTF-8, commas or semicolons, a column ``sample_id`` and any of the fields of a sample.

    Returns
    -------
    tuple
        The samples by name, and what is wrong, each as the beginning of a sentence that names line and column.
    """
    try:
        content = table.content(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return {}, [f"It is larger than {MAX_BYTES // 2**20} MB"]
        text = content.decode("utf-8-sig")
    except InputError as error:
        return {}, [str(error).rstrip(".")]
    except UnicodeDecodeError:
        return {}, ["It is not a UTF-8 text"]
    first = text.partition("\n")[0]
    # Spreadsheets of half of Europe write semicolons, and commas in numbers.
    semicolons = ";" in first and "," not in first
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if semicolons else ",")
    known: dict[str, Sample] = {}
    faults: list[str] = []
    try:
        header = [name or "" for name in reader.fieldnames or ()]
        if "sample_id" not in header:
            return {}, ["It has no column sample_id"]
        faults += _columns(header)
        for row in reader:
            sample_id = display_name((row.get("sample_id") or "").strip())
            if not sample_id:
                continue
            if row.get(None):
                # A decimal comma between commas moves every value after it into the wrong column.
                faults.append(
                    f"Line {reader.line_num}: the row of {sample_id[:60]} has more cells than there are columns; numbers need a decimal "
                    "point in a table with commas"
                )
                continue
            sample, words = as_sample(sample_id, _cells(row, semicolons))
            if sample is None:
                faults.append(f"Line {reader.line_num}, {words}")
            elif sample_id in known:
                faults.append(
                    f"Line {reader.line_num}: the sample {sample_id[:60]} stands there twice; the first row is used"
                )
            else:
                known[sample_id] = sample
    except csv.Error as error:
        faults.append(f"It is not a table ({error})")
    return known, _bounded(faults)


def as_sample(sample_id: str, values: Mapping[str, Any]) -> tuple[Sample | None, str]:
    """Return the sample with these values, or None and what is wrong, beginning with the column.

    Texts are read: a number with a decimal point, a time by ISO 8601 with its zone.
    """
    read: dict[str, Any] = {"sample_id": sample_id}
    for name, value in values.items():
        if isinstance(value, str) and name not in _TEXTS:
            converted = _utc(value) if name == "time" else _number(value)
            if converted is None:
                rule = (
                    "a time with its zone, such as 2024-06-01T10:30:00Z, was expected"
                    if name == "time"
                    else "a number was expected"
                )
                return None, f"column {name}: {display_name(value[:40])!r} is not understood; {rule}"
            read[name] = converted
        else:
            read[name] = value
    try:
        return Sample.model_validate(read), ""
    except ValidationError as error:
        first = error.errors()[0]
        column = str(first["loc"][0]) if first["loc"] else "depth_max_m"
        rule = str(first["msg"]).removeprefix("Value error, ")
        return None, f"column {column}: {display_name(str(read.get(column))[:40])!r} is not possible; {rule}"


def utc_text(moment: datetime.datetime | None) -> str:
    """Return a time as the tables write it, ``2024-06-01T10:30:00Z``; empty for None."""
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z") if moment else ""


def _cells(row: Mapping[str, Any], semicolons: bool) -> dict[str, str]:
    found = {}
    for name in SAMPLE_FIELDS:
        value = row.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if text:
            decimal = (
                semicolons
                and name not in _TEXTS
                and name != "time"
                and text.count(",") == 1
                and "." not in text
            )
            found[name] = text.replace(",", ".") if decimal else text
    return found


def _columns(header: Sequence[str]) -> list[str]:
    """Return a sentence for each column that is probably meant to be a known one: a misspelt effort must not be lost in silence."""
    twice = {name for name in header if name in SAMPLE_COLUMNS and header.count(name) > 1}
    faults = [f"The column {name} stands there twice; the last one is used" for name in sorted(twice)]
    for name in header:
        folded = name.strip().casefold().replace(" ", "_")
        near = difflib.get_close_matches(folded, SAMPLE_COLUMNS, n=1, cutoff=0.75)
        if name not in SAMPLE_COLUMNS and near and folded not in ("image", "sample"):
            faults.append(
                f"The column {display_name(name[:40])!r} is not known and not used; did you mean {near[0]}?"
            )
    return faults


def _bounded(faults: list[str]) -> list[str]:
    if len(faults) <= MAX_FAULTS:
        return faults
    return [*faults[: MAX_FAULTS - 1], f"{len(faults) - MAX_FAULTS + 1} more rows have errors"]


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _utc(text: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        # Local time without saying where is a guess of hours; before the year 1 or after 9999 in UTC there is none.
        return None if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None
