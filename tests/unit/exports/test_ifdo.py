"""iFDO files of runs against the schema of its authors, where that is at hand."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tidelab import paths
from tidelab.exports.ifdo import EXPORT
from tidelab.exports.registry import ExportError
from tidelab.formats.ifdo import Item, document, missing_fields, stable_uuid
from tidelab.formats.ifdo_header import HEADER_FILE, HeaderError, read_header
from tidelab.runs import RunFolder
from tidelab.runs.validation import Validation

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", paths.checkout().parent / "shared")) / "data" / "formats" / "ifdo"
)

HEADER: dict[str, Any] = {
    "image-set-handle": "https://hdl.handle.net/20.500.12085/example",
    "image-handle": "https://example.org/images",
    "image-context": {"name": "Monitoring"},
    "image-project": {"name": "LifeWatch", "uri": "https://example.org/project"},
    "image-event": {"name": "Cruise 7"},
    "image-platform": {"name": "RV Simon Stevin"},
    "image-pi": {"name": "Ada Lovelace"},
    "image-creators": [{"name": "Ada Lovelace"}],
    "image-license": {"name": "CC-BY-4.0"},
    "image-copyright": "Tests",
    "image-altitude-meters": 0,
    "image-datetime": "2024-05-03 10:20:00.000",
    "image-latitude": 51.5,
    "image-longitude": 2.75,
    "image-sensor": {"name": "FlowCam"},
    "image-coordinate-uncertainty-meters": 10,
}


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    if not (SHARED / "ifdo-v2.1.0.json").is_file():
        pytest.skip(f"the schema of iFDO 2.1.0 is not in {SHARED}")
    found = {file.name: json.loads(file.read_text()) for file in SHARED.glob("*-v*.json")}
    # One of them has no $id; they refer to one another by these addresses.
    registry = Registry().with_resources(
        (f"https://marine-imaging.com/fair/schemas/{name}", Resource.from_contents(one, DRAFT202012))
        for name, one in found.items()
    )
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(found["ifdo-v2.1.0.json"], registry=registry, format_checker=checker)


def write(run: RunFolder, out: Path) -> tuple[dict[str, Any], str]:
    made = EXPORT.write(run, out)
    return json.loads(made.path.read_text(encoding="utf-8")), " ".join(made.notes)


def test_with_what_a_person_knows_it_is_valid(run, tmp_path, schema):
    (run.path / HEADER_FILE).write_text(json.dumps(HEADER))
    Validation(run).move([run.results()["image_id"].iloc[0]], "cyst", "grace")
    content, notes = write(run, tmp_path / "a.json")
    schema.validate(content)
    assert missing_fields(content) == ([], [])
    assert "Not yet a complete iFDO" not in notes
    assert content["image-set-items"]["s1/0.png"]["image-handle"] == "https://example.org/images/s1/0.png"


def test_without_it_only_what_the_notes_name_is_missing(run, tmp_path, schema):
    content, notes = write(run, tmp_path / "a.json")
    header, item = missing_fields(content)
    assert "image-license" in header
    assert item == ["image-handle"]
    assert not schema.is_valid(content)
    for name in (*header, *item):
        assert name in notes
    # Completed with what the notes name, and nothing else, it is valid.
    content["image-set-header"] |= {name: HEADER[name] for name in header}
    for one in content["image-set-items"].values():
        one["image-handle"] = "https://example.org/a.png"
    schema.validate(content)


def test_a_value_that_one_sample_lacks_is_not_inherited_by_it(run, tmp_path):
    content, _ = write(run, tmp_path / "a.json")
    head, items = content["image-set-header"], content["image-set-items"]
    assert "image-latitude" not in head  # s3 has no position
    assert items["s1/0.png"]["image-latitude"] == 51.5
    assert "image-latitude" not in items["s3/5.png"]
    # Every sample has a time, not the same: the header has the first, and each image its own.
    assert head["image-datetime"] == "2024-05-03 10:20:00.000"
    assert items["s3/5.png"]["image-datetime"] == "2024-07-03 10:20:00.000"
    # One instrument for all stands in the header alone.
    assert head["image-sensor"] == {"name": "FlowCam"}
    assert "image-sensor" not in items["s1/0.png"]


def test_depth_is_a_height_only_where_it_is_one_depth(run, tmp_path):
    items = write(run, tmp_path / "a.json")[0]["image-set-items"]
    assert items["s1/0.png"]["image-altitude-meters"] == -2
    assert "image-altitude-meters" not in items["s2/4.png"]  # 1 to 4 m


def test_model_and_person_are_annotators_of_their_own(run, tmp_path):
    ids = run.results()["image_id"].tolist()
    Validation(run).move([ids[0]], "cyst", "grace")
    Validation(run).unknown([ids[1]], "grace")
    content, notes = write(run, tmp_path / "a.json")
    head, items = content["image-set-header"], content["image-set-items"]
    first = items["s1/0.png"]["image-annotations"][0]
    assert first["shape"] == "whole-image"
    model, person = first["labels"]
    assert (model["label"], person["label"]) == ("middle", "cyst")
    assert person["annotator"] == "person:grace"
    assert "confidence" not in person
    assert {one["id"] for one in head["image-annotation-creators"]} == {model["annotator"], "person:grace"}
    assert "1 images that a person could not name" in notes
    assert {one["id"]: one.get("info", "") for one in head["image-annotation-labels"]}[
        "bright"
    ] == "of unknown kind"


def test_ids_are_version_4_and_the_same_each_time(run, tmp_path):
    first, _ = write(run, tmp_path / "a.json")
    again, _ = write(run, tmp_path / "b.json")
    assert first == again
    ids = [item["image-uuid"] for item in first["image-set-items"].values()]
    assert len(set(ids)) == len(ids) == 6
    assert {uuid.UUID(one).version for one in ids} == {4}
    assert stable_uuid("a", "b") != stable_uuid("ab")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        ('{"image-set-header": 3}', "`image-set-header` is no object"),
        ('{"licence": "CC0"}', "`licence` is no field of iFDO"),
        ('{"image-license": "CC0"}', "`image-license` is \"CC0\"; expected an object with a name"),
        ('{"image-creators": []}', "expected a list of objects with a name"),
        ('{"image-altitude-meters": true}', "expected a number"),
        ('{"image-altitude-meters": NaN}', "expected a number"),
        ('{"image-copyright": ""}', "expected a text"),
        ('{"image-annotations": []}', "is written by the export"),
        ("[" * 100_000, "is not JSON"),
    ],
)  # fmt: skip
def test_a_header_with_a_fault_is_told(tmp_path, text, words):
    file = tmp_path / HEADER_FILE
    file.write_text(text)
    with pytest.raises(HeaderError) as error:
        read_header(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_a_faulty_header_stops_the_export_in_words(run, tmp_path):
    for content in ('{"image-area-square-meter": NaN}', '{"image-pixel-magnitude": [1e999]}', "[" * 100_000):
        (run.path / HEADER_FILE).write_text(content)
        with pytest.raises(ExportError, match="is not JSON"):
            EXPORT.write(run, tmp_path / "a.json")
    (run.path / HEADER_FILE).write_text("{}}")
    with pytest.raises(ExportError, match="is not JSON"):
        EXPORT.write(run, tmp_path / "a.json")


def test_items_are_found_by_their_name():
    with pytest.raises(ValueError, match="same file name"):
        document({}, [Item("a", {}), Item("a", {})], [], [])


def test_a_header_beside_the_images_is_found(make_run, tmp_path):
    run = make_run()
    (tmp_path / "images" / HEADER_FILE).write_text(json.dumps({"image-copyright": "Grace"}))
    assert write(run, tmp_path / "a.json")[0]["image-set-header"]["image-copyright"] == "Grace"
    # The folder of the run counts first.
    (run.path / HEADER_FILE).write_text(json.dumps({"image-copyright": "Ada"}))
    assert write(run, tmp_path / "a.json")[0]["image-set-header"]["image-copyright"] == "Ada"
