"""A run as a Darwin Core archive: one event a sample, occurrences of what lives in it, measurements of both."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tidelab.domain.estimate import Estimates
from tidelab.exports.darwin_core_measurements import (
    biovolume_measurements,
    corrected_measurements,
    event_measurements,
    occurrence_measurements,
)
from tidelab.exports.darwin_core_rows import event_row, occurrence_rows
from tidelab.exports.darwin_core_samples import SampleFacts, incomplete, sample_size, samples_of
from tidelab.exports.facts import DEMO_NOTE, Facts, listed
from tidelab.exports.registry import Export, Exported, ExportError, Progress, no_objects_in_pictures
from tidelab.formats.darwin_core import write_archive
from tidelab.formats.darwin_core_metadata import Coverage, Dataset, day, eml
from tidelab.runs import RunError, RunFolder
from tidelab.runs.files import write_bytes
from tidelab.runs.texts import current_citation, current_methods, estimates_of

_NEEDED: Final = "An occurrence needs a time, a latitude and a longitude"


def available(run: RunFolder) -> str:
    """Return why no archive can be made of a run, or nothing."""
    reason = no_objects_in_pictures(run)
    if reason:
        return reason
    try:
        samples = samples_of(Facts.of(run))
    except RunError as error:
        return str(error)
    return _refusal(samples)


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the archive.

    Samples without time, latitude or longitude are left out and named in the notes; without any complete sample there is no archive.

    Raises
    ------
    ExportError
        No sample is complete; names what is missing.
    tidelab.runs.RunError
        The run is not over, or a file of it is damaged.
    """
    reason = no_objects_in_pictures(run)
    if reason:
        raise ExportError(reason)
    facts = Facts.of(run)
    samples = samples_of(facts)
    refusal = _refusal(samples)
    if refusal:
        raise ExportError(refusal)
    complete = [one for one in samples if not one.lacks]
    estimates = estimates_of(run)
    absences = absences_allowed(facts)
    dataset = f"{facts.title}, run {run.run_id}"
    measurements = [row for one in complete for row in _measurements(one, estimates)]
    occurrences = [row for one in complete for row in occurrence_rows(one, facts, absences=absences)]
    events = [event_row(one, dataset) for one in complete]
    write_bytes(
        out, write_archive(events, occurrences, measurements, eml(_dataset(facts, complete, dataset)))
    )
    if progress:
        progress(len(facts.determinations), len(facts.determinations))
    notes = [*_notes(facts, samples, absences=absences)]
    if not occurrences:
        notes.insert(
            0,
            "No image carries the name of something that lives, so the archive has events and no occurrence.",
        )
    return Exported(out, tuple(notes))


EXPORT: Final = Export(
    name="darwin-core",
    title="Darwin Core archive",
    detail="for OBIS, EMODnet Biology and GBIF: events, occurrences, measurements",
    media_type="application/zip",
    suffix=".zip",
    available=available,
    write=write,
)


def absences_allowed(facts: Facts) -> bool:
    """Whether a class that was not found may be called absent: not by a demonstration, nor by a model that is unfit or not known to fit."""
    return not facts.is_demo and facts.verdict is not None and facts.verdict.state in ("green", "amber")


def _measurements(one: SampleFacts, estimates: Estimates | None) -> Iterator[dict[str, str]]:
    for row in (*event_measurements(one), *occurrence_measurements(one), *biovolume_measurements(one)):
        yield dict(row)
    if estimates is not None:
        for row in corrected_measurements(one, estimates):
            yield dict(row)


def _refusal(samples: Sequence[SampleFacts]) -> str:
    if not samples:
        return (
            f"{_NEEDED}, and no image of this run belongs to a sample. Put the images of a sample into a folder of its name, or name "
            "samples in a table samples.csv beside them."
        )
    if all(one.lacks for one in samples):
        return (
            f"{_NEEDED}, and no sample has all three: {'; '.join(incomplete(samples))}. Give them in a table samples.csv beside the "
            "images, or in the form, and run the analysis again: finished images are kept."
        )
    return ""


def _dataset(facts: Facts, samples: Sequence[SampleFacts], title: str) -> Dataset:
    times = [day(one.sample.time) for one in samples if one.sample.time]
    latitudes = [one.sample.latitude for one in samples if one.sample.latitude is not None]
    longitudes = [one.sample.longitude for one in samples if one.sample.longitude is not None]
    demo = f"{DEMO_NOTE}\n\n" if facts.is_demo else ""
    return Dataset(
        identifier=f"{facts.slug}/{facts.run.run_id}",
        title=f"DEMONSTRATION, not data: {title}" if facts.is_demo else title,
        abstract=f"{demo}{_many(sum(one.images for one in samples), 'image')} of {_many(len(samples), 'sample')}, named by a model and, where it says "
        "so, by persons.",
        methods=current_methods(facts.run),
        person=str(facts.manifest["person"]),
        published=str(facts.manifest["finished"])[:10],
        coverage=Coverage(
            *(min(longitudes), max(longitudes), min(latitudes), max(latitudes)), min(times), max(times)
        ),
        citation=current_citation(facts.run),
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _notes(facts: Facts, samples: Sequence[SampleFacts], *, absences: bool) -> Iterator[str]:
    if facts.is_demo:
        yield DEMO_NOTE
    left_out = [one for one in samples if one.lacks]
    if left_out:
        yield (
            f"{len(left_out)} of {len(samples)} samples are left out, because OBIS needs time and position of an event: "
            f"{'; '.join(incomplete(left_out))}."
        )
    alone = len(facts.determinations) - sum(one.images for one in samples)
    if alone:
        yield f"{alone} images belong to no sample and are left out."
    yield from facts.label_notes()
    present = {
        found.meaning.label: found.meaning
        for one in samples
        for found in one.found
        if found.meaning.is_biological
    }
    nameless = [label for label, meaning in sorted(present.items()) if not meaning.scientific_name]
    if nameless:
        yield f"Without a scientific name, which OBIS needs: {listed(nameless)}. Add `scientific_name` to the classes in usecase.yaml."
    unmapped = [label for label, meaning in sorted(present.items()) if meaning.aphia_id is None]
    if unmapped:
        yield f"Without an AphiaID, so scientificNameID is empty: {listed(unmapped)}. OBIS refuses such rows until it is added."
    not_living = {
        found.meaning.label for one in samples for found in one.found if found.meaning.group == "not-living"
    }
    if not_living:
        yield f"Not written, because it does not live: {listed(sorted(not_living))}."
    short = [one for one in samples if one.lost and not one.lacks and one.sample.water_ml is not None]
    if short:
        names = listed([one.sample.sample_id for one in short])
        yield f"Abundances are too low in samples that lost particles, because their pictures could not be used: {names}. See eventRemarks."
    yield from _absence_notes(samples, allowed=absences)
    yield (
        "One image is counted as one individual; a colony or chain is one too. Creator, contact and licence of the data set are yours "
        "to complete where you publish it."
    )


def _absence_notes(samples: Sequence[SampleFacts], *, allowed: bool) -> Iterator[str]:
    if not allowed:
        yield "No absences are written: the model is a demonstration, is unfit for these images, or its fitness is not known."
        return
    yield (
        "A class that was not found is written as absent only where no class that was found can be a part of it (by the ranks declared): a "
        "genus may be there when its order was not named."
    )
    unknown = [one.sample.sample_id for one in samples if not one.lacks and sample_size(one.sample) is None]
    if unknown:
        yield f"No absences are written for samples whose effort (water, area or time looked at) is not known: {listed(unknown)}."
