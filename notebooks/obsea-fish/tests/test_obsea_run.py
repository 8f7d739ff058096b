"""A whole run with a detector whose answers are known: files, views, versions, hand counts; by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray
from obsea_fish import audits, views
from obsea_fish.series import of_run
from obsea_fish.versions import VersionError, earlier
from PIL import Image

from tests.support.detector_onnx import detector_bundle, tile_picture
from tidelab.catalogue import load_usecase
from tidelab.domain.card import DetectionSpec
from tidelab.runs import get_executor, prepare
from tidelab.runs.validation import Validation

FOLDER = Path(__file__).resolve().parents[1]
LABELS = ("Chromis chromis", "Diplodus vulgaris", "Octopus vulgaris")
RED = (250, 0, 0)
OFF = {"least_contrast": 0.0, "least_sharpness": 0.0}
TIMES = [
    *pd.date_range("2024-05-01T10:00", periods=30, freq="2min"),
    *pd.date_range("2024-05-01T12:00", periods=15, freq="2min"),
]
SHOWN = (
    "verdict", "effort", "left_out", "time_series", "day_by_hour", "totals", "corrected", "changes",
)  # fmt: skip


def fish(number: int) -> int:
    """Red tiles, hence Chromis chromis, in picture `number`."""
    return number % 3


def number_of(name: str) -> int:
    """Return the number of a picture, from the time in its name."""
    return next(k for k, time in enumerate(TIMES) if f"{time:%Y-%m-%dT%H-%M-%SZ}" in name)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Pictures and model: 0, 1, 2, 0, 1, 2 ... fish; an hour of 30 pictures, an outage, half an hour."""
    root = tmp_path_factory.mktemp("obsea")
    (root / "pictures").mkdir()
    for number, time in enumerate(TIMES):
        pixels = tile_picture(64, 64, {(1 + 3 * k, 2): RED for k in range(fish(number))})
        # No two pictures of a sensor are equal.
        pixels[60, number] = 101
        Image.fromarray(pixels).save(root / "pictures" / f"OBSEA_cam1_{time:%Y-%m-%dT%H-%M-%SZ}.png")
    (root / "pictures" / "undated.png").write_bytes(
        (root / "pictures" / f"OBSEA_cam1_{TIMES[0]:%Y-%m-%dT%H-%M-%SZ}.png").read_bytes()
    )
    spec = DetectionSpec(size_px=64, stored_from=0.05, thresholds={LABELS[0]: 0.5})
    detector_bundle(root / "model", use_case="obsea-fish", name="tiles", labels=LABELS, detection=spec)
    return root


@pytest.fixture(scope="module")
def analyse(place):
    """Run the use case on the pictures with parameters; return the run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TIDELAB_DATA", "TIDELAB_RUNS", "TIDELAB_CACHE", "TIDELAB_USAGE", "TIDELAB_CHAMPIONS"):
            patch.setenv(name, str(place / "data" / name))
        patch.setenv("TIDELAB_PURPOSE", "test")

        def run(**parameters):
            given = {**OFF, **parameters}
            found = prepare(
                load_usecase(FOLDER),
                images=place / "pictures",
                parameters=given,
                model=str(place / "model"),
                person="ada",
            )
            get_executor("inline").submit(found)
            assert found.state().status == "done", found.log()
            return found

        yield run


@pytest.fixture(scope="module")
def first(analyse):
    """The run with default parameters."""
    return analyse()


def products(run):
    return {one.name: one.path for one in run.products()}


def test_files_of_a_run_by_hand(first):
    files = products(first)
    assert not first.manifest().get("product_problems")
    table = pd.read_csv(files["abundance.csv"]).query("taxon == 'Chromis chromis'")
    # 30 pictures with 0, 1, 2 in turn: mean 1, MaxN 2, 20 of them with fish. No row at 11 h.
    assert table["interval_start"].tolist() == ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00Z"]
    assert table[["n_pictures", "pictures_with", "detections", "detections_per_picture_mean", "max_n"]].to_numpy().tolist() == [
        [30, 20, 30, 1, 2], [15, 10, 15, 1, 2],
    ]  # fmt: skip
    effort = pd.read_csv(files["effort.csv"])
    # One picture every 2 min from 10:00 to 12:28.
    assert effort[["pictures_expected", "pictures_received", "pictures_good"]].to_numpy().tolist() == [
        [30, 30, 30],
        [30, 0, 0],
        [15, 15, 15],
    ]
    with files["counts_per_picture.csv"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 45 * 3
    second = next(
        row for row in rows if row["time"] == "2024-05-01T10:02:00Z" and row["taxon"] == "Chromis chromis"
    )
    assert (
        second["platform"],
        second["camera"],
        second["aphia_id"],
        second["count"],
        second["conf_thr"],
    ) == ("OBSEA", "cam1", "127000", "1", "0.5")
    assert float(second["mean_conf"]) == pytest.approx(0.9804, abs=1e-4)
    with xarray.open_dataset(files["abundance_cam1.nc"]) as series:
        assert series["n_pictures"].values.tolist() == [30, 0, 15]
        assert np.isnan(series["max_n"].values[1]).all()
        assert series["taxon_lsid"].values[0] == "urn:lsid:marinespecies.org:taxname:127000"
        assert series.attrs["license"] == "CC-BY-4.0"
    assert json.loads(files["series.json"].read_text())["number"] == 1


def test_a_picture_without_time_is_told_and_counts_nowhere(first):
    series = of_run(first)
    assert any("undated.png" in remark for remark in series.remarks)
    assert "undated.png" not in set(series.counts["picture"])


def test_every_view_shows_and_says_the_same_in_words(first):
    shown = {name: getattr(views, name)(first) for name in SHOWN}
    assert all(one.text and "<section" in one.html for one in shown.values())
    assert "data:image/png;base64," in shown["time_series"].html
    assert "75 pictures expected, 45 received, 45 good by day" in shown["effort"].text
    assert "cam1 2024-05-01 11:00 to 2024-05-01 12:00 (30 pictures)" in shown["effort"].text
    assert "SERIES WITH GAPS: The series has 1 gap." in shown["verdict"].text
    assert "withheld: too few pictures came" in shown["time_series"].text
    assert "no effort and count nowhere" in shown["effort"].text
    assert "only if all of them are right" in shown["totals"].html
    assert "mean 1.000, MaxN 2 in 45 pictures" in shown["totals"].text
    assert "version 1" in shown["changes"].text
    assert "No pictures were counted by hand" in shown["corrected"].text


def test_a_silent_camera_is_in_the_verdict_the_effort_the_totals_and_every_file_but_the_counts(analyse):
    run = analyse(cameras="cam1, cam2", every_minutes=2.0)
    files = products(run)
    assert not run.manifest().get("product_problems")
    said = views.verdict(run).text
    assert "CAMERA SILENT: 1 camera sent nothing. 150 pictures expected, 45 received." in said
    assert "Camera cam2 sent nothing that can be used" in said
    # The silent camera first, before any truncation.
    assert views.effort(run).html.index("cam2: sent nothing") < views.effort(run).html.index("<td>cam1")
    assert "cam2: sent nothing: nobody looked" in views.totals(run).text
    assert "no good picture by day came of them: cam2" in views.day_by_hour(run).html
    gaps = pd.read_csv(files["outages.csv"])
    assert gaps[["camera", "kind", "pictures_expected"]].to_numpy().tolist() == [
        ["cam1", "outage", 30], ["cam2", "silent", 75],
    ]  # fmt: skip
    assert json.loads(files["series.json"].read_text())["completeness"] == {
        "state": "silent", "silent_cameras": ["cam2"], "outages": 2,
        "headline": "1 camera sent nothing. 150 pictures expected, 45 received.",
    }  # fmt: skip
    assert set(pd.read_csv(files["abundance.csv"])["camera"]) == {"cam1"}
    with xarray.open_dataset(files["abundance_cam2.nc"]) as series:
        assert series["n_pictures_expected"].values.sum() == 75
        assert series["n_pictures"].values.sum() == 0
        assert np.isnan(series["max_n"].values).all()
        assert series.attrs["outages"] == "2024-05-01T10:00:00Z/2024-05-01T13:00:00Z"
    assert "Camera cam2 sent nothing" in run.log()


def test_what_falls_short_stands_beside_each_interval(analyse):
    run = analyse(block_pictures=1)
    files = products(run)
    table = pd.read_csv(files["abundance.csv"], keep_default_na=False)
    assert table["interval_remark"].tolist() == [
        "", "never-found", "never-found", "few-blocks", "never-found", "never-found",
    ]  # fmt: skip
    words = views.time_series(run).text
    assert "4 of 6 intervals (Diplodus vulgaris, Octopus vulgaris): the camera never found the taxon" in words
    assert "1 of 6 intervals (Chromis chromis): the interval rests on fewer than 20 blocks" in words
    with xarray.open_dataset(files["abundance_cam1.nc"]) as series:
        for name in ("detections_per_picture_low", "detections_per_picture_high"):
            assert "low by about the size of a school" in series[name].attrs["comment"]


def test_another_threshold_is_another_version_with_its_difference(analyse, first):
    before = {name: path.read_bytes() for name, path in products(first).items()}
    second = analyse(threshold=0.99, previous=str(first.path))
    files = products(second)
    changes = pd.read_csv(files["changes.csv"])
    chromis = changes[changes["taxon"] == "Chromis chromis"]
    assert chromis["change"].tolist() == ["counts", "counts"]
    assert (
        chromis[["mean_before", "mean_after", "max_n_before", "max_n_after"]].to_numpy().tolist()
        == [[1, 0, 2, 0]] * 2
    )
    assert set(changes.loc[changes["taxon"] != "Chromis chromis", "change"]) == {"same"}
    version = json.loads(files["series.json"].read_text())
    assert version["number"] == 2
    assert len(version["history"]) == 2
    assert first.path.name in version["history"][1]
    assert {name: path.read_bytes() for name, path in products(first).items()} == before
    words = views.changes(second).text
    assert "Settings that differ: threshold" in words
    assert "2 cells counts" in words


def test_versions_of_other_intervals_and_folders_without_one_are_refused_in_words(analyse, first, tmp_path):
    other = analyse(interval="day", previous=str(first.path))
    assert "choose the same interval" in views.changes(other).text
    assert any("choose the same interval" in problem for problem in other.manifest()["product_problems"])
    assert "outage at noon" in views.time_series(other).text
    assert "outage at noon" not in views.time_series(first).text
    with pytest.raises(VersionError, match="no earlier version"):
        earlier(str(tmp_path))
    (tmp_path / "series.json").write_text("{}")
    with pytest.raises(VersionError, match="cannot be read"):
        earlier(str(tmp_path))


def test_hand_counts_correct_the_mean_and_change_no_other_file(analyse, first, tmp_path):
    listed = pd.read_csv(products(first)["pictures_to_count.csv"])
    counts = of_run(first).counts
    model = counts[counts["taxon"] == LABELS[0]].set_index("picture")["count"]
    # The model misses one fish in every picture.
    hand = listed.head(12).assign(
        **{LABELS[0]: [model[name] + 1 for name in listed["picture"].head(12)], LABELS[1]: 0, LABELS[2]: 0}
    )
    hand.to_csv(tmp_path / "hand.csv", index=False)
    run = analyse(hand_counts=str(tmp_path / "hand.csv"))
    table = pd.read_csv(products(run)["corrected_by_hand_counts.csv"]).iloc[0]
    assert (table.raw_per_picture, table.corrected_per_picture, table.at_least_missed_per_picture) == (
        1,
        2,
        1,
    )
    assert "12 pictures counted by hand" in views.corrected(run).text
    published = products(run)["series.json"].read_text()
    assert '"hand_counts": "hand.csv"' in published
    assert str(tmp_path) not in published
    one, other = products(first), products(run)
    same = [name for name in one if name != "series.json" and not name.endswith(".nc")]
    assert {name: one[name].read_bytes() for name in same} == {
        name: other[name].read_bytes() for name in same
    }


def test_a_random_audit_of_detections_says_how_many_are_right(analyse):
    run = analyse(seed=2)
    assert "random audit" not in views.corrected(run).text
    validation = Validation(run)
    audit = validation.draw_audit(20, seed=1, person="ada", design="simple")
    validation.move(audit.image_ids[:4], LABELS[1], "ada")
    validation.confirm(audit.image_ids[4:], "ada")
    table = audits.of_objects(run, of_run(run))
    # 45 detections of Chromis in 45 pictures; 20 looked at, 4 of them are Diplodus.
    chromis, diplodus = table.iloc[0], table.iloc[1]
    assert (chromis.raw_per_picture, chromis.detections_checked, chromis.detections) == (1, 20, 45)
    assert (chromis.confirmed_per_picture, chromis.false_per_picture) == (
        pytest.approx(0.8),
        pytest.approx(0.2),
    )
    assert diplodus.confirmed_per_picture == pytest.approx(0.2)
    assert chromis.low < 0.8 < chromis.high
    words = views.corrected(run)
    assert "random audit" in words.text
    assert "missed fish are not in these numbers" in words.html
    # The series follows the person's word at once.
    assert of_run(run).counts.groupby("taxon")["count"].sum().to_dict() == {
        LABELS[0]: 41,
        LABELS[1]: 4,
        LABELS[2]: 0,
    }


# The last test: a run takes over what was said of its objects in runs before.
def test_hand_counts_correct_what_the_model_counted_and_not_what_persons_made_of_it(analyse, first, tmp_path):
    """The model counts one too many in every picture that has any; a person takes it away in the pictures that were drawn."""
    listed = pd.read_csv(products(first)["pictures_to_count.csv"]).head(12)
    drawn = listed["picture"].tolist()
    truth = [max(fish(number_of(name)) - 1, 0) for name in drawn]
    listed.assign(**{LABELS[0]: truth, LABELS[1]: 0, LABELS[2]: 0}).to_csv(tmp_path / "hand.csv", index=False)
    run = analyse(hand_counts=str(tmp_path / "hand.csv"), station_name="corrected")
    before = audits.of_pictures(run, of_run(run)).iloc[0]
    names = run.determinations()
    false = [
        names.loc[names["image"].str.startswith(f"{name}@"), "image_id"].iloc[0]
        for name in drawn
        if fish(number_of(name))
    ]
    Validation(run).move(false, LABELS[1], "ada")
    series = of_run(run)
    assert series.counts.query("taxon == @LABELS[0]")["count"].sum() <= 45 - len(false)
    after = audits.of_pictures(run, series).iloc[0]
    assert (after.raw_per_picture, after.at_least_false_per_picture) == (1, pytest.approx(len(false) / 12))
    assert after.corrected_per_picture == before.corrected_per_picture
    # Cochran's regression estimator by hand: y = 0, 0, 1 for f = 0, 1, 2.
    model = np.array([fish(number_of(name)) for name in drawn])
    y = np.array(truth)
    weight = ((model - model.mean()) * (y - y.mean())).sum() / ((model - model.mean()) ** 2).sum()
    assert after.corrected_per_picture == pytest.approx(weight * 1 + (y - weight * model).mean())
