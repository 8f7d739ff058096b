"""A run as events, occurrences and measurements of Darwin Core.

Vocabulary of machine observations: Martin-Cabrera et al. (2022), Best practices and recommendations for plankton imaging data
management (https://repository.oceanbestpractices.org/handle/11329/2360), as https://manual.obis.org/other_data_types.html
recommends it.
"""

from collections.abc import Iterator
from typing import Final

from tidelab.exports.darwin_core_samples import Found, SampleFacts, id_part, sample_size
from tidelab.exports.facts import Facts
from tidelab.formats.darwin_core import Row, lsid, number
from tidelab.runs.meaning import LabelMeaning, Meanings
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.not_counted import lost_words

PREDICTED: Final = "PredictedByMachine"
VALIDATED: Final = "ValidatedByHuman"
ORGANISM_QUANTITY_TYPE: Final = "images"
_RANKS: Final = (
    "superdomain domain superkingdom kingdom subkingdom infrakingdom superphylum phylum subphylum infraphylum parvphylum gigaclass "
    "megaclass superclass class subclass infraclass subterclass superorder order suborder infraorder parvorder superfamily family "
    "subfamily supertribe tribe subtribe genus subgenus section subsection series species subspecies variety subvariety forma subforma"
)
_LEVELS: Final = {rank: level for level, rank in enumerate(_RANKS.split())}
"""Ranks of the World Register of Marine Species, coarse to fine."""


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
        "eventRemarks": f"{one.images} images of single particles; {one.unnamed} of them without a name"
        + (f"; {lost_words(one.lost, one.images)}" if one.lost else ""),
        "datasetName": dataset,
    }


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
        for meaning in absent_classes(one, facts.meanings):
            yield _absent(one, meaning, facts)


def absent_classes(one: SampleFacts, meanings: Meanings) -> Iterator[LabelMeaning]:
    """Yield the biological classes of the model that were found in no image of a sample and may be called absent.

    A class stands for a taxon, and a taxon is there when a part of it is: no dinoflagellate of the class "Dinoflagellata" does not mean
    no dinoflagellates where the class Tripos was found. What belongs to what is not declared, so a class is called absent only where
    nothing that was found can be a part of it: every class found has a declared rank that is not below its own, and another taxon.
    """
    found = [known.meaning for known in one.found if known.meaning.is_biological]
    labels = {meaning.label for meaning in found}
    taxa = {name for meaning in found for name in (meaning.scientific_name, meaning.aphia_id) if name}
    ranks = [rank_level(meaning.rank) for meaning in found]
    for label in meanings.model_labels:
        meaning = meanings.of(label)
        level = rank_level(meaning.rank)
        if not meaning.is_biological or label in labels or level is None:
            continue
        if {meaning.scientific_name, meaning.aphia_id} & taxa:
            continue
        if all(rank is not None and rank <= level for rank in ranks):
            yield meaning


def rank_level(rank: str) -> int | None:
    """Return how fine a rank is, a species more than a genus; None for a rank that is not known.

    >>> rank_level("Genus") < rank_level("Species"), rank_level("Clade")
    (True, None)
    """
    return _LEVELS.get(rank.strip().casefold())


def occurrence_id(one: SampleFacts, label: str, status: str) -> str:
    """Return the id of an occurrence: equal for the same images, class and status, whenever and by whomever it is exported."""
    return f"{one.event_id}:{id_part(label)}:{status}"


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


def _span(found: Found) -> str:
    return found.first if found.first == found.last else f"{found.first}/{found.last}"


def _known(value: float | None) -> str:
    return "" if value is None else number(value)


def _depth(value: float | None) -> str:
    # Darwin Core's depths are below the surface; above it there are none.
    return "" if value is None or value < 0 else number(value)
