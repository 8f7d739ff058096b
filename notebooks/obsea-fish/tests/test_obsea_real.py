"""The real annotations (luderick and bream, 1,661 boxes): counts per picture and MaxN against the table they came in."""

import csv
import json
import os
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tidelab.science.abundance import abundance, counts_per_picture

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    / "data"
    / "obsea-fish"
)
NAME = "luderick_seagrass_jack_evans_b"
FRAME_S = 0.2
"""The videos were split into 5 frames a second (README of the data set)."""


@pytest.fixture(scope="module")
def coco():
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data at {SHARED}, which is not part of the project")
    return json.loads((SHARED / f"{NAME}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def counts(coco):
    """Counts of the COCO file; each video is a camera, each frame has the time of its number."""
    frames = sorted(one["file_name"] for one in coco["images"])
    video = [name.rpartition("_")[0] for name in frames]
    number = [int(name.rpartition("_")[2].removesuffix(".jpg")) for name in frames]
    shown = pd.DataFrame(
        {
            "picture_id": frames,
            "picture": frames,
            "camera": video,
            "time": pd.Timestamp("2019-03-01T00:00Z")
            + pd.to_timedelta([n * FRAME_S for n in number], unit="s"),
            "is_effort": True,
        }
    )
    file, label = (
        {one["id"]: one[key] for one in coco[part]}
        for part, key in (("images", "file_name"), ("categories", "name"))
    )
    found = pd.DataFrame(
        [(file[one["image_id"]], label[one["category_id"]], 1.0) for one in coco["annotations"]],
        columns=["picture", "label", "score"],
    )
    return counts_per_picture(shown, found, ["luderick", "bream"])


@pytest.fixture(scope="module")
def rows(coco):
    with (SHARED / f"{NAME}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_annotation_is_counted_once_and_zeros_are_kept(counts):
    assert len(counts) == 843 * 2
    assert counts.groupby("taxon")["count"].sum().to_dict() == {"luderick": 1632, "bream": 29}


def test_counts_per_picture_are_those_of_the_table(counts, rows):
    table = Counter((row["image"], row["category"]) for row in rows)
    ours = {
        (row.picture, row.taxon): int(row.n)
        for row in counts.rename(columns={"count": "n"}).itertuples()
        if row.n
    }
    assert ours == dict(table)


def test_max_n_and_mean_count_of_each_video_are_those_of_the_table(counts, rows):
    seen = Counter((row["image"].rpartition("_")[0], row["image"], row["category"]) for row in rows)
    frames = Counter(name.rpartition("_")[0] for name in counts["picture"].unique())
    hours = abundance(counts, "365D")
    for one in hours.itertuples():
        own = [n for (video, _, label), n in seen.items() if video == one.camera and label == one.taxon]
        assert one.max_n == max(own, default=0)
        assert one.n_pictures == frames[one.camera]
        assert one.detections_per_picture_mean == pytest.approx(sum(own) / frames[one.camera])
    assert hours["max_n"].max() == 17
