"""Verdicts and reasons, and the table of them."""

import csv
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from eyeonwater import products, synthetic, views
from eyeonwater.colour import measure
from eyeonwater.judging import judge

from tidelab.runs import RunFolder

FINE = {
    "brightness": 100.0,
    "usable_share": 0.99,
    "hue_angle_deg": 150.0,
    "hue_angle_sd_deg": 3.0,
    "forel_ule": 6.0,
}


@pytest.mark.parametrize(
    ("label", "changed", "verdict", "words"),
    [
        ("water_good", {}, "accepted", ""),
        ("water_good", {"forel_ule": 0.0, "hue_angle_deg": 0.0}, "accepted", "too grey"),
        (
            "water_good",
            {"forel_ule": 0.0, "hue_angle_deg": 240.2},
            "accepted",
            "240 degrees is off the scale: it is bluer",
        ),
        ("water_good", {"forel_ule": 0.0, "hue_angle_deg": 359.1}, "accepted", "it is redder than any"),
        ("water_bad", {"forel_ule": 0.0, "hue_angle_deg": 10.0}, "rejected", "it is redder than any"),
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


def test_a_photo_that_was_not_measured_loses_its_own_cells_alone() -> None:
    whole = {"brightness": 90.0, **measure(synthetic.water(np.random.default_rng(1), 5))}
    empty = {"brightness": 90.0, **dict.fromkeys(list(whole)[1:], float("nan"))}
    half = {**whole, "forel_ule_high": float("nan")}
    names = pd.DataFrame(
        {
            "image": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "image_id": ["1", "2", "3", "4"],
            "label": ["water_good", "water_good", "water_bad", "water_good"],
        }
    )
    for statistics in (
        pd.DataFrame([whole, empty, empty, half]),
        pd.DataFrame([whole, empty, empty, half]).astype(object).where(lambda frame: frame.notna(), ""),
    ):
        pairs = list(products.judged(names, statistics))
        rows = [dict(zip(products.COLUMNS, products._cells(*pair), strict=True)) for pair in pairs]
        assert [row["forel_ule"] for row in rows] == [5, "", "", ""]
        assert [row["hue_angle_deg"] == "" for row in rows] == [False, True, True, True]
        assert [row["usable_share"] for row in rows[1:3]] == ["", ""]
        assert rows[0]["reason"] == ""
        assert rows[1]["reason"].startswith("Its colour was not measured")  # type: ignore[attr-defined]
        assert "besides open water" in str(rows[2]["reason"])
        assert "not measured" in str(rows[2]["reason"])
    nothing = pd.DataFrame({"brightness": [90.0] * 4})  # the measurement failed for every photo
    assert [products._cells(*pair)[8] for pair in products.judged(names, nothing)] == [""] * 4


def test_when_and_where_stand_beside_the_photo_they_belong_to() -> None:
    names = pd.DataFrame({"image": ["b.jpg", "a.jpg"], "label": ["water_good", "bad"]})
    objects = pd.DataFrame(
        {"image": ["a.jpg", "b.jpg"], "taken": ["2024", float("nan")], "latitude_deg": [1.5, float("nan")]}
    )
    joined = products.with_told(names, objects)
    assert joined["image"].tolist() == ["b.jpg", "a.jpg"]
    assert joined["latitude_deg"].tolist() == ["", 1.5]
    assert joined["taken"].tolist() == ["", "2024"]
    assert joined["position_error_m"].tolist() == ["", ""]
    assert products.with_told(names, pd.DataFrame(columns=["image_id", "image"]))["taken"].tolist() == [
        "",
        "",
    ]


def test_the_views_of_a_run_in_which_a_photo_was_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"brightness": 90.0, **measure(synthetic.water(np.random.default_rng(1), 5))}
    grey = {**measured, "forel_ule": 0.0}
    failed = dict.fromkeys(measured, float("nan"))
    names = pd.DataFrame(
        {"image": ["a.jpg", "b.jpg", "c.jpg"], "image_id": ["1", "2", "3"], "label": ["water_good"] * 3}
    )
    run = cast(
        RunFolder,
        SimpleNamespace(
            results=lambda: names,
            statistics=lambda: pd.DataFrame([measured, failed, grey]),
            objects=lambda: pd.DataFrame({"image": ["b.jpg"], "taken": ["2024-07-01T14:03:05<b>"]}),
        ),
    )
    monkeypatch.setattr(views, "names_in_force", lambda _: names)
    monkeypatch.setattr(views, "shown_thumbnail", lambda *_: None)
    monkeypatch.setattr(views, "picture", lambda *_: "")
    page = views.scale(run).html
    assert "1 accepted photo has no colour that natural water has" in page
    assert "The colour of 1 accepted photo was not measured" in page
    page = views.photos(run).html
    assert page.count("not measured") == 1
    assert page.count("2024-07-01 14:03:05&lt;b&gt;") == 1
    assert page.count("width:1.6em") == 1
    # A long name of a file leaves room for the reason.
    assert page.count("max-width:9rem;overflow-wrap:anywhere") == 3
    assert page.count("min-width:11rem") == 3


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
