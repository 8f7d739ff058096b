"""The metadata document of a Darwin Core archive: Ecological Metadata Language 2.2.0 (https://eml.ecoinformatics.org/).

Only what is known is written. A dataset is published by a person, who completes the rest where it is published (title, contacts,
licence, region): the IPT of GBIF and OBIS asks for it.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

_EML: Final = "https://eml.ecoinformatics.org/eml-2.2.0"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Coverage:
    """Where and when: bounding box in decimal degrees (WGS84), first and last day (ISO 8601)."""

    west: float
    east: float
    south: float
    north: float
    begin: str
    end: str


@dataclass(frozen=True)
class Dataset:
    """What the metadata document says.

    Parameters
    ----------
    identifier
        Names this dataset, the same each time it is written.
    title, abstract, methods
        In words; an empty line begins a paragraph.
    person
        Who made it: creator, metadata provider and contact until the person who publishes it says otherwise.
    published
        Day on which it was written (ISO 8601).
    coverage
        Where and when.
    citation
        What to cite.
    """

    identifier: str
    title: str
    abstract: str
    methods: str
    person: str
    published: str
    coverage: Coverage
    citation: str = ""


def eml(dataset: Dataset) -> bytes:
    """Return ``eml.xml``."""
    root = ElementTree.Element("eml:eml", {
        "xmlns:eml": _EML, "packageId": xml_text(dataset.identifier), "system": "tidelab", "xml:lang": "en",
    })  # fmt: skip
    part = ElementTree.SubElement(root, "dataset")
    _add(part, "title", dataset.title, {"xml:lang": "en"})
    for role in ("creator", "metadataProvider"):
        _person(part, role, dataset.person)
    _add(part, "pubDate", dataset.published)
    _add(part, "language", "eng")
    _paragraphs(ElementTree.SubElement(part, "abstract"), dataset.abstract)
    _coverage(ElementTree.SubElement(part, "coverage"), dataset.coverage)
    _person(part, "contact", dataset.person)
    step = ElementTree.SubElement(ElementTree.SubElement(part, "methods"), "methodStep")
    _paragraphs(ElementTree.SubElement(step, "description"), dataset.methods)
    if dataset.citation:
        gbif = ElementTree.SubElement(
            ElementTree.SubElement(ElementTree.SubElement(root, "additionalMetadata"), "metadata"), "gbif"
        )
        _paragraphs(ElementTree.SubElement(gbif, "bibliography"), dataset.citation, "citation")
    return xml_bytes(root)


def xml_bytes(root: ElementTree.Element) -> bytes:
    """Return a document as indented XML in UTF-8."""
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text


def xml_text(text: str) -> str:
    """Return text without the characters that XML 1.0 does not allow, each replaced by the replacement character."""
    return _NOT_XML.sub("\ufffd", text)


def day(moment: datetime.datetime) -> str:
    """Return the day of a moment in UTC, ISO 8601."""
    return moment.astimezone(datetime.UTC).date().isoformat()


def _coverage(part: ElementTree.Element, coverage: Coverage) -> None:
    place = ElementTree.SubElement(part, "geographicCoverage")
    _add(place, "geographicDescription", "Bounding box of the samples; the region is not named.")
    box = ElementTree.SubElement(place, "boundingCoordinates")
    for name, value in (
        *(("west", coverage.west), ("east", coverage.east)),
        *(("north", coverage.north), ("south", coverage.south)),
    ):
        _add(box, f"{name}BoundingCoordinate", f"{value:.10g}")
    span = ElementTree.SubElement(ElementTree.SubElement(part, "temporalCoverage"), "rangeOfDates")
    for tag, date in (("beginDate", coverage.begin), ("endDate", coverage.end)):
        _add(ElementTree.SubElement(span, tag), "calendarDate", date)


def _person(part: ElementTree.Element, role: str, name: str) -> None:
    who = ElementTree.SubElement(ElementTree.SubElement(part, role), "individualName")
    _add(who, "surName", name)


def _paragraphs(part: ElementTree.Element, text: str, tag: str = "para") -> None:
    paragraphs: Sequence[str] = [" ".join(one.split()) for one in text.split("\n\n") if one.strip()]
    for one in paragraphs:
        _add(part, tag, one)


def _add(part: ElementTree.Element, tag: str, text: str, attributes: dict[str, str] | None = None) -> None:
    ElementTree.SubElement(part, tag, attributes or {}).text = xml_text(text)
