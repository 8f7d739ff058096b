"""The measured crop: every column of the legacy software's row that is defined, and hand-checkable shapes."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from zooscan.ecotaxa_table import rounded
from zooscan.features import FEATURES, derived, measure

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    / "data"
    / "zooscan"
)
real = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the real data at {SHARED}, which is not part of the project"
)


def _row(name: str) -> dict[str, str]:
    with (SHARED / name).open(encoding="utf-8-sig") as file:
        return next(csv.DictReader(file, delimiter="\t"))


def _ecotaxa(name: str) -> dict[str, str]:
    with (SHARED / name).open(encoding="utf-8-sig") as file:
        header, _, values = csv.reader(file, delimiter="\t")
    return dict(zip(header, values, strict=True))


def _crop() -> tuple[np.ndarray, np.ndarray]:
    grey = np.asarray(Image.open(SHARED / "crop_2855_223.png"))
    labels, _ = ndimage.label(grey <= 243, np.ones((3, 3)))
    return grey, labels == np.bincount(labels.ravel())[1:].argmax() + 1


@real
def test_each_column_of_the_measured_crop_is_reached_as_its_table_says() -> None:
    legacy, measured = _row("meas_2855_223.csv"), measure(*_crop(), x_px=2855, y_px=223)
    assert list(legacy)[2:] == [feature.name for feature in FEATURES if not feature.derived]
    for feature in FEATURES:
        if feature.derived:
            continue
        expected, value = float(legacy[feature.name]), measured[feature.name]
        if feature.integer:
            assert value == expected, feature.name
            assert isinstance(value, int), feature.name
        else:
            assert value == pytest.approx(expected, abs=0.5 * 10**-feature.decimals + 1e-9), feature.name


@real
def test_the_derived_columns_of_the_crop_equal_the_legacy_table_in_all_digits() -> None:
    legacy, measured = _ecotaxa("ecotaxa_2855_223.tsv"), measure(*_crop(), x_px=2855, y_px=223)
    for feature in FEATURES:
        if feature.derived:
            assert measured[feature.name] == pytest.approx(
                float(legacy[f"object_{feature.name}"]), rel=1e-12
            ), feature.name


@real
def test_the_crop_is_written_for_ecotaxa_with_the_legacy_digits() -> None:
    legacy, measured = _ecotaxa("ecotaxa_2855_223.tsv"), measure(*_crop(), x_px=2855, y_px=223)
    for feature in FEATURES:
        if feature.reached in ("exact", "rounding") and not feature.derived:
            ours = rounded(measured[feature.name], feature.ecotaxa_decimals)
            assert ours == float(legacy[f"object_{feature.name.lower()}"]), feature.name


@real
@pytest.mark.parametrize("name", ["ecotaxa_2855_223.tsv", "ecotaxa_13892_13563.tsv"])
def test_derived_columns_follow_from_a_legacy_row(name: str) -> None:
    legacy = _ecotaxa(name)
    given = {
        feature.name: float(legacy[f"object_{feature.name.lower()}"])
        for feature in FEATURES
        if not feature.derived
    }
    for column, value in derived(given).items():
        assert value == pytest.approx(float(legacy[f"object_{column}"]), rel=1e-12), column


@real
@pytest.mark.parametrize(
    "name",
    [
        "apero2023_tha_bioness_013_st46_d_n8_d3_1_meas.txt",
        "zooprocess_lib/tests/data/project/work/s_17_1_tot_1_meas.txt",
    ],
)
def test_identities_hold_in_every_row_of_legacy_tables(name: str) -> None:
    with (SHARED / name).open(encoding="utf-8-sig") as file:
        rows = [
            {key: float(value) for key, value in row.items() if key not in (" ", "Label")}
            for row in csv.DictReader(file, delimiter="\t")
        ]
    assert len(rows) > 800
    constant = [
        feature.name for feature in FEATURES if feature.reached == "constant" and feature.name != "Tag"
    ]
    for row in rows:
        assert row["%Area"] == pytest.approx(100 - 100 * row["Area_exc"] / row["Area"], abs=0.006)
        assert row["Circ."] == pytest.approx(
            min(1, 4 * math.pi * row["Area"] / row["Perim."] ** 2), abs=0.001
        )
        assert math.pi / 4 * row["Major"] * row["Minor"] == pytest.approx(row["Area"], rel=0.001)
        assert row["Histcum1"] <= row["Histcum2"] <= row["Histcum3"] < row["Max"]
        assert row["Histcum2"] < row["Median"]
        assert 0 <= 2 * (row["Width"] + row["Height"]) - 4 - row["Convperim"] <= 3
        assert [row[column] for column in constant] == [0] * len(constant)


def test_what_the_references_hold_as_nought_only_is_called_untested() -> None:
    assert {feature.name for feature in FEATURES if feature.reached == "untested"} == {"centroids", "cdexc"}
    # Our reading of the names: (XM, YM) lies 3 px right of and 4 px below (X, Y), 5 px apart; 25 over an area of 100.
    measured = dict.fromkeys((feature.name for feature in FEATURES), 1.0)
    found = derived(measured | {"X": 10.0, "Y": 10.0, "XM": 13.2, "YM": 13.9, "Area_exc": 100.0})
    assert (found["centroids"], found["cdexc"]) == (5.0, 0.25)


@real
def test_untested_columns_are_nought_in_both_references() -> None:
    for name in ("ecotaxa_2855_223.tsv", "ecotaxa_13892_13563.tsv"):
        assert [float(_ecotaxa(name)[f"object_{column}"]) for column in ("centroids", "cdexc")] == [0, 0]


def test_a_square_with_a_hole_by_hand() -> None:
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    grey = np.full((5, 5), 100, np.uint8)
    grey[2, 2] = 250
    found = measure(grey, mask, x_px=10, y_px=20)
    assert (found["Area"], found["Area_exc"], found["%Area"]) == (25, 24, 4.0)
    assert found["IntDen"] == 24 * 100 + 250
    assert (found["Mean"], found["Median"], found["Mode"], found["Min"], found["Max"]) == (
        106.0,
        100,
        100,
        100,
        250,
    )
    assert (found["X"], found["Y"], found["XM"], found["YM"]) == (2.5, 2.5, 2.5, 2.5)
    assert (found["BX"], found["BY"], found["XStart"], found["YStart"]) == (10, 20, 10, 20)
    assert found["Perim."] == pytest.approx(20 - 4 * (2 - math.sqrt(2)))
    assert found["Feret"] == pytest.approx(5 * math.sqrt(2))
    assert (found["Convarea"], found["Convperim"]) == (25, 16)
    assert found["Major"] == pytest.approx(10 / math.sqrt(math.pi))


def test_each_feature_has_a_value_in_the_order_of_the_table() -> None:
    found = measure(np.full((1, 1), 7, np.uint8), np.ones((1, 1), bool))
    assert list(found) == [feature.name for feature in FEATURES]
    assert found["Area"] == 1
    assert math.isnan(found["Skew"])


@pytest.mark.parametrize(
    ("grey", "mask"),
    [
        (np.zeros((3, 3), np.uint8), np.ones((3, 4), bool)),
        (np.zeros((3, 3), np.uint8), np.zeros((3, 3), bool)),
        (np.zeros((3, 3), np.uint8), np.eye(3, dtype=bool) & np.array([[True], [True], [False]])),
    ],
)
def test_what_cannot_be_measured_is_refused(grey: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        measure(grey, mask)
