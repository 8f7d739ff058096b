"""Darwin Core archives of any contents are read back as they were written."""

import io
import math
import tempfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from dwca.read import DwCAReader
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.formats.darwin_core import EVENT_TERMS, lsid, number, write_archive
from tidelab.formats.darwin_core_metadata import Coverage, Dataset, eml

DATASET = Dataset(
    identifier="x/1", title="Plankton <b>", abstract="One.\n\nTwo.", methods="By a model.", person="ada", published="2026-01-31",
    coverage=Coverage(-3.0, 3.5, 50.0, 52.25, "2024-05-03", "2024-06-03"), citation="Ada (2026).\n\nModel.",
)  # fmt: skip
EML = eml(DATASET)
TEXT = st.text(max_size=30)


def read(content: bytes) -> list[tuple[dict[str, str], list[dict[str, str]]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(content)
        with DwCAReader(str(path)) as archive:
            return [(row.data, [extension.data for extension in row.extensions]) for row in archive]


def cell(text: str) -> str:
    """What a cell can hold: no breaks, no runs of blanks, no characters that XML and text files refuse."""
    kept = "".join(
        char
        if char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
        else "\ufffd"
        for char in text
    )
    return " ".join(kept.split())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"locationID": TEXT, "eventRemarks": TEXT, "samplingProtocol": TEXT}),
        max_size=4,
    ),
    TEXT,
)
def test_any_cells_are_read_back(events: list[dict[str, str]], name: str):
    rows = [{"eventID": f"e{number}", **event} for number, event in enumerate(events)]
    occurrences = [
        {"eventID": row["eventID"], "occurrenceID": f"o{number}", "scientificName": name}
        for number, row in enumerate(rows)
    ]
    found = read(write_archive(rows, occurrences, [], EML))
    assert len(found) == len(rows)
    for row, (event, extensions) in zip(rows, found, strict=True):
        for term in ("locationID", "eventRemarks", "samplingProtocol"):
            assert event[f"http://rs.tdwg.org/dwc/terms/{term}"] == cell(row[term])
        assert extensions[0]["http://rs.tdwg.org/dwc/terms/scientificName"] == cell(name)


def test_an_archive_without_rows_is_one():
    content = write_archive([], [], [], EML)
    assert read(content) == []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [
            "eml.xml",
            "event.txt",
            "extendedmeasurementorfact.txt",
            "meta.xml",
            "occurrence.txt",
        ]
        assert archive.read("event.txt").decode() == "\t".join(EVENT_TERMS) + "\n"


def test_equal_contents_are_equal_bytes():
    event = [{"eventID": "e", "locationID": "W01"}]
    assert write_archive(event, [], [], EML) == write_archive(event, [], [], EML)


@pytest.mark.parametrize(
    ("events", "occurrences", "measurements", "words"),
    [
        ([{"eventID": "e"}, {"eventID": "e"}], [], [], "eventID 'e' stands twice"),
        ([{"eventID": ""}], [], [], "eventID is ''"),
        ([{"eventID": "e"}], [{"eventID": "f", "occurrenceID": "o"}], [], "names the event 'f'"),
        (
            [{"eventID": "e"}],
            [{"eventID": "e", "occurrenceID": "o"}] * 2,
            [],
            "occurrenceID 'o' stands twice",
        ),
        ([{"eventID": "e"}], [], [{"eventID": "e", "occurrenceID": "o"}], "names the occurrence 'o'"),
        ([{"eventID": "a  b"}], [], [], "blanks that vanish"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(events, occurrences, measurements, words):
    with pytest.raises(ValueError, match=words):
        write_archive(events, occurrences, measurements, EML)


def test_metadata_say_where_when_and_by_whom():
    root = ElementTree.fromstring(EML)
    assert root.tag == "{https://eml.ecoinformatics.org/eml-2.2.0}eml"
    assert root.findtext("dataset/title") == "Plankton <b>"
    assert [part.text for part in root.findall("dataset/abstract/para")] == ["One.", "Two."]
    box = root.find("dataset/coverage/geographicCoverage/boundingCoordinates")
    assert [part.text for part in box] == ["-3", "3.5", "52.25", "50"]
    assert (
        root.findtext("dataset/coverage/temporalCoverage/rangeOfDates/endDate/calendarDate") == "2024-06-03"
    )
    assert [part.tag for part in root.find("dataset")] == [
        "title", "creator", "metadataProvider", "pubDate", "language", "abstract", "coverage", "contact", "methods",
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(TEXT, TEXT)
def test_metadata_of_any_text_are_xml(title: str, person: str):
    made = eml(Dataset("id", title, title, person, person, "2026-01-31", DATASET.coverage, title))
    ElementTree.fromstring(made)


@given(st.floats(-1e300, 1e300))
def test_numbers_are_plain_decimals(value: float):
    text = number(value)
    assert set(text) <= set("-.0123456789")
    assert math.isclose(float(text), value, rel_tol=1e-9, abs_tol=0)


def test_names_of_taxa():
    assert lsid(11) == "urn:lsid:marinespecies.org:taxname:11"
