"""The generated sample: what lies there is what the command makes, and the limits of a good picture find what was spoilt."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from obsea_fish.make_sample import EVERY, FROZEN, OUTAGE, START, sample_pictures
from PIL import Image

from tidelab.science.image_statistics import image_statistics
from tidelab.science.picture_quality import QualityRules, quality
from tidelab.training.synthetic_objects import LABELS

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
SEED = 11


@pytest.fixture(scope="module")
def truth():
    with (SAMPLE / "truth.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_file_has_its_row_and_every_row_its_file(truth):
    assert sorted(row["image"] for row in truth) == sorted(path.name for path in SAMPLE.glob("*.jpg"))
    assert sum((SAMPLE / row["image"]).stat().st_size for row in truth) < 4e6


def test_the_command_makes_these_rows(truth):
    made = list(itertools.islice(sample_pictures(SEED), 25))
    assert [one.name for one in made] == [row["image"] for row in truth[:25]]
    assert [[one.drawn.labels.count(label) for label in LABELS] for one in made] == [
        [int(row[label]) for label in LABELS] for row in truth[:25]
    ]


def test_the_outage_is_one_and_a_frozen_camera_repeats_its_picture(truth):
    times = [pd.Timestamp(row["time"]) for row in truth]
    assert not any(OUTAGE[0] <= time < OUTAGE[1] for time in times)
    assert any(time == OUTAGE[0] - EVERY for time in times)
    frozen = [(SAMPLE / row["image"]).read_bytes() for row in truth if row["spoilt"] == "frozen"]
    assert len(frozen) == (FROZEN[1] - FROZEN[0]) // EVERY
    assert len(set(frozen)) == 1
    assert times[0] == START


def test_the_default_limits_leave_out_what_was_spoilt_and_nothing_else(truth):
    numbers = [
        image_statistics(np.asarray(Image.open(SAMPLE / row["image"]).convert("RGB"))) for row in truth
    ]
    pictures = pd.DataFrame(
        {
            "picture": [row["image"] for row in truth],
            "picture_id": [(SAMPLE / row["image"]).read_bytes() for row in truth],
            "camera": "cam1",
            "time": pd.to_datetime([row["time"] for row in truth], utc=True),
        }
    )
    found = quality(pictures, pd.DataFrame(numbers), QualityRules())
    assert found.tolist() == [row["spoilt"] for row in truth]
