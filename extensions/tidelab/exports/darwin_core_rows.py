"""A run as events, occurrences and measurements of Darwin Core.

Vocabulary of machine observations: Martin-Cabrera et al. (2022), Best practices and recommendations for plankton imaging data
management (https://repository.oceanbestpractices.org/handle/11329/2360), as https://manual.obis.org/other_data_types.html
recommends it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tidelab.domain.sample import Sample
from tidelab.exports.facts import Facts
from tidelab.formats.darwin_core import Row, lsid, number
from tidelab.runs.meaning import LabelMeaning
from tidelab.runs.names import spreadsheet_safe

if TYPE_CHECKING:
    import pandas as pd

PREDICTED: Final = "PredictedByMachine"
VALIDATED: Final = "ValidatedByHuman"
ORGANISM_QUANTITY_TYPE: Final = "images"
_NEEDED: Final = {"time": "time", "latitude": "latitude", "longitude": "longitude"}


@dataclass(frozen=True)
class Found:
    """Images of one class in one sample that are all predicted, or all validated.

    Parameters
    ----------
    meaning
        The class.
    validated
        Whether a person named them.
    images
        How many.
    mean_score
        Mean score of the model's own name for them, 0 to 1.
    persons
        Who named them, sorted.
    first, last
        Days of the first and the last look (ISO 8601), empty when predicted.
    """

    meaning: LabelMeaning
    validated: bool
    images: int
    mean_score: float
    persons: tuple[str, ...] = ()
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class SampleFacts:
    """One sample of a run with everything that was named in it."""

    sample: Sample
    event_id: str
    images: int
    unnamed: int
    looked_at: int
    found: tuple[Found, ...]

    @property
    def lacks(self) -> tuple[str, ...]:
        """What OBIS needs of an event and nobody knows of this one: time, latitude, longitude."""
        return tuple(words for field, words in _NEEDED.items() if getattr(self.sample, field) is None)


def samples_of(facts: Facts) -> list[SampleFacts]:
    """Return the samples of a run that have images, in the order of their ids.

    Images without a sample are one where a person said when and where they were taken, and in none otherwise.
    """
    groups = facts.determinations.groupby("sample_id", sort=True)
    found = [_sample_facts(facts, str(name), group) for name, group in groups]
    return [one for one in found if one.sample.sample_id or not one.lacks]


def event_row(one: SampleFacts, dataset: str) -> Row:
    """Return the event of a sample. The position is WGS84, depths are below the surface; what is not known is empty."""
    sample = one.sample
    size = sample_size(sample)
    protocol = spreadsheet_safe(sample.instrument) if sample.instrument else ""
    return {
        "eventID": one.event_id,
        "fieldNumber": spreadsheet_safe(sample.sample_id),
        "eventDate": sample.time.strftime("%Y-%m-%dT%H:%M:%SZ") if sample.time else "",
        "decimalLatitude": _known(sample.latitude),
        "decimalLongitude": _known(sample.longitude),
        "geodeticDatum": "EPSG:4326",
        "minimumDepthInMeters": _depth(sample.depth_min_m),
        "maximumDepthInMeters": _depth(sample.depth_max_m),
        "locationID": spreadsheet_safe(sample.station or ""),
        "samplingProtocol": f"imaging with {protocol}"
        if protocol
        else "imaging; the instrument is not known",
        "sampleSizeValue": number(size[0]) if size else "",
        "sampleSizeUnit": size[1] if size else "",
        "eventRemarks": f"{one.images} images of single particles; {one.unnamed} of them without a name",
        "datasetName": dataset,
    }


def sample_size(sample: Sample) -> tuple[float, str] | None:
    """Return how much was looked at and its unit: sea water, else ground, else time; None when none of these is known.

    The volume imaged alone is not it: without the dilution factor nobody knows how much sea water that was.
    """
    if sample.water_ml is not None:
        return sample.water_ml / 1000, "litre"
    if sample.area_m2 is not None:
        return sample.area_m2, "square metre"
    return (sample.duration_s, "second") if sample.duration_s is not None else None


def occurrence_rows(one: SampleFacts, facts: Facts, *, absences: bool) -> Iterator[Row]:
    """Yield the occurrences of a sample: for each biological class the validated and the predicted images apart.

    Parameters
    ----------
    one
        The sample.
    facts
        Its run.
    absences
        Whether classes that were looked for and not found are written; needs a known effort besides.
    """
    for found in one.found:
        if found.meaning.is_biological:
            yield _present(one, found, facts)
    if absences and sample_size(one.sample) is not None:
        seen = {found.meaning.label for found in one.found}
        for label in facts.meanings.model_labels:
            meaning = facts.meanings.of(label)
            if label not in seen and meaning.is_biological:
                yield _absent(one, meaning, facts)


def occurrence_id(one: SampleFacts, label: str, status: str) -> str:
    """Return the id of an occurrence: equal for the same images, class and status, whenever and by whomever it is exported."""
    return f"{one.event_id}:{_part(label)}:{status}"


def _present(one: SampleFacts, found: Found, facts: Facts) -> Row:
    status = "validated" if found.validated else "predicted"
    score = f"mean score of the model {found.mean_score:.2f}"
    remarks = f"one image is counted as one individual; {score}"
    return {
        **_taxon(found.meaning),
        "eventID": one.event_id,
        "occurrenceID": occurrence_id(one, found.meaning.label, status),
        "basisOfRecord": "MachineObservation",
        "occurrenceStatus": "present",
        "individualCount": str(found.images),
        "organismQuantity": str(found.images),
        "organismQuantityType": ORGANISM_QUANTITY_TYPE,
        "identificationVerificationStatus": VALIDATED if found.validated else PREDICTED,
        "identificationReferences": facts.model_words,
        # Persons only: a model assigns no name in its own right, it stands in identificationReferences.
        "identifiedBy": " | ".join(spreadsheet_safe(person) for person in found.persons),
        "dateIdentified": _span(found) if found.validated else str(facts.manifest["finished"])[:10],
        "identificationRemarks": remarks,
    }


def _absent(one: SampleFacts, meaning: LabelMeaning, facts: Facts) -> Row:
    all_seen = one.looked_at == one.images
    return {
        **_taxon(meaning),
        "eventID": one.event_id,
        "occurrenceID": occurrence_id(one, meaning.label, "absent"),
        "basisOfRecord": "MachineObservation",
        "occurrenceStatus": "absent",
        "individualCount": "0",
        "organismQuantity": "0",
        "organismQuantityType": ORGANISM_QUANTITY_TYPE,
        "identificationVerificationStatus": VALIDATED if all_seen else PREDICTED,
        "identificationReferences": facts.model_words,
        "dateIdentified": str(facts.manifest["finished"])[:10],
        "occurrenceRemarks": f"looked for among {one.images} images, {one.unnamed} of which have no name; found in none",
    }


def _taxon(meaning: LabelMeaning) -> Row:
    return {
        "scientificName": meaning.scientific_name,
        "scientificNameID": lsid(meaning.aphia_id) if meaning.aphia_id else "",
        "taxonRank": meaning.rank.lower(),
        "verbatimIdentification": meaning.label,
        "lifeStage": spreadsheet_safe(meaning.life_stage),
    }


def _sample_facts(facts: Facts, name: str, group: "pd.DataFrame") -> SampleFacts:
    digest = hashlib.sha256("\n".join(sorted(group["image_id"])).encode()).hexdigest()[:12]
    named = group[group["label"] != ""]
    found = [
        _found(facts.meanings.of(str(label)), bool(validated), rows)
        for (label, validated), rows in named.groupby(["label", named["status"] == "validated"], sort=True)
    ]
    return SampleFacts(
        sample=facts.samples.get(name) or Sample(sample_id=name),
        event_id=f"{facts.slug}:{_part(name) or 'images'}:{digest}",
        images=len(group),
        unnamed=len(group) - len(named),
        looked_at=int((group["status"] != "predicted").sum()),
        found=tuple(found),
    )


def _found(meaning: LabelMeaning, validated: bool, rows: "pd.DataFrame") -> Found:
    score = float(rows["score"].astype(float).mean())
    if not validated:
        return Found(meaning, False, len(rows), score)
    days = sorted(str(moment)[:10] for moment in rows["validated_at"] if moment)
    persons = tuple(sorted({str(person) for person in rows["validated_by"] if person}))
    return Found(meaning, True, len(rows), score, persons, *(days[0], days[-1]) if days else ("", ""))


def _span(found: Found) -> str:
    return found.first if found.first == found.last else f"{found.first}/{found.last}"


def _part(text: str) -> str:
    return quote(text, safe="", errors="backslashreplace")


def _known(value: float | None) -> str:
    return "" if value is None else number(value)


def _depth(value: float | None) -> str:
    # Darwin Core's depths are below the surface; above it there are none.
    return "" if value is None or value < 0 else number(value)


def incomplete(samples: Iterable[SampleFacts]) -> Sequence[str]:
    """Return a sentence for each thing that samples lack, naming them."""
    reasons: dict[str, list[str]] = {}
    for one in samples:
        if one.lacks:
            reasons.setdefault(" and ".join(one.lacks), []).append(one.sample.sample_id)
    return [
        f"no {what} of {', '.join(names[:20])}{' …' if len(names) > 20 else ''}"
        for what, names in reasons.items()
    ]
