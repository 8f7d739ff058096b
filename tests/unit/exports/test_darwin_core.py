"""Darwin Core archives of runs, read back with python-dwca-reader."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from dwca.read import DwCAReader

from tidelab.domain.estimate import Estimates
from tidelab.domain.sample import Sample
from tidelab.exports.darwin_core import EXPORT
from tidelab.exports.darwin_core_rows import absent_classes
from tidelab.exports.darwin_core_samples import Found, SampleFacts
from tidelab.exports.registry import ExportError
from tidelab.formats.darwin_core import term_uri
from tidelab.runs import RunFolder
from tidelab.runs.meaning import LabelMeaning, Meanings
from tidelab.runs.validation import Validation

DWC = "http://rs.tdwg.org/dwc/terms/"
OBIS = "http://rs.iobis.org/obis/terms/"
Row = dict[str, str]


def read(path: Path) -> dict[str, tuple[Row, list[Row], list[Row]]]:
    """Return what the archive holds: fieldNumber -> (event, occurrences, measurements), by term name."""
    found = {}
    with DwCAReader(str(path)) as archive:
        assert archive.descriptor.core.type == f"{DWC}Event"
        assert archive.metadata is not None
        for row in archive:
            event = short(row.data)
            parts: dict[str, list[Row]] = {f"{DWC}Occurrence": [], f"{OBIS}ExtendedMeasurementOrFact": []}
            for extension in row.extensions:
                parts[extension.rowtype].append(short(extension.data))
            found[event["fieldNumber"]] = (event, *parts.values())
    return found


def short(data: dict[str, str]) -> Row:
    return {name.rpartition("/")[2]: value for name, value in data.items()}


@pytest.fixture
def written(run: RunFolder, tmp_path: Path) -> Path:
    return EXPORT.write(run, tmp_path / "archive.zip").path


def science(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run pass for one of a model that is no demonstration."""
    monkeypatch.setattr("tidelab.exports.facts.Facts.is_demo", property(lambda self: False))


def test_one_event_a_complete_sample(written):
    events = read(written)
    assert set(events) == {"s1", "s2"}  # s3 has no position
    event = events["s1"][0]
    assert event["eventDate"] == "2024-05-03T10:20:00Z"
    assert (event["decimalLatitude"], event["decimalLongitude"], event["geodeticDatum"]) == (
        "51.5", "-2.75", "EPSG:4326",
    )  # fmt: skip
    assert (event["minimumDepthInMeters"], event["maximumDepthInMeters"]) == ("2", "2")
    assert event["locationID"] == "W01"
    assert event["samplingProtocol"] == "imaging with FlowCam"


def test_the_sample_size_is_sea_water_and_only_where_it_is_known(written):
    events = read(written)
    # 5 mL of a sample that was diluted to double are 2.5 mL of sea water.
    assert (events["s1"][0]["sampleSizeValue"], events["s1"][0]["sampleSizeUnit"]) == ("0.0025", "litre")
    assert (events["s2"][0]["sampleSizeValue"], events["s2"][0]["sampleSizeUnit"]) == ("", "")


def test_occurrences_of_what_lives_and_nothing_else(written):
    occurrences = read(written)["s1"][1]
    assert [row["verbatimIdentification"] for row in occurrences] == [
        "middle"
    ]  # dark is an artefact, bright of unknown kind
    row = occurrences[0]
    assert row["individualCount"] == "2"
    assert row["basisOfRecord"] == "MachineObservation"
    assert row["occurrenceStatus"] == "present"
    assert row["scientificName"] == "middle"
    assert row["scientificNameID"] == "urn:lsid:marinespecies.org:taxname:148947"
    assert row["taxonRank"] == "genus"
    assert row["identificationVerificationStatus"] == "PredictedByMachine"
    assert "sha256:" in row["identificationReferences"]
    assert row["identifiedBy"] == ""


def test_validated_and_predicted_images_are_occurrences_of_their_own(run, tmp_path):
    results = run.results()
    first = results[results["label"] == "middle"]["image_id"].iloc[0]
    Validation(run).confirm([first], "grace")
    rows = read(EXPORT.write(run, tmp_path / "a.zip").path)["s1"][1]
    found = {row["identificationVerificationStatus"]: row for row in rows}
    assert set(found) == {"ValidatedByHuman", "PredictedByMachine"}
    assert {row["individualCount"] for row in rows} == {"1"}
    assert found["ValidatedByHuman"]["identifiedBy"] == "grace"
    assert found["PredictedByMachine"]["identifiedBy"] == ""
    assert len({row["occurrenceID"] for row in rows}) == 2


def test_ids_are_stable_and_say_which_images_they_are_of(run, make_run, tmp_path):
    first = EXPORT.write(run, tmp_path / "a.zip").path
    assert first.read_bytes() == EXPORT.write(run, tmp_path / "b.zip").path.read_bytes()
    again = make_run(images=Path(run.request.images[0]))
    other = read(EXPORT.write(again, tmp_path / "c.zip").path)
    assert [row["occurrenceID"] for row in read(first)["s1"][1]] == [
        row["occurrenceID"] for row in other["s1"][1]
    ]


def verdict_is(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    verdict = SimpleNamespace(state=state, headline="")
    monkeypatch.setattr("tidelab.exports.facts.Facts.verdict", property(lambda self: verdict))


@pytest.mark.parametrize(("state", "written"), [("green", 1), ("amber", 1), ("red", 0), ("grey", 0)])
def test_a_model_not_known_to_fit_finds_nothing_absent(run, tmp_path, monkeypatch, state, written):
    science(monkeypatch)
    verdict_is(monkeypatch, state)
    Validation(run).move(run.results()["image_id"].tolist(), "dark", "grace")
    assert len(read(EXPORT.write(run, tmp_path / "a.zip").path)["s1"][1]) == written


KNOWN = {
    "Dinoflagellata": LabelMeaning("Dinoflagellata", kind="taxon", rank="Infraphylum", scientific_name="Dinoflagellata"),
    "Tripos": LabelMeaning("Tripos", kind="taxon", rank="Genus", aphia_id=494057, scientific_name="Tripos"),
    "cyst": LabelMeaning("cyst", kind="life-stage", rank="Genus", aphia_id=494057, scientific_name="Tripos"),
    "Noctiluca": LabelMeaning("Noctiluca", kind="taxon", rank="Genus", scientific_name="Noctiluca"),
    "chain": LabelMeaning("chain", kind="morphotype"),
    "bubble": LabelMeaning("bubble", kind="artefact"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "absent"), [
    ([], ["Dinoflagellata", "Tripos", "cyst", "Noctiluca"]),
    (["bubble"], ["Dinoflagellata", "Tripos", "cyst", "Noctiluca"]),
    (["Dinoflagellata"], ["Tripos", "cyst", "Noctiluca"]),
    (["Tripos"], ["Noctiluca"]),  # the infraphylum is there with its genus, and the genus with its cyst
    (["Noctiluca"], ["Tripos", "cyst"]),
    (["chain"], []),  # what has no rank may be a part of anything
])  # fmt: skip
def test_a_taxon_is_not_absent_where_a_part_of_it_was_found(found, absent):
    one = SampleFacts(
        Sample(sample_id="s"), "e", 1, 0, 0, tuple(Found(KNOWN[name], False, 1, 1.0) for name in found)
    )
    classes = absent_classes(one, Meanings(KNOWN, KNOWN.values()))
    assert [meaning.label for meaning in classes] == absent


def test_absences_only_where_the_effort_is_known(run, tmp_path, monkeypatch):
    science(monkeypatch)
    verdict_is(monkeypatch, "green")
    Validation(run).move(run.results()["image_id"].tolist(), "dark", "grace")
    events = read(EXPORT.write(run, tmp_path / "a.zip").path)
    absent = events["s1"][1]
    # The model knows middle; cyst it does not, bright is of unknown kind, dark does not live.
    assert [
        (row["verbatimIdentification"], row["occurrenceStatus"], row["individualCount"]) for row in absent
    ] == [("middle", "absent", "0")]
    assert (
        absent[0]["identificationVerificationStatus"] == "ValidatedByHuman"
    )  # every image of the sample was looked at
    assert events["s2"][1] == []


def test_a_demonstration_model_finds_nothing_absent_and_says_what_it_is(run, tmp_path):
    Validation(run).move(run.results()["image_id"].tolist(), "dark", "grace")
    made = EXPORT.write(run, tmp_path / "a.zip")
    assert read(made.path)["s1"][1] == []
    assert "demonstration model" in made.notes[1]
    assert (
        made.notes[0]
        == "No image carries the name of something that lives, so the archive has events and no occurrence."
    )
    with DwCAReader(str(made.path)) as archive:
        assert archive.metadata.find("dataset/title").text.startswith("DEMONSTRATION")


def test_measurements_carry_codes_and_known_values(written):
    measured = {row["measurementType"]: row for row in read(written)["s1"][2]}
    volume = measured["Volume sampled of the water body"]
    assert (volume["measurementValue"], volume["measurementUnitID"]) == (
        "0.0000025",
        "http://vocab.nerc.ac.uk/collection/P06/current/MCUB/",
    )
    abundance = measured[
        "Abundance of biological entity specified elsewhere per unit volume of the water body"
    ]
    # Two images in 2.5 mL are 800,000 in a cubic metre.
    assert abundance["measurementValue"] == "800000"
    assert abundance["measurementTypeID"] == "http://vocab.nerc.ac.uk/collection/P01/current/SDBIOL01/"
    assert abundance["occurrenceID"]
    assert (
        measured["Dilution factor (volume after preparation / volume of sea water)"]["measurementTypeID"]
        == ""
    )
    assert all("Abundance" not in row["measurementType"] for row in read(written)["s2"][2])


def test_notes_say_what_is_left_out_and_why(run, tmp_path):
    notes = " ".join(EXPORT.write(run, tmp_path / "a.zip").notes)
    assert "1 of 3 samples are left out" in notes
    assert "no latitude and longitude of s3" in notes
    assert "Of unknown kind" in notes
    assert "bright" in notes
    assert "does not live: dark" in notes


def test_without_a_complete_sample_there_is_no_archive(make_run, tmp_path):
    run = make_run(table="sample_id,time\ns1,2024-05-03T10:20:00Z\n")
    reason = EXPORT.available(run)
    assert "no latitude and longitude of s1" in reason
    assert "no time and latitude and longitude of s2, s3" in reason
    with pytest.raises(ExportError, match="latitude"):
        EXPORT.write(run, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_terms_have_their_full_names():
    assert term_uri("sampleSizeUnit") == f"{DWC}sampleSizeUnit"
    assert term_uri("measurementUnitID") == f"{OBIS}measurementUnitID"


def measured(run: RunFolder, um_per_px: str) -> None:
    """Say that every particle has axes of 30 and 10 px, and how large a pixel is."""
    statistics = (run.path / "statistics.csv").read_text().splitlines()
    rows = [f"{statistics[0]},major_axis_px,minor_axis_px", *(f"{row},30,10" for row in statistics[1:])]
    (run.path / "statistics.csv").write_text("\n".join(rows) + "\n")
    samples = (run.path / "samples.csv").read_text().splitlines()
    column = samples[0].split(",").index("um_per_px")
    table = [row.split(",") for row in samples[1:]]
    for row in table:
        row[column] = um_per_px
    (run.path / "samples.csv").write_text("\n".join([samples[0], *(",".join(row) for row in table)]) + "\n")


def test_biovolume_where_particles_were_measured_and_a_pixel_has_a_size(run, tmp_path):
    measured(run, "2")
    Validation(run).move([run.results()["image_id"].iloc[4]], "middle", "grace")  # the one image of s2
    events = read(EXPORT.write(run, tmp_path / "a.zip").path)
    found = {row["measurementType"]: row for row in events["s1"][2]}
    row = found["Biovolume of biological entity specified elsewhere per unit volume of the water body"]
    # Two spheroids of 60 and 20 µm: 2 * pi / 6 * 60 * 20^2 = 25,132.741 µm³ in 2.5 mL; 1 µm³/mL is 0.001 mm³/m³.
    assert float(row["measurementValue"]) == pytest.approx(25132.741 / 2.5 * 1e-3, rel=1e-6)
    assert row["measurementTypeID"].endswith("P01/current/CVOLUKNB/")
    other = {row["measurementType"]: row for row in events["s2"][2]}["Biovolume in the images"]
    assert float(other["measurementValue"]) == pytest.approx(12566.371, rel=1e-6)
    assert other["measurementTypeID"] == ""


def test_no_biovolume_without_the_size_of_a_pixel(run, tmp_path):
    measured(run, "")
    assert "Biovolume" not in str(read(EXPORT.write(run, tmp_path / "a.zip").path))


def test_corrected_counts_are_measurements_and_never_individuals(run, tmp_path, monkeypatch):
    corrected = {"value": 2.5, "low": 1.0, "high": 4.0}
    per_ml = {"value": 1.0, "low": 0.4, "high": 1.6}
    estimates = Estimates.model_validate(
        {
            "key": "k", "seed": 1, "replicates": 10, "not_covered": "",
            "classes": [
                {"sample_id": "s1", "label": "middle", "kind": "taxon", "raw": 2, "corrected": corrected, "method": "PACC",
                 "concentration_per_ml": per_ml, "concentration_of": "corrected"},
                {"sample_id": "s1", "label": "dark", "kind": "artefact", "raw": 1, "corrected": corrected, "method": "PACC"},
                {"sample_id": "s1", "label": "bright", "kind": "", "raw": 1, "corrected": corrected, "method": "PACC"},
                {"sample_id": "s2", "label": "middle", "kind": "taxon", "raw": 0, "corrected": corrected, "method": "PACC"},
                {"label": "middle", "kind": "taxon", "raw": 3, "corrected": corrected, "method": "PACC"},
            ],
        }
    )  # fmt: skip
    monkeypatch.setattr(RunFolder, "estimates", lambda self: estimates)
    events = read(EXPORT.write(run, tmp_path / "a.zip").path)
    found = [
        (row["measurementType"], row["measurementValue"])
        for row in events["s1"][2]
        if row["measurementType"].startswith("Corrected")
    ]
    assert found == [
        ("Corrected count of images", "2.5"),
        ("Corrected count of images, lower limit of the 95 % interval", "1"),
        ("Corrected count of images, upper limit of the 95 % interval", "4"),
        ("Corrected concentration", "1"),
        ("Corrected concentration, lower limit of the 95 % interval", "0.4"),
        ("Corrected concentration, upper limit of the 95 % interval", "1.6"),
    ]
    assert events["s1"][1][0]["individualCount"] == "2"
    # Where the class has no occurrence the measurement stands with the event and names the class.
    alone = [row for row in events["s2"][2] if row["measurementType"] == "Corrected count of images"]
    assert [(row["occurrenceID"], row["measurementRemarks"]) for row in alone] == [("", "class middle")]
