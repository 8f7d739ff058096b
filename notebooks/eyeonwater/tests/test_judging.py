"""Verdicts and reasons, and the table of them."""

import csv

import numpy as np
import pandas as pd
import pytest
from eyeonwater import products, synthetic
from eyeonwater.colour import measure
from eyeonwater.judging import judge

FINE = {"brightness": 100.0, "usable_share": 0.99, "hue_angle_sd_deg": 3.0, "forel_ule": 6.0}


@pytest.mark.parametrize(
    ("label", "changed", "verdict", "words"),
    [
        ("water_good", {}, "accepted", ""),
        ("water_good", {"forel_ule": 0.0}, "accepted", "none that natural water has"),
        ("water_bad", {"brightness": 12.0}, "rejected", "very dark"),
        ("water_bad", {"brightness": 240.0}, "rejected", "overexposed"),
        ("water_bad", {"usable_share": 0.31}, "rejected", "Only 31 % of its middle"),
        ("water_bad", {"hue_angle_sd_deg": 60.0}, "rejected", "more than one colour"),
        ("water_bad", {}, "rejected", "besides open water"),
        ("bad", {}, "rejected", "does not look like a photo of water"),
        ("", {}, "undecided", "not sure enough"),
    ],
)
def test_verdict_and_reason(label: str, changed: dict[str, float], verdict: str, words: str) -> None:
    found = judge(label, {**FINE, **changed})
    assert found.verdict == verdict
    assert words in found.reason
    assert bool(found.reason) == bool(words)


def test_the_table_gives_colour_to_accepted_photos_alone() -> None:
    statistics = pd.DataFrame(
        [
            {"brightness": 90.0, **measure(synthetic.water(np.random.default_rng(1), colour))}
            for colour in (5, 15, 9)
        ]
    )
    names = pd.DataFrame(
        {
            "image": ["a.jpg", "b.jpg", "c.jpg"],
            "image_id": ["1", "2", "3"],
            "label": ["water_good", "water_bad", ""],
        }
    )
    rows = [products._cells(row, judgement) for row, judgement in products.judged(names, statistics)]
    table = [dict(zip(products.COLUMNS, row, strict=True)) for row in rows]
    assert [row["verdict"] for row in table] == ["accepted", "rejected", "undecided"]
    assert [row["forel_ule"] for row in table] == [5, "", ""]
    assert table[1]["hue_angle_deg"] == ""


def test_generated_photos_are_told_in_their_truth(tmp_path) -> None:  # type: ignore[no-untyped-def]
    synthetic.write(tmp_path, 8, 3)
    rows = list(csv.DictReader((tmp_path / "truth.csv").open(encoding="utf-8")))
    assert [row["label"] for row in rows[:4]] == ["water_good", "water_bad", "water_good", "bad"]
    assert all((tmp_path / row["image"]).is_file() for row in rows)
    assert all(bool(row["forel_ule"]) == (row["label"] != "bad") for row in rows)


def test_photos_depend_on_seed_and_number_alone() -> None:
    first, more = list(synthetic.photos(4, 9)), list(synthetic.photos(8, 9))
    assert all(np.array_equal(one[3], other[3]) for one, other in zip(first, more, strict=False))
    assert not np.array_equal(next(iter(synthetic.photos(1, 10)))[3], first[0][3])
