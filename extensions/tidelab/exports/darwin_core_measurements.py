"""Measurements of an event or an occurrence: how much was looked at, concentrations, corrected counts.

Types and units carry the codes that EcoTaxa exports to EMODnet Biology with (P01, Q01 and P06 of the NERC Vocabulary Server); a
quantity for which no such code is known carries none. Raw and corrected figures are never mixed: `individualCount` and the coded
abundance are of the names in force, a corrected figure says so in its type.
"""

from collections.abc import Iterator
from typing import Final

from tidelab.domain.estimate import ClassEstimate, Estimates, Range
from tidelab.exports.darwin_core_rows import occurrence_id
from tidelab.exports.darwin_core_samples import SampleFacts
from tidelab.formats.darwin_core import Row, number
from tidelab.runs.names import spreadsheet_safe
from tidelab.science.concentration import concentration

_P01: Final = "http://vocab.nerc.ac.uk/collection/P01/current/"
_P06: Final = "http://vocab.nerc.ac.uk/collection/P06/current/"
COUNT: Final = ("Count (in assayed sample) of biological entity specified elsewhere", f"{_P01}OCOUNT01/")
ABUNDANCE: Final = (
    "Abundance of biological entity specified elsewhere per unit volume of the water body",
    f"{_P01}SDBIOL01/",
)
VOLUME: Final = ("Volume sampled of the water body", f"{_P01}VOLWBSMP/")
INSTRUMENT: Final = (
    "Sampling instrument name",
    "http://vocab.nerc.ac.uk/collection/Q01/current/Q0100002/",
)
BIOVOLUME: Final = (
    "Biovolume of biological entity specified elsewhere per unit volume of the water body",
    f"{_P01}CVOLUKNB/",
)
MM3_PER_M3: Final = ("Cubic millimetres per cubic metre", f"{_P06}CMCM/")
PER_CUBIC_METRE: Final = ("Number per cubic metre", f"{_P06}UPMM/")
CUBIC_METRES: Final = ("Cubic metres", f"{_P06}MCUB/")
ML_PER_M3: Final = 1_000_000
UM3_PER_ML_IN_MM3_PER_M3: Final = 1e-3
"""1 µm³ is 1e-9 mm³, and 1 mL is 1e-6 m³."""


def event_measurements(one: SampleFacts) -> Iterator[Row]:
    """Yield what was measured of a sample; what is not known is left out."""
    sample, event = one.sample, {"eventID": one.event_id}
    if sample.instrument:
        yield {**event, **_kind(INSTRUMENT), "measurementValue": spreadsheet_safe(sample.instrument)}
    if sample.water_ml is not None:
        yield {
            **event,
            **_kind(VOLUME),
            "measurementValue": number(sample.water_ml / ML_PER_M3),
            **_unit(CUBIC_METRES),
            "measurementMethod": "volume imaged / dilution factor",
        }
    plain = (
        ("Volume of fluid imaged", sample.volume_imaged_ml, "mL"),
        ("Dilution factor (volume after preparation / volume of sea water)", sample.dilution_factor, ""),
        ("Side of a pixel", sample.um_per_px, "µm"),
        ("Images", float(one.images), ""),
        ("Images without a name", float(one.unnamed), ""),
        ("Images that a person looked at", float(one.looked_at), ""),
    )
    for title, value, unit in plain:
        if value is not None:
            yield {
                **event,
                "measurementType": title,
                "measurementValue": number(value),
                "measurementUnit": unit,
            }


def occurrence_measurements(one: SampleFacts) -> Iterator[Row]:
    """Yield count and, where the volume of sea water is known, abundance of every present biological occurrence."""
    for found in one.found:
        if not found.meaning.is_biological:
            continue
        status = "validated" if found.validated else "predicted"
        about = {
            "eventID": one.event_id,
            "occurrenceID": occurrence_id(one, found.meaning.label, status),
            "measurementMethod": f"names {'given by a person' if found.validated else 'predicted, not corrected'}",
        }
        yield {**about, **_kind(COUNT), "measurementValue": str(found.images)}
        if one.sample.water_ml is not None:
            per_ml = concentration(found.images, one.sample.water_ml).value
            yield {
                **about,
                **_kind(ABUNDANCE),
                "measurementValue": number(per_ml * ML_PER_M3),
                **_unit(PER_CUBIC_METRE),
            }


def biovolume_measurements(one: SampleFacts) -> Iterator[Row]:
    """Yield the biovolume of every present biological occurrence whose images were all measured; per volume where that is known."""
    for found in one.found:
        if not found.meaning.is_biological or found.biovolume_um3 is None:
            continue
        status = "validated" if found.validated else "predicted"
        about = {
            "eventID": one.event_id,
            "occurrenceID": occurrence_id(one, found.meaning.label, status),
            "measurementMethod": "sum over images of the prolate spheroid of the outline's axes (Hillebrand et al. 1999)",
        }
        if one.sample.water_ml is None:
            kind: Row = {"measurementType": "Biovolume in the images", "measurementUnit": "µm³"}
            yield {**about, **kind, "measurementValue": number(found.biovolume_um3)}
        else:
            value = found.biovolume_um3 / one.sample.water_ml * UM3_PER_ML_IN_MM3_PER_M3
            yield {**about, **_kind(BIOVOLUME), **_unit(MM3_PER_M3), "measurementValue": number(value)}


def corrected_measurements(one: SampleFacts, estimates: Estimates) -> Iterator[Row]:
    """Yield corrected counts and concentrations of a sample's biological classes, with their 95 % intervals.

    They are of all images of a class in the sample, validated and predicted, and stand with the one occurrence the class has there;
    where it has two or none, with the event, naming the class.
    """
    for estimate in estimates.classes:
        if estimate.sample_id != one.sample.sample_id or estimate.corrected is None:
            continue
        about = _about(one, estimate)
        if about is None:
            continue
        yield from _range(about, "Corrected count of images", estimate.corrected, "")
        if estimate.concentration_per_ml is not None and estimate.concentration_of == "corrected":
            yield from _range(
                about, "Corrected concentration", estimate.concentration_per_ml, "per mL of sea water"
            )


def _about(one: SampleFacts, estimate: ClassEstimate) -> Row | None:
    same = [found for found in one.found if found.meaning.label == spreadsheet_safe(estimate.label)]
    if estimate.kind in ("non-living", "artefact", "") or not estimate.label:
        return None
    method = {"measurementMethod": f"{estimate.method}; see the methods in eml.xml"}
    remarks = {"measurementRemarks": f"class {spreadsheet_safe(estimate.label)}"}
    if len(same) == 1:
        status = "validated" if same[0].validated else "predicted"
        label = same[0].meaning.label
        return {
            "eventID": one.event_id,
            "occurrenceID": occurrence_id(one, label, status),
            **method,
            **remarks,
        }
    return {"eventID": one.event_id, **method, **remarks}


def _range(about: Row, title: str, value: Range, unit: str) -> Iterator[Row]:
    for words, part in (
        ("", value.value),
        (", lower limit of the 95 % interval", value.low),
        (", upper limit of the 95 % interval", value.high),
    ):
        yield {
            **about,
            "measurementType": f"{title}{words}",
            "measurementValue": number(part),
            "measurementUnit": unit,
        }


def _kind(kind: tuple[str, str]) -> Row:
    return {"measurementType": kind[0], "measurementTypeID": kind[1]}


def _unit(unit: tuple[str, str]) -> Row:
    return {"measurementUnit": unit[0], "measurementUnitID": unit[1]}
