"""The generator: the same bytes for the same seed, known truth, and the committed sample is what it makes."""

import csv
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from tidelab.catalogue import load_catalogue
from tidelab.training.synthetic import (
    LABELS,
    SAMPLE_IMAGES,
    SAMPLE_SEED,
    SAMPLE_STATIONS,
    encode,
    generate,
    make_image,
    make_images,
    station_optics,
)  # fmt: skip


def digest(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        generate(24, 4, tmp_path / name)
    generate(24, 5, tmp_path / "three")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert not set(digest(tmp_path / "one").values()) & set(digest(tmp_path / "three").values())


def test_a_larger_set_begins_with_the_smaller_one():
    few, many = list(make_images(6, 8)), list(make_images(12, 8))
    part = list(make_images(3, 8, start=3))
    assert all((a.pixels == b.pixels).all() for a, b in zip(few, many, strict=False))
    assert all((a.pixels == b.pixels).all() for a, b in zip(part, many[3:], strict=False))


def test_truth_lists_every_image_once(tmp_path):
    truth = generate(30, 4, tmp_path, layout="stations", stations=3)
    rows = list(csv.DictReader(truth.open()))
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")}
    assert {row["image"] for row in rows} == files
    assert len(rows) == 30
    assert {row["label"] for row in rows} == set(LABELS)
    assert all(row["image"].startswith(row["sample_id"] + "/") for row in rows)
    assert not any(label.lower() in file.lower() for file in files for label in LABELS), (
        "names give nothing away"
    )


def test_sample_in_the_repository_is_what_the_generator_makes(tmp_path):
    sample = load_catalogue()["flowcam-plankton"].sample_folder
    generate(SAMPLE_IMAGES, SAMPLE_SEED, tmp_path, layout="stations", stations=SAMPLE_STATIONS)
    for name in ("truth.csv", "samples.csv"):
        assert (sample / name).read_bytes() == (tmp_path / name).read_bytes()
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jpg"))
    assert made == sorted(path.relative_to(sample) for path in sample.rglob("*.jpg"))
    for name in made:
        first, second = (np.asarray(Image.open(folder / name), float) for folder in (tmp_path, sample))
        # Another processor may round a sine differently; nothing more may differ.
        assert np.abs(first - second).mean() < 0.5, name
    assert sum(path.stat().st_size for path in sample.rglob("*.jpg")) < 200_000


@pytest.mark.parametrize("label", LABELS)
def test_every_class_is_varied_and_has_contrast(label):
    pictures = [make_image(k, 17, label=label).pixels for k in range(12)]
    assert len({one.shape for one in pictures}) > 6
    for one in pictures:
        assert min(one.shape[:2]) >= 15
        assert max(one.shape[:2]) <= 260
        assert np.ptp(one.mean(axis=2)) > 20


def test_instruments_differ_and_days_differ_a_little():
    home = [station_optics(1, k).background for k in range(40)]
    assert np.std(home) < 8
    assert all(abs(station_optics(k, 1).background - 165) > 30 for k in (2, 3, 4))


def test_unknown_label_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'Copepoda' cannot be drawn.*Tripos"):
        make_image(0, 1, label="Copepoda")


def test_grey_pictures_are_saved_grey():
    grey = np.full((20, 30, 3), 99, np.uint8)
    assert Image.open(io.BytesIO(encode(grey))).mode == "L"
    tinted = grey.copy()
    tinted[:, :, 2] = 40
    assert Image.open(io.BytesIO(encode(tinted))).mode == "RGB"
