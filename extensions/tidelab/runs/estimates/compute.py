"""The estimates of a run: the best kind that what is known allows, for the whole run and for each sample.

All images looked at by a person: their count. An audit answered in full: the audit's estimate. Else the model's errors are corrected
with its held-out images, or the reason why not is given.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tidelab.domain.estimate import ClassEstimate, EstimateMethod, Estimates, Range
from tidelab.drift.words import DEMO, STATE_WORDS
from tidelab.runs.estimates import words
from tidelab.runs.estimates.by_audit import ByAudit, complete_audit, unfinished
from tidelab.runs.estimates.by_model import by_model
from tidelab.runs.estimates.evidence import Evidence, NoCorrection, Rows
from tidelab.runs.folder import RunFolder
from tidelab.science.audit_estimators import exact_counts
from tidelab.science.concentration import concentration

_DECIMALS = 3


@dataclass(frozen=True)
class Answer:
    """Corrected counts by class name, or why there are none.

    Parameters
    ----------
    counts
        Class -> count; the empty name is unidentified.
    method
        How.
    check
        Class -> count by the second method.
    withheld
        Class -> why this one has no count, although others have.
    reasons
        Why none has.
    """

    counts: Mapping[str, Range] = field(default_factory=dict)
    method: EstimateMethod = ""
    check: Mapping[str, float] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


Answering = Callable[[Rows, str], Answer]


def compute(run: RunFolder, key: str = "") -> Estimates:
    """Compute the estimates of a finished run; raises `RunError` when it has no results."""
    evidence = Evidence.of(run)
    result = Estimates(
        key=key,
        classes=[],
        seed=evidence.settings.seed,
        replicates=evidence.settings.replicates,
        not_covered=words.NOT_COVERED,
    )
    answer = _answering(evidence, result)
    everything = np.ones(len(evidence.table), bool)
    whole = answer(everything, "")
    result.withheld = list(whole.reasons)
    result.notes = _notes(evidence, whole)
    result.classes = list(_rows(evidence, everything, "", whole))
    ids = evidence.table["sample_id"].to_numpy()
    for sample_id in dict.fromkeys(one for one in ids if one):
        rows = ids == sample_id
        # One sample that is the whole run must read the same twice.
        part = whole if rows.all() else answer(rows, sample_id)
        result.classes += _rows(evidence, rows, sample_id, part)
    return result


def _answering(evidence: Evidence, result: Estimates) -> Answering:
    """Choose how to answer, and tell `result` about it."""
    if evidence.table.empty:
        return lambda *_: Answer(reasons=(words.NOTHING_FOUND,))
    if evidence.looked_at.all():
        result.method_words = words.VALIDATED
        return lambda rows, _: _validated(evidence, rows)
    audit = complete_audit(evidence)
    if audit is not None:
        names = (*evidence.table["label"].unique(), *_model_labels(evidence), "")
        by_audit = ByAudit(evidence, audit, tuple(dict.fromkeys(names)))
        result.method_words = by_audit.method_words()
        return lambda rows, sample_id: _audited(by_audit, rows, sample_id)
    if evidence.run.finds_objects:
        return lambda *_: Answer(reasons=(words.DETECTOR,))
    try:
        correction = by_model(evidence)
    except NoCorrection as reason:
        text = str(reason)
        return lambda *_: Answer(reasons=(text,))
    result.beyond, result.beyond_threshold = int(correction.beyond.sum()), correction.threshold.distance
    result.labelled_images = len(correction.labelled.truth)
    result.method_words = correction.method_words()

    def corrected(rows: Rows, sample_id: str) -> Answer:
        where = "this sample" if sample_id else "this run"
        reasons = correction.objections(rows, where)
        if reasons:
            return Answer(reasons=tuple(reasons))
        found, least = correction.correct(rows, sample_id), evidence.settings.minimum_test_images
        names = (*evidence.model_labels, "")
        tested = evidence.held_out.per_class
        withheld = {
            label: words.too_few_tested(int(tested[number]), least)
            for number, label in enumerate(evidence.model_labels)
            if tested[number] < least
        }
        kept = [(number, name) for number, name in enumerate(names) if name not in withheld]
        return Answer(
            {
                name: _range(found.value[number], found.low[number], found.high[number])
                for number, name in kept
            },
            "PACC",
            {name: _round(found.check[number]) for number, name in kept},
            withheld,
        )

    return corrected


def _validated(evidence: Evidence, rows: Rows) -> Answer:
    counts = evidence.table["label"][rows].value_counts()
    names = tuple(dict.fromkeys((*counts.index, *_model_labels(evidence), "")))
    totals = exact_counts([int(counts.get(name, 0)) for name in names])
    ranges = {name: _range(totals.value[i], totals.low[i], totals.high[i]) for i, name in enumerate(names)}
    return Answer(ranges, "validated")


def _audited(by_audit: ByAudit, rows: Rows, sample_id: str) -> Answer:
    try:
        totals = by_audit.totals(rows, sample_id)
    except NoCorrection as reason:
        return Answer(reasons=(str(reason),))
    ranges = {
        name: _range(totals.value[i], totals.low[i], totals.high[i]) for i, name in enumerate(by_audit.labels)
    }
    return Answer(ranges, by_audit.method)


def _rows(evidence: Evidence, rows: Rows, sample_id: str, answer: Answer) -> Iterator[ClassEstimate]:
    """Yield one line a class: those of the model, those that people named, and the unidentified ones last."""
    table = evidence.table[rows]
    raw = table["label"].value_counts()
    validated = table["label"][table["status"] == "validated"].value_counts()
    found = [name for name in dict.fromkeys((*raw.index, *_model_labels(evidence), *answer.counts)) if name]
    water = evidence.water_ml(sample_id)
    for label in [*sorted(found, key=lambda name: (-int(raw.get(name, 0)), name)), ""]:
        corrected, meaning = answer.counts.get(label), evidence.meanings.of(label)
        count = int(raw.get(label, 0))
        per_ml, of = _per_ml(corrected, count, water if meaning.is_biological else None)
        yield ClassEstimate(
            sample_id=sample_id,
            label=label,
            kind=meaning.kind,
            raw=count,
            validated=int(validated.get(label, 0)),
            corrected=corrected,
            method=answer.method if corrected else "",
            check=answer.check.get(label),
            withheld="" if corrected else _why(answer, label),
            concentration_per_ml=per_ml,
            concentration_of=of,
        )


def _why(answer: Answer, label: str) -> str:
    if answer.reasons:
        return " ".join(answer.reasons)
    return answer.withheld.get(label, "The model does not know this class, so it cannot be corrected for.")


def _per_ml(corrected: Range | None, raw: int, water_ml: float | None) -> tuple[Range | None, str]:
    """Return the count over the volume of sea water; the water is taken as known."""
    if water_ml is None:
        return None, ""
    if corrected is not None:
        return concentration(corrected, water_ml), "corrected"
    return concentration(raw, water_ml), "raw"


def _notes(evidence: Evidence, whole: Answer) -> list[str]:
    model = evidence.model
    notes = [model.words] if model.demo or model.source == "own" else []
    if whole.method == "PACC" and evidence.verdict is None:
        notes.append(
            "The drift verdict of this run cannot be read: whether the model fits these images is not known."
        )
    elif (
        whole.method == "PACC"
        and evidence.verdict is not None
        and evidence.verdict.headline != DEMO  # said above, in the model's own words
        and evidence.verdict.state in ("grey", "amber")
    ):
        notes.append(
            f"Verdict on these images, {STATE_WORDS[evidence.verdict.state]}: {evidence.verdict.headline}"
        )
    if whole.withheld:
        tested = evidence.settings.minimum_test_images
        notes.append(
            f"Not corrected for want of {tested} held-out test images: {words.named(list(whole.withheld))}. What the model confuses with them "
            "is in no interval."
        )
    if whole.method == "PACC" and evidence.looked_at.any():
        notes.append(
            f"{words.images(int(evidence.looked_at.sum()))} were looked at by a person. They change the raw counts; the correction goes by the "
            "model's answers on all images, because images chosen by eye stand for no others. A random audit would be used instead."
        )
    if evidence.run.finds_objects:
        notes.append(words.MISSED)
    short = list(evidence.too_low())
    notes += [*short[:5], *([f"So it is for {len(short) - 5} more samples."] if len(short) > 5 else [])]
    notes += evidence.problems
    return notes + ([] if whole.method == "validated" else unfinished(evidence))


def _model_labels(evidence: Evidence) -> tuple[str, ...]:
    return evidence.meanings.model_labels


def _range(value: float, low: float, high: float) -> Range:
    return Range(value=_round(value), low=_round(low), high=_round(high))


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
