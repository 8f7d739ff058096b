"""Where, when and how much: what is known of the samples of a run, from whom, and what is not computed for want of the rest."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from markupsafe import Markup

from tidelab.catalogue.samples import Samples
from tidelab.domain.sample import SAMPLE_FIELDS
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.source import use_case_of
from tidelab.runs import RunError, RunFolder
from tidelab.runs.inputs.sample_table import utc_text
from tidelab.runs.inputs.samples import KnownSample
from tidelab.runs.not_counted import lost_particles, lost_words
from tidelab.runs.samples import read_records

ORIGIN_WORDS: Final = {
    "input": "from the input's own files",
    "side-file": "from samples.csv",
    "given": "given by the person",
}
NO_SAMPLE: Final = "(no sample)"
_MARKS: Final = {"input": "", "side-file": "*", "given": "†"}
_MOST_ROWS: Final = 200


def samples(run: RunFolder) -> Displayable:
    """Return the samples of a run: what is known and from whom, what is not known, and what therefore is not computed."""
    try:
        frame = run.samples()
        records = read_records(frame)
    except RunError as error:
        return section(note(str(error)), str(error), "tl-samples")
    use_case = use_case_of(run)
    declared = use_case.samples if use_case else Samples()
    images = dict(zip(frame["sample_id"], frame["images"], strict=True))
    wanted = [
        name
        for name in SAMPLE_FIELDS
        if any(_value(one, name) for one in records.values())  # what nobody knows is said below the table
    ]
    shown = list(records.items())[:_MOST_ROWS]
    rows = [
        (name or NO_SAMPLE, numbers.count(int(images[name])), *(_cell(known, field) for field in wanted))
        for name, known in shown
    ]
    headers = ["Sample", "Images", *(_header(name) for name in wanted)]
    body = table(headers, rows, numeric=(1,))
    if len(records) > len(shown):
        body += Markup('<p class="tl-soft">{} more in samples.csv</p>').format(
            numbers.count(len(records) - len(shown))
        )
    sentences = [
        *_origins(records),
        *_not_used(run, records),
        *not_computed(records, declared),
        *_lost(run, images),
        *_not_said(run),
    ]
    body += Markup("<ul>{}</ul>").format(
        Markup("").join(Markup("<li>{}</li>").format(one) for one in sentences)
    )
    names = "\n".join(f"{row[0]}: {row[1]} images" for row in rows)
    return section(body, "\n".join([names, *sentences]), "tl-samples")


def not_computed(records: Mapping[str, KnownSample], declared: Samples) -> Iterator[str]:
    """Yield a sentence for each thing that is not known and what is not computed for want of it.

    Parameters
    ----------
    records
        Samples of the run.
    declared
        What the use case asks for.
    """
    for name in declared.fields:
        lacking = [one or NO_SAMPLE for one, known in records.items() if getattr(known.sample, name) is None]
        if lacking:
            consequence = _consequence(name, declared)
            field = SAMPLE_FIELDS[name]
            yield f"{field.title} is not known for {_named(lacking, len(records))}{f': {consequence}' if consequence else ''}."
    if declared.effort == "none":
        yield "This use case declares no effort: counts only, no concentration."


def _consequence(name: str, declared: Samples) -> str:
    if name in declared.effort_fields:
        return {
            "volume_imaged_ml": "counts only, no concentration",
            "dilution_factor": "how much sea water the volume imaged stands for is not known; counts only, no concentration",
            "area_m2": "counts only, no density",
            "duration_s": "counts only, no rate",
        }[name]
    return {
        "um_per_px": "sizes in pixels only, no diameter and no biovolume",
        "latitude": "no map, and no occurrence can be placed",
        "longitude": "no map, and no occurrence can be placed",
    }.get(name, "")


def _named(lacking: list[str], total: int) -> str:
    if len(lacking) == total:
        return "the sample" if total == 1 else f"all {total} samples"
    first = ", ".join(lacking[:3])
    return f"{len(lacking)} of {total} samples ({first}{', ...' if len(lacking) > 3 else ''})"


def _origins(records: Mapping[str, KnownSample]) -> Iterator[str]:
    for origin, words in ORIGIN_WORDS.items():
        fields = [
            name
            for name in SAMPLE_FIELDS
            if any(known.origins.get(name) == origin for known in records.values())
        ]
        if fields:
            titles = ", ".join(SAMPLE_FIELDS[name].title for name in fields)
            mark = f" ({_MARKS[origin]})" if _MARKS[origin] else ""
            yield f"{words[:1].upper()}{words[1:]}{mark}: {titles}."


def _not_used(run: RunFolder, records: Mapping[str, KnownSample]) -> Iterator[str]:
    """Yield what a person gave and the files contradict, and the rows of samples.csv that are of no image."""
    given = _manifest(run).get("given")
    for name, text in given.items() if isinstance(given, Mapping) else ():
        others = {
            sample_id or NO_SAMPLE: _value(known, name)
            for sample_id, known in records.items()
            if name in SAMPLE_FIELDS
            and known.origins.get(name) not in (None, "given")
            and _value(known, name)
        }
        different = {sample_id: value for sample_id, value in others.items() if not _same(value, str(text))}
        if different:
            first = ", ".join(f"{sample_id}: {value}" for sample_id, value in list(different.items())[:3])
            more = ", ..." if len(different) > 3 else ""
            yield (
                f"{SAMPLE_FIELDS[name].title} was given as {text} and is not used where the files say something else ({first}{more})."
            )
    unknown = _manifest(run).get("without_images")
    if isinstance(unknown, list) and unknown:
        first = ", ".join(str(one) for one in unknown[:3])
        yield (
            f"samples.csv names {numbers.plural(len(unknown), 'sample')} that no image belongs to ({first}"
            f"{', ...' if len(unknown) > 3 else ''}): not used. Compare the spelling with the column Sample."
        )


def _same(shown: str, given: str) -> bool:
    try:
        return shown == f"{float(given):.6g}"
    except ValueError:
        return shown == given


def _lost(run: RunFolder, images: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each sample some of whose particles are not in its counts."""
    lost = lost_particles(run)
    for name, number in list(lost.items())[:_MOST_ROWS]:
        yield f"{name or NO_SAMPLE}: {lost_words(number, int(images.get(name, 0)))}."


def _manifest(run: RunFolder) -> Mapping[str, Any]:
    try:
        found = run.manifest().get("samples", {})
    except (RunError, AttributeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _not_said(run: RunFolder) -> list[str]:
    """Return what the instrument's files do not say, as the run found it."""
    found = _manifest(run).get("not_said", [])
    return [str(one) for one in found[:_MOST_ROWS]] if isinstance(found, list) else []


def _header(name: str) -> str:
    field = SAMPLE_FIELDS[name]
    return f"{field.title} [{field.unit}]" if field.unit else field.title


def _cell(known: KnownSample, name: str) -> str | Markup:
    value = _value(known, name)
    if not value:
        return Markup('<span class="tl-soft">not known</span>')
    shown = f"{value}{_MARKS.get(known.origins.get(name, ''), '')}"
    return Markup('<span class="tl-whole">{}</span>').format(shown) if name == "time" else shown


def _value(known: KnownSample, name: str) -> str:
    value = getattr(known.sample, name)
    if value is None:
        return ""
    if name == "time":
        return utc_text(value).replace("T", " ").removesuffix("Z")  # the header says UTC
    return f"{value:.6g}" if isinstance(value, float) else str(value)
