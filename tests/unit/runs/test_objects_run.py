"""A detector's run: one object a row, every picture kept, the same bytes whenever and wherever it was made."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.blobs import LABELS, calls, make_use_case, picture
from tidelab.catalogue import UseCase
from tidelab.catalogue.task import NO_OBJECT
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.domain.prediction import Detections
from tidelab.domain.results import DETECTION_COLUMNS, OBJECT_COLUMNS, PICTURE_COLUMNS
from tidelab.runs import RunError, RunFolder, get_executor, prepare
from tidelab.runs.answers import inside_picture
from tidelab.runs.objects import Thresholds, object_ids, picture_of
from tidelab.runs.per_picture import counts_per_picture, per_class
from tidelab.runs.texts import current_methods
from tidelab.runs.validation import Validation

Start = Callable[..., RunFolder]
TABLES = (
    "results.csv", "detections.csv", "pictures.csv", "objects.csv", "counts.csv", "statistics.csv", "samples.csv", "inputs.csv",
    "failed_files.csv", "embeddings.npy", "probabilities.npy", "verdict.json",
)  # fmt: skip


@pytest.fixture
def spots(tmp_path: Path) -> UseCase:
    return make_use_case(tmp_path / "usecases")


@pytest.fixture
def start(spots: UseCase) -> Start:
    def run(images: object = "sample", use_case: UseCase | None = None, **more: object) -> RunFolder:
        folder = prepare(use_case or spots, images=images, person="ada", **more)  # type: ignore[arg-type]
        get_executor("inline").submit(folder)
        return folder

    return run


def rows(folder: RunFolder, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder.path / name).open(encoding="utf-8")))


def test_objects_pictures_and_detections_say_what_is_where(start: Start) -> None:
    folder = start()
    assert folder.state().status == "done", folder.log()
    found, pictures, stored = (rows(folder, f"{name}.csv") for name in ("results", "pictures", "detections"))
    assert (tuple(found[0]), tuple(pictures[0]), tuple(stored[0])) == (
        OBJECT_COLUMNS,
        PICTURE_COLUMNS,
        DETECTION_COLUMNS,
    )
    first = found[0]
    assert first["image_id"] == f"{pictures[0]['picture_id']}@5,6,10,8"
    assert first["image"] == "north/obs_cam1_2024-05-01-12-00.png@1"
    assert [first[name] for name in ("x_min_px", "y_min_px", "width_px", "height_px")] == [
        "5.00",
        "6.00",
        "10.00",
        "8.00",
    ]
    # (228 - 128) / 128, by hand.
    assert (first["score"], first["top5"]) == ("0.7812", "bright spot:0.7812")
    assert [row["label"] for row in found] == [LABELS[0], LABELS[1]]
    assert [row["objects"] for row in pictures] == ["2", "0", "0"]
    assert [(row["width_px"], row["height_px"]) for row in pictures] == [
        ("60", "40"),
        ("60", "40"),
        ("50", "30"),
    ]
    # (150 - 128) / 128 is stored and stays below its class's 0.5.
    assert [(row["score"], row["above_threshold"]) for row in stored] == [
        ("0.7812", "yes"),
        ("0.7812", "yes"),
        ("0.1719", "no"),
    ]
    assert folder.embeddings().shape == folder.probabilities().shape == (3, 2)
    assert folder.statistics().index.tolist() == [row["picture_id"] for row in pictures]
    assert folder.thumbnail(first["image_id"]).startswith(b"\xff\xd8")
    assert folder.thumbnail(first["picture_id"]).startswith(b"\xff\xd8")
    assert folder.pictures()["objects"].tolist() == [2, 0, 0]
    assert folder.detections()["above_threshold"].tolist() == [True, True, False]
    assert folder.counts()["count"].tolist() == [1, 1]


def test_time_station_and_camera_come_from_the_name_and_stay_unknown_otherwise(start: Start) -> None:
    pictures = rows(start(), "pictures.csv")
    told = [tuple(row[name] for name in ("time", "time_source", "station", "camera")) for row in pictures]
    assert told == [
        ("2024-05-01T12:00:00Z", "file-name", "N1", "cam1"),
        ("2024-05-01T12:01:00Z", "file-name", "N1", "cam1"),
        ("", "", "", ""),
    ]


def test_a_second_run_and_another_face_give_the_same_bytes_without_the_model(
    start: Start, spots: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(face="lab")
    assert len(calls(spots)) == 3
    monkeypatch.setattr("tidelab.runs.pipeline.decode", lambda *_: pytest.fail("a picture was decoded"))
    second = start(face="report")
    assert len(calls(spots)) == 3
    for name in TABLES:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name
    same = first.results()["image_id"].tolist()
    assert [second.thumbnail(one) for one in same] == [first.thumbnail(one) for one in same] != [b"", b""]


def test_moving_the_threshold_costs_no_prediction_and_keeps_what_is_stored(
    start: Start, spots: UseCase
) -> None:
    by_class, low, high = start(), start(parameters={"threshold": 0.1}), start(parameters={"threshold": 0.9})
    assert len(calls(spots)) == 3
    assert [len(run.results()) for run in (by_class, low, high)] == [2, 3, 0]
    detections = [(run.path / "detections.csv").read_text().count("\n") for run in (by_class, low, high)]
    assert detections == [4, 4, 4]
    # An object that both runs count is called the same.
    assert set(by_class.results()["image_id"]) < set(low.results()["image_id"])


def test_pictures_without_an_object_are_a_good_run_that_says_so(start: Start, tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "sea" / f"{number}.png", [], (40 + number, 30))
    folder = start(tmp_path / "sea")
    assert folder.state().status == "done"
    assert "No object was found in 3 pictures." in folder.log()
    assert "No object was found in 3 pictures." in current_methods(folder)
    assert (len(folder.results()), len(folder.pictures()), len(folder.counts())) == (0, 3, 0)
    assert [one.mean for one in per_class(counts_per_picture(folder))] == [0.0, 0.0]
    assert "Nothing was found" in folder.estimates().withheld[0]
    assert folder.package().is_file()


def test_a_person_may_confirm_rename_or_say_that_there_is_no_object(start: Start) -> None:
    folder = start()
    bright, dark = folder.results()["image_id"].tolist()
    validation = Validation(folder)
    assert validation.labels == (*LABELS, NO_OBJECT)
    validation.confirm([bright], "ada")
    validation.move([dark], NO_OBJECT, "ada")
    counted = counts_per_picture(folder)
    assert counted.to_numpy().tolist() == [[1, 0], [0, 0], [0, 0]]
    one = per_class(counted)[0]
    assert (one.label, one.objects, one.pictures_with, one.pictures, one.most) == (LABELS[0], 1, 1, 3, 1)
    assert one.mean == pytest.approx(1 / 3)
    again = start(face="report")
    assert again.determinations()["label"].tolist() == [LABELS[0], NO_OBJECT], (
        "what was said holds for the same boxes"
    )


def test_counts_are_corrected_by_an_audit_alone(start: Start, tmp_path: Path) -> None:
    for number in range(40):
        picture(
            tmp_path / "many" / f"p{number}.png", [(3, 3, 6, 6, 220), (20, 20, 5, 5, 20 + number)], (41, 33)
        )
    folder = start(tmp_path / "many")
    assert folder.estimates().withheld[0].startswith("A detector misses objects")
    validation = Validation(folder)
    audit = validation.draw_audit(60, 3, "ada", design="stratified")
    predicted = validation.predicted
    validation.give(
        {one: NO_OBJECT if predicted[one] == LABELS[1] else LABELS[0] for one in audit.image_ids}, "ada"
    )
    found = folder.estimates()
    counts = {one.label: one.corrected for one in found.classes if one.sample_id == ""}
    assert counts[LABELS[1]] is not None
    assert counts[LABELS[1]].value == pytest.approx(0, abs=3)
    assert counts[NO_OBJECT] is not None
    assert counts[NO_OBJECT].value == pytest.approx(40, abs=3)
    assert any("objects that the model missed" in note for note in found.notes)


def test_equal_files_are_two_pictures_whose_objects_follow_together(start: Start, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / "twins" / name, [(5, 6, 10, 8, 228)])
    folder = start(tmp_path / "twins")
    assert folder.results()["image"].tolist() == ["a.png@1", "b.png@1"]
    assert folder.results()["image_id"].nunique() == 1
    assert counts_per_picture(folder)[LABELS[0]].tolist() == [1, 1]


def test_a_model_that_answers_nonsense_costs_its_pictures_in_words(
    start: Start, spots: UseCase, tmp_path: Path
) -> None:
    source = spots.source_folder / "blob_case" / "detector.py"
    source.write_text(
        source.read_text().replace("labels = np.array([row[5]", "labels = 7 + np.array([row[5]")
    )
    folder = start()
    failed = folder.failed_files()
    assert len(failed) == 2
    assert "classes that its card does not name" in failed["reason"][0]
    assert folder.pictures()["objects"].tolist() == [0]


def test_a_classifier_has_no_pictures_and_says_why(start: Start, tmp_path: Path) -> None:
    from tests.support.brightness import make_use_case as make_classifier

    folder = start(use_case=make_classifier(tmp_path / "other"))
    assert not folder.finds_objects
    with pytest.raises(RunError, match="looks for no objects"):
        folder.pictures()
    assert folder.objects().empty


def test_a_time_without_a_zone_is_placed_by_the_parameter_and_a_wrong_zone_is_refused(tmp_path: Path) -> None:
    from tidelab.runs.inputs.source import Payload
    from tidelab.runs.inputs.taken import checked_time_zone, taken

    path = tmp_path / "20240501_140000.jpg"
    Image.new("RGB", (8, 8)).save(path)
    payload = Payload(path.read_bytes(), "", 0, "JPEG")
    assert taken(path.name, payload).source == "file-name: no time zone"
    assert taken(path.name, payload).time == ""
    assert taken(path.name, payload, "Europe/Madrid").time == "2024-05-01T12:00:00Z"
    with pytest.raises(RunError, match="time_zone: 'Atlantis' is no time zone"):
        checked_time_zone("Atlantis")


# ---- parts ------------------------------------------------------------------------------------------------------


def found(*boxes: tuple[float, float, float, float], scores: list[float], labels: list[int]) -> Detections:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(array, np.array(scores, np.float32), np.array(labels, np.int16))


def card(**thresholds: float) -> ModelCard:
    return ModelCard(
        name="n", title="t", use_case="u", labels=("fish", "crab"), input=InputSpec(kind="image"), embedding_dim=1,
        framework="f", created="2026-01-01T00:00:00Z", detection=DetectionSpec(thresholds=thresholds),
    )  # fmt: skip


def test_thresholds_are_the_cards_by_class_then_a_quarter_or_the_one_that_is_given() -> None:
    objects = found((0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 3, 3), scores=[0.6, 0.3, 0.24996], labels=[0, 1, 1])
    assert Thresholds.of(card(fish=0.7), None).above(objects).tolist() == [False, True, True], (
        "as written: 0.2500"
    )
    assert Thresholds.of(card(), None).by_label == (0.25, 0.25)
    assert Thresholds.of(card(fish=0.7), 0.30000000000000004).above(objects).tolist() == [True, True, False]
    assert Thresholds.of(card(), 0.5).above(found(scores=[], labels=[])).tolist() == []


def test_two_classes_on_one_box_are_two_objects() -> None:
    objects = found(
        (1.4, 2.4, 5.6, 9.0), (1, 2, 6, 9), (0, 0, 1, 1), scores=[0.9, 0.8, 0.7], labels=[0, 1, 0]
    )
    names = object_ids("sha256:ab#2", objects)
    assert names == ["sha256:ab#2@1,2,5,7", "sha256:ab#2@1,2,5,7,2", "sha256:ab#2@0,0,1,1"]
    assert {picture_of(name) for name in names} == {"sha256:ab#2"}


def test_boxes_are_clipped_to_the_picture_and_those_outside_go() -> None:
    objects = found((-3, 2, 5, 99), (60, 0, 70, 5), (1, 1, 2, 2), scores=[0.9, 0.8, 0.7], labels=[0, 1, 0])
    kept = inside_picture(objects, 50, 40)
    assert kept.boxes.tolist() == [[0, 2, 5, 40], [1, 1, 2, 2]]
    assert kept.labels.tolist() == [0, 0]
    assert inside_picture(kept, 50, 40) is kept


def test_the_manifest_tells_objects_pictures_and_thresholds(start: Start) -> None:
    folder = start()
    said = json.loads((folder.path / "manifest.json").read_text())["detection"]
    assert (said["pictures"], said["pictures_with_objects"], said["objects"], said["stored"]) == (3, 1, 2, 3)
    assert said["thresholds"] == {LABELS[0]: 0.5, LABELS[1]: 0.3}
    crate = (folder.path / "ro-crate-metadata.json").read_text()
    assert "3 pictures searched for objects" in crate
    assert "pictures.csv" in crate
    assert "products/series/objects.csv" in crate
