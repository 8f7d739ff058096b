"""Names that a stranger chose, no image, one image: every export still gives a file that its readers take."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from dwca.read import DwCAReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tests.support.meaning import GREY
from tests.unit.exports.conftest import execute
from tidelab.domain.sample import Sample
from tidelab.exports import EXPORTS
from tidelab.runs import RunFolder
from tidelab.runs.texts import effort_words

HOSTILE = "=HYPERLINK(1)\t<b>'\";&\u202e.png"
TABLE = (
    'sample_id,time,station,latitude,longitude,instrument\n{name},2024-05-03T10:20:00Z,=1+1,-1.5,2,"<i>&"\n'
)


def test_hostile_names_of_files_and_samples(use_case, tmp_path):
    folder = tmp_path / "images"
    name = "-a&b<c>d'e"
    grey_png(folder / name / HOSTILE, GREY["middle"])
    (folder / "samples.csv").write_text(TABLE.format(name=name))
    run = execute(use_case, folder, tmp_path / "runs")
    archive = EXPORTS["darwin-core"].write(run, tmp_path / "a.zip").path
    with DwCAReader(str(archive)) as rows:
        event = rows.rows[0].data
    assert event["http://rs.tdwg.org/dwc/terms/locationID"] == "'=1+1"
    assert event["http://rs.tdwg.org/dwc/terms/decimalLatitude"] == "-1.5"
    coco = json.loads(EXPORTS["coco"].write(run, tmp_path / "a.json").path.read_text())
    assert coco["images"][0]["file_name"] == run.results()["image"].iloc[0]
    assert "\t" not in coco["images"][0]["file_name"]
    ifdo = json.loads(EXPORTS["ifdo"].write(run, tmp_path / "b.json").path.read_text())
    assert list(ifdo["image-set-items"]) == [run.results()["image"].iloc[0]]


def test_one_image(use_case, tmp_path):
    folder = tmp_path / "images"
    grey_png(folder / "s" / "a.png", GREY["middle"])
    (folder / "samples.csv").write_text(TABLE.format(name="s"))
    run = execute(use_case, folder, tmp_path / "runs")
    for name in ("darwin-core", "coco", "ifdo", "package"):
        assert EXPORTS[name].available(run) == ""
        assert EXPORTS[name].write(run, tmp_path / f"{name}.out").path.stat().st_size > 0


def test_a_loose_file_has_no_sample_and_no_archive(use_case, tmp_path):
    run = execute(use_case, grey_png(tmp_path / "a.png", GREY["middle"]), tmp_path / "runs")
    assert "no image of this run belongs to a sample" in EXPORTS["darwin-core"].available(run)
    ifdo = json.loads(EXPORTS["ifdo"].write(run, tmp_path / "b.json").path.read_text())
    assert "image-event" not in ifdo["image-set-header"]
    assert len(json.loads(EXPORTS["coco"].write(run, tmp_path / "a.json").path.read_text())["images"]) == 1


def test_a_run_without_an_image_that_could_be_used(run: RunFolder, tmp_path):
    for name in ("results.csv", "statistics.csv"):
        head = (run.path / name).read_text().splitlines()[0]
        (run.path / name).write_text(head + "\n")
    assert EXPORTS["darwin-core"].available(run)
    coco = json.loads(EXPORTS["coco"].write(run, tmp_path / "a.json").path.read_text())
    assert coco["images"] == coco["annotations"] == []
    ifdo = json.loads(EXPORTS["ifdo"].write(run, tmp_path / "b.json").path.read_text())
    assert ifdo["image-set-items"] == {}
    assert zipfile.ZipFile(EXPORTS["package"].write(run, tmp_path / "p.zip").path).testzip() is None


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(min_size=1, max_size=12), min_size=3, max_size=3, unique=True),
    st.lists(st.text(min_size=1, max_size=12), min_size=3, max_size=3, unique=True),
    st.floats(-90, 90),
    st.one_of(st.none(), st.floats(1e-6, 1e9)),
)
def test_any_labels_and_samples_give_an_archive_that_is_read(
    run: RunFolder,
    tmp_path: Path,
    labels: list[str],
    samples: list[str],
    latitude: float,
    volume: float | None,
):
    table: pd.DataFrame = run.determinations()
    table["label"] = table["predicted_label"] = [labels[number % 3] for number in range(len(table))]
    table["sample_id"] = [samples[number % 3] for number in range(len(table))]
    table["status"] = ["predicted", "validated"] * (len(table) // 2)
    table["validated_by"] = ["", labels[0]] * (len(table) // 2)
    records = {
        name: Sample(
            sample_id=name, time="2024-05-03T10:20:00Z", latitude=latitude, longitude=0, station=labels[1][:255],
            volume_imaged_ml=volume, dilution_factor=volume and 1,
        )
        for name in samples
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "determinations", lambda self: table)
        patch.setattr(RunFolder, "sample_records", lambda self: records)
        patch.setattr(RunFolder, "estimates", lambda self: None)
        patch.setattr("tidelab.exports.darwin_core.estimates_of", lambda run: None)
        patch.setattr("tidelab.runs.texts.estimates_of", lambda run: None)
        patch.setattr(
            "tidelab.runs.meaning.LabelMeaning.is_biological", property(lambda self: bool(self.label))
        )
        made = EXPORTS["darwin-core"].write(run, tmp_path / "a.zip")
    with DwCAReader(str(made.path)) as archive:
        rows = archive.rows
        assert len(rows) == 3
        counts = [
            int(one.data["http://rs.tdwg.org/dwc/terms/individualCount"])
            for row in rows
            for one in row.extensions
            if one.rowtype.endswith("Occurrence")
        ]
    assert sum(counts) == len(table)


def test_loose_files_of_which_a_person_said_when_and_where_are_one_event(use_case, tmp_path):
    run = execute(use_case, grey_png(tmp_path / "a.png", GREY["middle"]), tmp_path / "runs")
    table = (run.path / "samples.csv").read_text().splitlines()
    row = dict(zip(table[0].split(","), table[1].split(","), strict=True))
    row |= {"time": "2024-05-03T10:20:00Z", "latitude": "51.5", "longitude": "2.5", "origins": "time=given"}
    (run.path / "samples.csv").write_text("\n".join((table[0], ",".join(row.values()))) + "\n")
    with DwCAReader(str(EXPORTS["darwin-core"].write(run, tmp_path / "a.zip").path)) as archive:
        assert archive.rows[0].data["http://rs.tdwg.org/dwc/terms/decimalLatitude"] == "51.5"
        assert archive.rows[0].id.startswith("brightness-case:images:")
    assert "The images are of 1 sample." in effort_words(run)


def test_loose_files_alone_are_no_sample(use_case, tmp_path):
    run = execute(use_case, grey_png(tmp_path / "a.png", GREY["middle"]), tmp_path / "runs")
    assert effort_words(run) == "No sample is known, so counts are counts of images."
