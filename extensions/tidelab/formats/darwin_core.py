"""Darwin Core archives with an Event core: sampling events, their occurrences, and measurements of either.

Darwin Core text guide, https://dwc.tdwg.org/text/ ; layout as OBIS and EMODnet Biology ask for it (Event core, Occurrence and
extendedMeasurementOrFact extensions), https://manual.obis.org/data_format.html .
"""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from xml.etree import ElementTree

from tidelab.formats.darwin_core_metadata import xml_bytes, xml_text

_DWC: Final = "http://rs.tdwg.org/dwc/terms/"
_DC: Final = "http://purl.org/dc/terms/"
_OBIS: Final = "http://rs.iobis.org/obis/terms/"
_TEXT: Final = "http://rs.tdwg.org/dwc/text/"

EVENT_TERMS: Final = (
    "eventID", "fieldNumber", "eventDate", "decimalLatitude", "decimalLongitude", "geodeticDatum", "minimumDepthInMeters",
    "maximumDepthInMeters", "locationID", "samplingProtocol", "sampleSizeValue", "sampleSizeUnit", "eventRemarks", "datasetName",
)  # fmt: skip
OCCURRENCE_TERMS: Final = (
    "eventID", "occurrenceID", "basisOfRecord", "occurrenceStatus", "scientificName", "scientificNameID", "taxonRank",
    "verbatimIdentification", "lifeStage", "individualCount", "organismQuantity", "organismQuantityType",
    "identificationVerificationStatus", "identificationReferences", "identifiedBy", "dateIdentified", "identificationRemarks",
    "occurrenceRemarks", "associatedMedia",
)  # fmt: skip
MEASUREMENT_TERMS: Final = (
    "eventID", "occurrenceID", "measurementType", "measurementTypeID", "measurementValue", "measurementUnit", "measurementUnitID",
    "measurementMethod", "measurementRemarks",
)  # fmt: skip

Row = Mapping[str, str]


@dataclass(frozen=True)
class _Table:
    """One file of an archive: its name, what a row is, its columns (the first is the event's id)."""

    file: str
    row_type: str
    terms: Sequence[str]


EVENT: Final = _Table("event.txt", f"{_DWC}Event", EVENT_TERMS)
OCCURRENCE: Final = _Table("occurrence.txt", f"{_DWC}Occurrence", OCCURRENCE_TERMS)
MEASUREMENT: Final = _Table(
    "extendedmeasurementorfact.txt", f"{_OBIS}ExtendedMeasurementOrFact", MEASUREMENT_TERMS
)


def write_archive(
    events: Iterable[Row], occurrences: Iterable[Row], measurements: Iterable[Row], eml: bytes
) -> bytes:
    """Return a Darwin Core archive as the bytes of a zip; equal contents give equal bytes.

    Parameters
    ----------
    events, occurrences, measurements
        Rows by term (`EVENT_TERMS`, `OCCURRENCE_TERMS`, `MEASUREMENT_TERMS`); a term that is left out is an empty cell.
    eml
        The metadata document (`darwin_core_metadata.eml`).

    Raises
    ------
    ValueError
        An eventID or occurrenceID stands twice or is empty, or a row names an event or occurrence that is not there.
    """
    event_rows, occurrence_rows, measurement_rows = list(events), list(occurrences), list(measurements)
    _check_ids(event_rows, occurrence_rows, measurement_rows)
    files = {
        "meta.xml": meta_xml(),
        "eml.xml": eml,
        EVENT.file: _text(EVENT.terms, event_rows),
        OCCURRENCE.file: _text(OCCURRENCE.terms, occurrence_rows),
        MEASUREMENT.file: _text(MEASUREMENT.terms, measurement_rows),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def meta_xml() -> bytes:
    """Return ``meta.xml``: which file holds what, and which term each column is."""
    root = ElementTree.Element("archive", {"xmlns": _TEXT, "metadata": "eml.xml"})
    for tag, key, one in (
        ("core", "id", EVENT),
        *(("extension", "coreid", x) for x in (OCCURRENCE, MEASUREMENT)),
    ):
        part = ElementTree.SubElement(root, tag, {
            "encoding": "UTF-8", "fieldsTerminatedBy": r"\t", "linesTerminatedBy": r"\n", "fieldsEnclosedBy": "",
            "ignoreHeaderLines": "1", "rowType": one.row_type,
        })  # fmt: skip
        location = ElementTree.SubElement(ElementTree.SubElement(part, "files"), "location")
        location.text = one.file
        ElementTree.SubElement(part, key, {"index": "0"})
        for index, term in enumerate(one.terms):
            # The first column of an extension is the key of its event; read as a field too, it would be the same twice.
            if index or tag == "core":
                ElementTree.SubElement(part, "field", {"index": str(index), "term": term_uri(term)})
    return xml_bytes(root)


def term_uri(term: str) -> str:
    """Return the full name of a term.

    >>> term_uri("eventDate"), term_uri("measurementTypeID")
    ('http://rs.tdwg.org/dwc/terms/eventDate', 'http://rs.iobis.org/obis/terms/measurementTypeID')
    """
    if term in ("measurementTypeID", "measurementUnitID", "measurementValueID"):
        return _OBIS + term
    return (_DC if term in ("type", "license", "modified") else _DWC) + term


def lsid(aphia_id: int) -> str:
    """Return the name of a taxon of the World Register of Marine Species, as Darwin Core and OBIS write it.

    >>> lsid(126436)
    'urn:lsid:marinespecies.org:taxname:126436'
    """
    return f"urn:lsid:marinespecies.org:taxname:{aphia_id}"


def number(value: float) -> str:
    """Return a number as a cell: ten significant digits, plain decimals, no trailing zeros.

    >>> number(3.0), number(0.25), number(51.23456789), number(1.5e9), number(2.5e-6)
    ('3', '0.25', '51.23456789', '1500000000', '0.0000025')
    """
    return f"{Decimal(f'{value:.10g}'):f}"


def _text(terms: Sequence[str], rows: Iterable[Row]) -> bytes:
    lines = ["\t".join(terms), *("\t".join(_cell(row.get(term, "")) for term in terms) for row in rows)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _cell(text: str) -> str:
    # Nothing is quoted in these files (fieldsEnclosedBy is empty), so nothing may end a cell or a line.
    return " ".join(xml_text(text).split())


def _check_ids(events: Sequence[Row], occurrences: Sequence[Row], measurements: Sequence[Row]) -> None:
    known = _unique("eventID", events)
    found = _unique("occurrenceID", occurrences)
    for row in (*occurrences, *measurements):
        if row.get("eventID", "") not in known:
            raise ValueError(
                f"a row names the event {row.get('eventID', '')!r}, which is not among the events"
            )
    for row in measurements:
        if row.get("occurrenceID") and row["occurrenceID"] not in found:
            raise ValueError(
                f"a measurement names the occurrence {row['occurrenceID']!r}, which is not there"
            )


def _unique(term: str, rows: Sequence[Row]) -> set[str]:
    seen: set[str] = set()
    for row in rows:
        value = _cell(row.get(term, ""))
        if not value or value != row[term]:
            raise ValueError(
                f"{term} is {row.get(term, '')!r}; it must not be empty or hold blanks that vanish"
            )
        if value in seen:
            raise ValueError(f"{term} {value!r} stands twice")
        seen.add(value)
    return seen
