"""The samples of a run: which image belongs to which, and what is known of each, from whom. Nothing is guessed.

``sample_id`` is the first folder of the image's path within the input; where there is none, the name of the chosen folder or zip; for
single files it stays empty. A FlowCam run and an EcoTaxa table name the samples of their images themselves.

What is known comes from the input's own files, then from ``samples.csv`` at the top of the input, then from what a person gave; the
first that says it counts, and a contradiction is told. What none of them says stays unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from tidelab.domain.sample import SAMPLE_FIELDS, Sample
from tidelab.runs.errors import RunError
from tidelab.runs.failures import FailedFile, failed
from tidelab.runs.inputs.collect import SAMPLES_TABLE
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.sample_table import as_sample, read_table, utc_text
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name, spreadsheet_safe

_DEPTHS: Final = ("depth_min_m", "depth_max_m")


@dataclass(frozen=True)
class KnownSample:
    """One sample, and where each of its values comes from (`tidelab.domain.sample.ORIGINS`)."""

    sample: Sample
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleRow:
    """What the results say of an image's sample; texts are as they stand in the tables."""

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
        What input and side file say, by sample.
    sample_of
        Sample of an image by its display name, where the input names it.
    given
        What a person gave: for every sample that does not say it itself.
    from_input
        Samples that the input itself tells of; they stand in the table even when no image of them could be used.
    """

    label: str
    known: Mapping[str, KnownSample] = field(default_factory=dict)
    sample_of: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    from_input: Sequence[str] = ()
    _records: dict[str, KnownSample] = field(default_factory=dict, compare=False, repr=False)

    def sample_id(self, image: str) -> str:
        """Return the sample of an image by its display name."""
        if image in self.sample_of:
            return self.sample_of[image]
        # A page of a file is called file.tif#2.
        if image.partition("#")[0] in self.sample_of:
            return self.sample_of[image.partition("#")[0]]
        first, slash, _ = image.removeprefix("./").partition("/")
        return display_name(first) if slash else display_name(self.label)

    def of(self, image: str) -> SampleRow:
        """Return what the results say of an image's sample."""
        name = self.sample_id(image)
        sample = self.record(name).sample
        return SampleRow(name, utc_text(sample.time), spreadsheet_safe(sample.station or ""))

    def record(self, sample_id: str) -> KnownSample:
        """Return all that is known of a sample, with what a person gave for want of better."""
        if sample_id not in self._records:
            known = self.known.get(sample_id) or _nothing(sample_id)
            self._records[sample_id] = _completed(known, self.given, "given")[0]
        return self._records[sample_id]


def read_samples(
    label: str,
    table: Source | None,
    facts: Iterable[SampleFacts] = (),
    sample_of: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
) -> tuple[Samples, list[FailedFile]]:
    """Bring together what is said of the samples of an input.

    Parameters
    ----------
    label
        Name of the input.
    table
        ``samples.csv``, where there is one; each row with an error is told and left out.
    facts, sample_of
        What the input itself says; see :class:`tidelab.runs.inputs.collection.Collection`.
    given
        Checked values of :func:`given_values`.

    Returns
    -------
    tuple
        The samples, and the rows of ``failed_files.csv`` about them.
    """
    known: dict[str, KnownSample] = {}
    problems: list[FailedFile] = []
    from_input = []
    for one in facts:
        sample, words = as_sample(one.sample_id[:255], one.values)
        if sample is None:
            name = one.files[0].name if one.files else one.sample_id
            problems.append(
                failed(
                    name,
                    "samples-conflict",
                    detail=f"What is said of the sample {one.sample_id} is not used: {words}",
                )
            )
            sample = _nothing(one.sample_id).sample
        known[one.sample_id] = KnownSample(sample, dict.fromkeys(sample.known(), "input"))
        from_input.append(one.sample_id)
    listed, faults = read_table(table) if table else ({}, [])
    problems += [failed(SAMPLES_TABLE, "samples-table", detail=fault) for fault in faults]
    for sample_id, row in listed.items():
        before = known.get(sample_id) or _nothing(sample_id)
        values = {name: getattr(row, name) for name in row.known()}
        known[sample_id], contradictions = _completed(before, values, "side-file")
        problems += [
            failed(SAMPLES_TABLE, "samples-conflict", detail=f"Sample {sample_id}: {words}")
            for words in contradictions
        ]
    return Samples(label, known, sample_of or {}, dict(given or {}), from_input), problems


def samples_of(
    collection: Collection, label: str, given: Mapping[str, Any]
) -> tuple[Samples, list[FailedFile]]:
    """Return the samples of a collection; `label` names the input in the tables, `given` is of :func:`given_values`."""
    return read_samples(label, collection.samples_table, collection.facts, collection.sample_of, given)


def given_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run that are facts about its samples, checked.

    Parameters
    ----------
    parameters
        Of the notebook; those that are called like a field of `tidelab.domain.sample.Sample` and are not None count.

    Raises
    ------
    RunError
        When a value cannot be; the text names parameter, value and rule.
    """
    given = {name: parameters[name] for name in SAMPLE_FIELDS if parameters.get(name) not in (None, "")}
    sample, words = as_sample("given", given)
    if sample is None:
        raise RunError(
            f"What was given about the samples cannot be: {words}. Correct it, or leave the field empty."
        )
    return {name: getattr(sample, name) for name in sample.known()}


def _nothing(sample_id: str) -> KnownSample:
    return KnownSample(Sample(sample_id=sample_id[:255]))


def _completed(known: KnownSample, values: Mapping[str, Any], origin: str) -> tuple[KnownSample, list[str]]:
    """Add the values that are not known yet; return the sample and what contradicts it."""
    before = known.sample
    contradictions = [
        f"{name} is {_shown(value)} in {SAMPLES_TABLE} and {_shown(getattr(before, name))} in the input, which is used"
        for name, value in values.items()
        if getattr(before, name) not in (None, value)
    ]
    fresh = {name: value for name, value in values.items() if getattr(before, name) is None}
    if not fresh:
        return known, contradictions
    try:
        sample = Sample.model_validate({**before.model_dump(), **fresh})
    except ValidationError:
        # Each half is right by itself: only the depths are compared with one another.
        fresh = {name: value for name, value in fresh.items() if name not in _DEPTHS}
        sample = Sample.model_validate({**before.model_dump(), **fresh})
        contradictions.append(
            "the greatest depth would lie above the least one; the one of the input is used"
        )
    return KnownSample(sample, {**known.origins, **dict.fromkeys(fresh, origin)}), contradictions


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else display_name(str(value)[:60])
