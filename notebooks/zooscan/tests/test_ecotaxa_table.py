"""The EcoTaxa table: rounding by hand, one scan in words, and the columns and digits of rows that ZooProcess wrote."""

import csv
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
from zooscan import ecotaxa_table
from zooscan.counted import Part
from zooscan.ecotaxa_table import acquisition, of_scan, rounded
from zooscan.features import FEATURES
from zooscan.settings import ProcessSettings
from zooscan.store import StoredScan

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    / "data"
    / "zooscan"
)
real = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the real data at {SHARED}, which is not part of the project"
)
FACTS: Mapping[str, object] = {
    "bw_ratio": 0.08676, "median_16bit": 43516.45, "level_min": 599, "level_max": 50043, "blank": "b.tif",
}  # fmt: skip
ROWS = ("ecotaxa_2855_223.tsv", "ecotaxa_13892_13563.tsv")


def legacy(name: str) -> dict[str, str]:
    with (SHARED / name).open(encoding="utf-8-sig") as file:
        header, _, values = csv.reader(file, delimiter="\t")
    return dict(zip(header, values, strict=True))


def test_rounding_is_that_of_java():
    assert [rounded(value, 1) for value in (42.325, 40.05, -0.05)] == [
        42.3,
        40.1,
        0.0,
    ]  # -0.5 and a half is 0
    assert rounded(359.772, 2) == 359.77
    assert (rounded(2.5, 0), rounded(-2.5, 0), rounded(-0.125, 2)) == (3, -2, -0.12)


def test_a_scan_in_ecotaxas_words():
    """As in the row that ZooProcess wrote of sample 013_st46_d_n4 of the APERO project."""
    header = {
        "latitude": "47.5076", "longitude": "15.2622", "date": "20230626-0828", "zmin": "312", "zmax": "419", "vol": "203.5", "fracnb": "4",
        "fracmin": "2000", "fracsup": "10000", "submethod": "motoda", "fracid": "d2_2_sur_2", "latitude_end": "47.4914",
    }  # fmt: skip
    settings = asdict(ProcessSettings())
    log = {"image": {"scanning_date": "20250121_1251"}}
    one = StoredScan("apero_n4_1", "apero_n4", "d2_2_sur_2", header, log, settings, (), FACTS)
    found = of_scan(one)
    assert acquisition(one) == found["acq_id"] == "d2_2_sur_2_apero_n4"
    assert (found["object_lat"], found["object_lon"]) == (pytest.approx(47.846), pytest.approx(-15.437))
    assert found["object_lat_end"] == pytest.approx(47.819)
    assert (found["object_date"], found["object_time"]) == ("20230626", "082800")
    assert (found["object_depth_min"], found["object_depth_max"]) == (312, 419)
    assert (found["acq_sub_part"], found["sample_tot_vol"], found["process_particle_pixel_size_mm"]) == (
        "4",
        "203.5",
        "0.0106",
    )
    assert found["process_particle_bw_ratio"] == "0.0868"
    lut = {
        name.removeprefix("acq_lut_"): value for name, value in found.items() if name.startswith("acq_lut")
    }
    assert lut == {"min": "599", "max": "50043", "odrange": "1.8", "ratio": "1.15", "16b_median": "43516.45"}
    assert (found["acq_scan_date"], found["acq_scan_time"]) == ("20250121", "125100")


def test_a_picture_without_white_has_no_density_in_the_table():
    one = StoredScan("a_1", "a", "d1", {}, {}, asdict(ProcessSettings()), (), {**FACTS, "bw_ratio": None})
    assert of_scan(one)["process_particle_bw_ratio"] == ""
    assert "process_particle_bw_ratio" not in ecotaxa_table.columns([of_scan(one)])


@real
@pytest.mark.parametrize("name", ROWS)
def test_the_columns_are_those_of_a_row_that_zooprocess_wrote_but_for_those_that_are_listed(name):
    theirs = legacy(name)
    # A scan of which everything is known: every key of the header that a column takes, every section of the log.
    header = dict.fromkeys([*ecotaxa_table._SAMPLE.values(), *ecotaxa_table._ACQ.values()], "1")
    header |= {
        "latitude": "47.5076", "longitude": "15.2622", "latitude_end": "47.4914", "longitude_end": "15.2951", "date": "20230626-0828",
        "zmin": "312", "zmax": "419", "fracid": "d2_2_sur_2",
    }  # fmt: skip
    log = {
        "image": {"scanning_date": "20250121_1251"},
        "info": {"hardware": "h", "software": "s", "author": "a", "imagetype": "zooscan"},
    }
    one = StoredScan("a_1", "a", "d2_2_sur_2", header, log, asdict(ProcessSettings()), (), FACTS)
    measured = {feature.name: 1.0 for feature in FEATURES}
    told = {"separation": "proposed", "image_id": "i", "parts": 2, "multi_score": 0.9}
    ours = ecotaxa_table.columns([ecotaxa_table.row(Part("a_1_1_1", told, 0, 0, measured), one, "a.png")])
    assert set(ours) - set(theirs) == ecotaxa_table.ADDED
    assert set(theirs) - set(ours) == ecotaxa_table.NOT_WRITTEN


@real
@pytest.mark.parametrize("name", ROWS)
def test_no_column_of_a_legacy_row_has_more_digits_than_ours(name):
    theirs = legacy(name)
    for feature in FEATURES:
        text = theirs[f"object_{feature.name.lower()}"]
        assert rounded(float(text), feature.ecotaxa_decimals) == float(text), feature.name


@real
def test_each_kind_of_rounding_shows_in_a_legacy_row():
    """Among the columns of one, two and three decimals there is one that uses them all."""
    used: dict[int, int] = {}
    for feature in FEATURES:
        if feature.ecotaxa_decimals:
            seen = max(len(legacy(name)[f"object_{feature.name.lower()}"].partition(".")[2]) for name in ROWS)
            assert seen <= feature.ecotaxa_decimals, feature.name
            used[feature.ecotaxa_decimals] = max(used.get(feature.ecotaxa_decimals, 0), seen)
    assert used == {1: 1, 2: 2, 3: 3}


@real
def test_levels_and_density_are_written_as_zooprocess_wrote_them():
    one = StoredScan("a_1", "a", "d1", {}, {}, asdict(ProcessSettings()), (), FACTS)
    ours, theirs = of_scan(one), legacy(ROWS[0])
    same = [
        name
        for name in ours
        if name.startswith(("acq_lut_", "process_particle_")) or name == "process_img_resolution"
    ]
    assert len(same) == 12
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
