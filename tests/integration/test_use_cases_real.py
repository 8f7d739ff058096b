"""Each use case on real pictures, as a person runs it: ``tidelab report`` gives its products and says honestly whether the model fits."""

import json
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import xarray

from tests.support.faces import newest_run
from tidelab import paths


def report(slug: str, images: Path, folder: Path, *options: str) -> Path:
    """Run ``tidelab report`` with runs and cache in a folder of its own; return the run."""
    done = subprocess.run(
        [str(paths.env_python("analyse").with_name("tidelab")), "report", slug, "--images", str(images), "--out", str(folder / "out"), *options],
        env={**os.environ, "TIDELAB_RUNS": str(folder / "runs")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "out" / "report.html").stat().st_size > 10_000
    return newest_run(folder / "runs", slug)


@pytest.fixture
def photos(shared_data, tmp_path):
    """Real pictures of coasts and of fish: what no classifier of water photos here was trained on."""
    found = [
        path
        for name in ("beach", "obsea-fish", "litter")
        for path in sorted((shared_data / name).rglob("*"))
        if path.suffix.lower() in (".jpg", ".png")
    ]
    assert len(found) >= 5
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(found):
        (folder / f"{number:02d}-{path.name}").write_bytes(path.read_bytes())
    return folder


def test_eyeonwater_judges_real_photos_and_calls_no_model_fit(photos, tmp_path):
    run = report("eyeonwater", photos, tmp_path)
    table = pd.read_csv(run / "products" / "accept_reject.csv", keep_default_na=False)
    results = pd.read_csv(run / "results.csv")
    assert len(table) == len(results) >= 5
    assert set(table["verdict"]) <= {"accepted", "rejected", "undecided"}
    assert (table.loc[table["verdict"] != "accepted", "reason"] != "").all()
    assert (table.loc[table["verdict"] != "accepted", "forel_ule"] == "").all()
    assert json.loads((run / "verdict.json").read_text())["state"] in ("grey", "red")


def test_image_classifier_takes_real_pictures(photos, tmp_path):
    run = report("image-classifier", photos, tmp_path)
    assert len(pd.read_csv(run / "results.csv")) >= 5
    assert json.loads((run / "verdict.json").read_text())["state"] in ("grey", "red")


def test_obsea_fish_makes_a_series_of_real_pictures_that_have_a_time(shared_data, tmp_path):
    folder = tmp_path / "cam1"
    folder.mkdir()
    for name, time in (("obsea.png", "10-00-00"), ("luderick-example.jpg", "10-01-00")):
        source = shared_data / "obsea-fish" / name
        (folder / f"OBSEA_cam1_2024-05-01T{time}Z{source.suffix}").write_bytes(source.read_bytes())
    (folder / "undated.png").write_bytes((shared_data / "obsea-fish" / "obsea.png").read_bytes())
    run = report("obsea-fish", folder, tmp_path)
    effort = pd.read_csv(run / "products" / "effort.csv")
    assert effort[
        ["camera", "pictures_expected", "pictures_received", "pictures_good"]
    ].to_numpy().tolist() == [["cam1", 2, 2, 2]]
    counts = pd.read_csv(run / "products" / "counts_per_picture.csv")
    assert set(counts["time"]) == {"2024-05-01T10:00:00Z", "2024-05-01T10:01:00Z"}
    assert len(counts) == 2 * counts["taxon"].nunique()
    with xarray.open_dataset(run / "products" / "abundance_cam1.nc") as series:
        assert series["n_pictures"].values.tolist() == [2]
        assert "demonstration model" in series.attrs["summary"]
    assert json.loads((run / "verdict.json").read_text())["state"] in ("grey", "red")


def test_obsea_fish_searches_real_underwater_pictures(shared_data, tmp_path):
    run = report("obsea-fish", shared_data / "obsea-fish", tmp_path)
    pictures = pd.read_csv(run / "pictures.csv")
    assert sorted(Path(name).name for name in pictures["picture"]) == ["luderick-example.jpg", "obsea.png"]
    assert json.loads((run / "verdict.json").read_text())["state"] in ("grey", "red")
    # Neither picture says when it was taken, so there is no series of them, and nothing is invented.
    assert pd.read_csv(run / "products" / "abundance.csv").empty
    counted = pd.read_csv(run / "products" / "counts_per_picture.csv")
    assert len(counted) == 0 or set(counted["picture"]) <= set(pictures["picture"])


def test_object_detector_searches_real_pictures(shared_data, tmp_path):
    run = report("object-detector", shared_data / "object-detector", tmp_path)
    pictures, results = pd.read_csv(run / "pictures.csv"), pd.read_csv(run / "results.csv")
    assert len(pictures) >= 10
    assert pictures["objects"].sum() == len(results)
    assert json.loads((run / "verdict.json").read_text())["state"] in ("grey", "red")


def test_zooscan_says_what_a_real_project_lacks(shared_data, tmp_path):
    """The real project has its headers and settings; its scans are empty files and its blanks are gone."""
    project = shared_data / "zooscan" / "zooprocess_lib" / "tests" / "data" / "project"
    done = subprocess.run(
        [str(paths.env_python("analyse").with_name("tidelab")), "report", "zooscan", "--images", str(project), "--out", str(tmp_path / "out")],
        env={**os.environ, "TIDELAB_RUNS": str(tmp_path / "runs")},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert (
        "apero2023_tha_bioness_017_st66_d_n1_d3_raw_1.tif: The raw scan cannot be used: it is empty" in said
    )
    assert "There are no two blanks scanned before it (2024-05-29 15:41)" in said
    assert "Traceback" not in said
