"""EcoTaxa tables (``ecotaxa*.tsv``) among the files of an input: which sample an image belongs to, and what is said of that sample.

The tables only describe: the images of a bundle are found, named and analysed like any others. Dates and times are UTC, as EcoTaxa takes
them. Values of one sample that differ from line to line are not averaged: its time is the earliest one, its depths are the least and the
greatest, and anything else stays unknown and is told.
"""

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tidelab.domain.sample import SAMPLE_FIELDS
from tidelab.formats.ecotaxa import EcotaxaError, Row, Table, read_table
from tidelab.formats.ecotaxa import rules as ecotaxa
from tidelab.formats.ecotaxa.read import MAX_TABLE_BYTES, is_table
from tidelab.runs.failures import InputError, failed
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.sample_table import as_sample
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name

_FIRST: Final = {"time": min, "depth_min_m": min, "depth_max_m": max}
_TEXTS: Final = ("station", "platform", "instrument", "camera")
_TIME_COLUMNS: Final = ("object_date", "object_time")
_MILLILITRES = re.compile(r"\s*ml$", re.IGNORECASE)


@dataclass
class _Said:
    """What the lines of one sample say, by field."""

    values: dict[str, set[Any]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    files: dict[str, Source] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    missing: int = 0


def take_ecotaxa_tables(found: Collection) -> None:
    """Read the EcoTaxa tables of a collection.

    Parameters
    ----------
    found
        Changed in place: ``sample_of``, ``object_of``, ``facts``, ``failures``, ``side_files``, ``notes``.
    """
    tables = [source for source in found.side_files if is_table(source.key)]
    if not tables:
        return
    # Empty: an image that is known to be unusable, and is counted as lost for that.
    images = {row.image: "" for row in found.failures}
    images |= {source.key: source.name for source in found.sources}
    said: dict[str, _Said] = {}
    for source in tables:
        try:
            table = read_table(source.key, partial(_content, source))
            if "sample_id" not in table.columns:
                found.notes.append(
                    f"{source.name} has no column sample_id: samples are named after the folders of the images."
                )
                continue
            for row in table.rows():
                _take(found, said, images, source, table, row)
        except (EcotaxaError, InputError) as error:
            found.failures.append(failed(source.name, "ecotaxa-table", detail=str(error).rstrip(".")))
    found.side_files = [side for side in found.side_files if side not in tables]
    for sample_id, one in said.items():
        # A table of a whole cruise beside the images of one sample tells of that one.
        if one.objects:
            _tell(found, sample_id, one)


def _content(source: Source) -> bytes:
    content = source.content(MAX_TABLE_BYTES + 1)
    if len(content) > MAX_TABLE_BYTES:
        raise InputError("too-large", limit_mb=MAX_TABLE_BYTES // 2**20)
    return content


def _take(
    found: Collection, said: dict[str, _Said], images: dict[str, str], source: Source, table: Table, row: Row
) -> None:
    name = images.get(table.image_path(row))
    if name is not None and row.get("object_id"):
        found.object_of[name] = row.get("object_id")
    sample_id = display_name(row.get("sample_id"))
    if not sample_id:
        return
    one = said.setdefault(sample_id, _Said())
    one.files[source.key] = source
    if not name:
        # Whether a bundle is complete is EcoTaxa's question; that the sample has more particles than images is this run's too.
        one.missing += name is None
        return
    found.sample_of[name] = sample_id
    one.objects[row.get("object_id")] += 1
    for fact, value, fault in _values(row):
        if fault:
            one.faults.setdefault(fact, f"line {row.line}: {fault}")
        else:
            one.values.setdefault(fact, set()).add(value)


def _values(row: Row) -> Iterator[tuple[str, Any, str]]:
    """Yield the facts of a line: field, value, and what is wrong with it, or nothing."""
    instrument = row.get("acq_instrument")
    for name, known in SAMPLE_FIELDS.items():
        column, text = next(((one, row.get(one)) for one in known.ecotaxa if row.get(one)), ("", ""))
        if name == "time":
            if row.get(_TIME_COLUMNS[0]):
                yield name, *_time(row)
        elif not text or (name not in _TEXTS and text.lower() in ecotaxa.EMPTY_NUMBERS):
            continue
        elif name in _TEXTS:
            yield name, text[:255], ""
        else:
            doubt = _doubt(name, column, text, instrument)
            yield name, *((None, doubt) if doubt else _number(name, column, text))


def _number(name: str, column: str, text: str) -> tuple[float | None, str]:
    plain = _MILLILITRES.sub("", text) if name == "volume_imaged_ml" else text
    value = ecotaxa.degrees(plain) if name in ("latitude", "longitude") else ecotaxa.number(plain)
    shown = display_name(text[:40])
    if value is None:
        return None, f"{column} is {shown!r}, a number was expected"
    sample, words = as_sample("one", {name: float(value)})
    return (float(value), "") if sample is not None else (None, f"{column} is {shown!r}: {words}")


def _doubt(name: str, column: str, text: str, instrument: str) -> str:
    """Return why a number is not taken although it is one: the same column means different things to different instruments."""
    kind = instrument.lower()
    if column == "process_pixel" and (kind.startswith("uvp") or (ecotaxa.number(text) or 1.0) < 0.1):
        return f"{column} is {text}, millimetres for an Underwater Vision Profiler and micrometres elsewhere: it is not taken"
    if name == "dilution_factor" and "planktoscope" in kind:
        return f"{column} of a PlanktoScope may be the inverse of what is meant here: it is not taken"
    return ""


def _time(row: Row) -> tuple[datetime.datetime | None, str]:
    date = ecotaxa.date(row.get("object_date"))
    clock = ecotaxa.time(row.get("object_time")) if row.get("object_time") else None
    if date is None:
        day = display_name(row.get("object_date")[:40])
        return None, f"object_date is {day!r}, a date such as 20240503 was expected"
    if clock is None:
        return None, "object_time is missing or no time: the day alone is not taken for a time"
    return datetime.datetime.combine(date, clock, tzinfo=datetime.UTC), ""


def _tell(found: Collection, sample_id: str, said: _Said) -> None:
    values: dict[str, object] = {}
    files = tuple(said.files.values())
    for name, words in said.faults.items():
        found.failures.append(failed(files[0].name, "ecotaxa-table", detail=f"Sample {sample_id}: {words}"))
        said.values.pop(name, None)
    for name, several in said.values.items():
        if len(several) == 1 or name in _FIRST:
            values[name] = _FIRST.get(name, min)(several)
        else:
            words = f"{name} has {len(several)} values in the lines of the sample; it stays unknown"
            found.failures.append(
                failed(files[0].name, "samples-conflict", detail=f"Sample {sample_id}: {words}")
            )
    found.facts.append(SampleFacts(sample_id, values, files, tuple(_notes(sample_id, said)), said.missing))


def _notes(sample_id: str, said: _Said) -> Iterator[str]:
    several = sum(number > 1 for name, number in said.objects.items() if name)
    if several:
        yield (
            f"{sample_id}: {several} {'object has' if several == 1 else 'objects have'} several images in the EcoTaxa table; each image "
            "is counted, so more is counted than there are objects."
        )
    if said.missing:
        yield f"{sample_id}: the EcoTaxa table lists {said.missing} images that are not there."
