"""Abundance, biovolume and size spectrum, with answers that a person can check on paper."""

import csv
import math
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zooscan import abundance, spectrum
from zooscan.store import StoredScan

SHARED = Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
META = SHARED / "data/zooscan/zooprocess_lib/tests/data/project/Zooscan_meta"


def scan(
    scan_id: str,
    sample: str = "s",
    *,
    vol: str = "50",
    parts: str = "1",
    dpi: int = 2400,
    fraction: str | None = None,
) -> StoredScan:
    header = {
        "vol": vol,
        "fracnb": parts,
        "fracid": scan_id.rpartition("_")[0] if fraction is None else fraction,
    }
    return StoredScan(scan_id, sample, header["fracid"], header, {}, {"dpi": dpi}, (), {})


def objects(*rows) -> pd.DataFrame:
    """Rows of (scan_id, sample_id, Area, Area_exc, Major, Minor)."""
    return pd.DataFrame(rows, columns=["scan_id", "sample_id", "Area", "Area_exc", "Major", "Minor"])


def disc(scan_id: str, diameter_px: float, sample: str = "s"):
    area = math.pi * diameter_px**2 / 4
    return (scan_id, sample, area, area, diameter_px, diameter_px)


def test_three_objects_in_all_of_it_and_two_in_a_quarter_of_fifty_cubic_metres():
    # (3 x 1 + 2 x 4) / 50 = 0.22 m-3
    found = abundance.by_sample(
        objects(*[disc("d1_1", 60)] * 3, *[disc("d2_1", 60)] * 2), [scan("d1_1"), scan("d2_1", parts="4")], {}
    )
    (row,) = found.to_dict("records")
    assert row["objects_per_m3"] == pytest.approx(0.22)
    assert (row["objects"], row["scans"], row["withheld"]) == (5, 2, "")


def test_a_ball_of_one_millimetre_has_its_volume_by_all_three_formulas():
    # 2540 dpi: a pixel is 0.01 mm, a disc of 100 px is a ball of 1 mm: pi / 6 mm3.
    found = abundance.biovolumes_mm3(objects(disc("d1_1", 100)), {"d1_1": 0.01})
    assert found.iloc[0].tolist() == pytest.approx([math.pi / 6] * 3)


def test_an_ellipsoid_of_two_by_one_millimetre_with_a_hole():
    # 4/3 pi (2/2) (1/2)^2 = pi/3 mm3. Sphere of its area pi/2 mm2: r = sqrt(1/2), 4/3 pi r^3. Half of it without holes: r = 1/2.
    area = math.pi / 2 / 0.01**2
    found = abundance.biovolumes_mm3(objects(("d1_1", "s", area, area / 2, 200, 100)), {"d1_1": 0.01}).iloc[0]
    assert found["biovolume_ellipsoid_mm3"] == pytest.approx(math.pi / 3)
    assert found["biovolume_sphere_mm3"] == pytest.approx(4 / 3 * math.pi * 0.5**1.5)
    assert found["biovolume_sphere_exc_mm3"] == pytest.approx(4 / 3 * math.pi * 0.125)


def test_biovolume_is_summed_with_the_same_weights():
    # One ball of 1 mm in half of the sample of 10 m3: 2 / 10 x pi / 6.
    found = abundance.by_sample(objects(disc("d1_1", 100)), [scan("d1_1", vol="10", parts="2", dpi=2540)], {})
    assert found["biovolume_ellipsoid_mm3_per_m3"][0] == pytest.approx(math.pi / 30)
    assert found["tot_vol_m3"][0] == 10


def test_no_object_is_a_zero_and_no_gap():
    found = abundance.by_sample(objects(), [scan("d1_1")], {})
    assert found[["objects", "objects_per_m3", "withheld"]].iloc[0].tolist() == [0, 0.0, ""]


@pytest.mark.parametrize(
    ("scans", "states", "words"),
    [
        ([scan("d1_1", vol="99999")], {}, "volume filtered"),
        ([scan("d1_1", vol="")], {}, "volume filtered"),
        ([scan("d1_1", vol="0")], {}, "volume filtered"),
        ([scan("d1_1", parts="0")], {}, "sub-part"),
        ([scan("d1_1"), scan("d2_1", vol="60")], {}, "different volumes (50 and 60 m3)"),
        (
            [scan("d1_1")],
            {"scans": {"d2_1": {"sample_id": "s", "status": "failed", "reasons": ["It is noise."]}}},
            "d2_1 is not counted here: It is noise.",
        ),
        ([scan("d1_1")], {"expected": {"s": ["d1_1", "d3_1"]}}, "d3_1 is in the scan header table"),
    ],
)
def test_what_is_not_known_is_withheld_with_its_reason(scans, states, words):
    found = abundance.by_sample(objects(disc("d1_1", 60)), scans, states)
    assert words in found["withheld"][0]
    assert pd.isna(found["objects_per_m3"][0])
    assert pd.isna(found["biovolume_ellipsoid_mm3_per_m3"][0])
    assert found["objects"][0] == 1
    assert spectrum.spectrum(objects(disc("d1_1", 60)), scans, states).empty


def set_of(*scans: tuple[str, str]) -> list[StoredScan]:
    """Scans of sample s by fraction and sub-part, as ZooProcess names them."""
    return [scan(f"s_{name}_1", parts=parts, fraction=name) for name, parts in scans]


def test_the_sub_part_counts_for_all_scans_of_a_fraction_together():
    # Split into 8, 2 scans made: Fracnb 4 in both. 3 + 2 objects of 50 m3 are (3 + 2) x 4 / 50 = 0.4 m-3, not their mean.
    scans = set_of(("d2_1_sur_2", "4"), ("d2_2_sur_2", "4"))
    found = objects(*[disc("s_d2_1_sur_2_1", 60)] * 3, *[disc("s_d2_2_sur_2_1", 60)] * 2)
    (row,) = abundance.by_sample(found, scans, {}).to_dict("records")
    assert (row["objects_per_m3"], row["withheld"]) == (pytest.approx(0.4), "")
    each = abundance.by_scan(found, scans)
    assert each["objects_per_m3"].tolist() == pytest.approx([0.24, 0.16])  # what each adds


@pytest.mark.parametrize(
    ("scans", "words"),
    [
        ([("d2_2_sur_2", "4")], "Of its fraction d2 the scan 1 of 2 is not counted here"),
        (
            [("d1", "1"), ("d2_1_sur_4", "8"), ("d2_4_sur_4", "8")],
            "Of its fraction d2 the scan 2, 3 of 4 is not",
        ),
        ([("d2_1_sur_2", "8"), ("d2_2_sur_2", "4")], "fraction d2 say different sub-parts (4 and 8)"),
        ([("d2_1_sur_2", "4"), ("d2_2_sur_2", "4"), ("d2_1_sur_1", "4")], "not say the same number of parts"),
        ([("d2", "4"), ("d2_1_sur_1", "4")], "not say the same number of parts"),
        ([("d2_3_sur_2", "4"), ("d2_1_sur_2", "4")], "s_d2_3_sur_2_1 calls itself scan 3 of 2"),
    ],
)
def test_scans_of_a_fraction_that_do_not_belong_together_are_withheld(scans, words):
    made = set_of(*scans)
    found = objects(*[disc(one.scan_id, 60) for one in made])
    (row,) = abundance.by_sample(found, made, {}).to_dict("records")
    assert words in row["withheld"]
    assert pd.isna(row["objects_per_m3"])
    each = abundance.by_scan(found, made).set_index("fraction")
    assert each["objects_per_m3"].notna().to_dict() == {name: name == "d1" for name, _ in scans}
    assert all(words in each["withheld"][name] for name, _ in scans if name != "d1")
    assert spectrum.spectrum(found, made, {}).empty


@given(st.lists(st.text(alphabet="d12_sur\n٣²", max_size=14), max_size=4))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_name_of_a_fraction_gives_a_number_or_a_reason(names):
    made = [scan(f"s_{place}_1", fraction=name) for place, name in enumerate(names)]
    for row in abundance.by_sample(objects(), made, {}).to_dict("records"):
        assert bool(row["withheld"]) == pd.isna(row["objects_per_m3"])


def test_one_part_scanned_twice_is_not_counted_twice():
    made = [scan(f"s_d2_1_sur_1_{n}", parts="4", fraction="d2_1_sur_1") for n in (1, 2)]
    (row,) = abundance.by_sample(objects(disc("s_d2_1_sur_1_1", 60)), made, {}).to_dict("records")
    assert (
        "Scan 1 of 1 of its fraction d2 is there 2 times (s_d2_1_sur_1_1, s_d2_1_sur_1_2)" in row["withheld"]
    )


def test_a_scan_whose_header_names_no_fraction_is_known_by_its_own_name():
    (row,) = abundance.by_sample(objects(), [scan("s_d2_1_sur_2_1", parts="4", fraction="")], {}).to_dict(
        "records"
    )
    assert "the scan 2 of 2" in row["withheld"]


@pytest.mark.skipif(
    not META.is_dir(), reason=f"needs the real header tables at {META}, not part of the project"
)
def test_the_published_header_tables_hold_a_fraction_whose_scans_disagree():
    """Sample 017_st66_d_n1 of the APERO cruise says Fracnb 8 for scan 1 of 4 and 4 for the others; 013_st46_d_n4 is in order."""

    def rows(name, key):
        with (META / name).open(encoding="utf-8-sig", newline="") as file:
            return {row[key]: row for row in csv.DictReader(file, delimiter=";")}

    samples, scans = (
        rows("zooscan_sample_header_table.csv", "sampleid"),
        rows("zooscan_scan_header_table.csv", "scanid"),
    )
    said = {}
    for end in ("017_st66_d_n1", "013_st46_d_n4"):
        sample = f"apero2023_tha_bioness_sup2000_{end}"
        made = [
            scan(name, sample, vol=samples[sample]["vol"], parts=row["fracnb"], fraction=row["fracid"])
            for name, row in scans.items()
            if row["sampleid"] == sample
        ]
        (found,) = abundance.by_sample(
            objects(*[disc(one.scan_id, 60, sample) for one in made]), made, {}
        ).to_dict("records")
        said[end] = (len(made), found["withheld"], found["objects_per_m3"])
    number, withheld, value = said["017_st66_d_n1"]
    assert number == 5
    assert withheld == "The scans of its fraction d2 say different sub-parts (4 and 8)."
    assert pd.isna(value)
    # d1 and d2, one object each, sub-part 1, 203.5 m3.
    assert said["013_st46_d_n4"] == (2, "", pytest.approx(2 / 203.5))


def test_another_samples_gaps_do_not_matter():
    states = {
        "scans": {"x_1": {"sample_id": "other", "status": "failed", "reasons": []}},
        "expected": {"other": ["x_1"]},
    }
    assert abundance.by_sample(objects(disc("d1_1", 60)), [scan("d1_1")], states)["withheld"][0] == ""


def test_a_scan_alone():
    found = abundance.by_scan(objects(disc("d2_1", 60)), [scan("d2_1", parts="4"), scan("d1_1", vol="")])
    assert found["scan_id"].tolist() == ["d1_1", "d2_1"]
    assert found["objects_per_m3"][1] == pytest.approx(4 / 50)
    assert pd.isna(found["objects_per_m3"][0])


def test_spectrum_of_known_volumes():
    # Balls of 0.01 mm px: 1 mm3 lies in [1, 2), twice 0.6 mm3 in [0.5, 1): 0.6 x 2 / 50 / 0.5 = 0.048 m-3.
    def ball(volume):
        return disc("d1_1", (6 * volume / math.pi) ** (1 / 3) / 0.01)

    found = spectrum.spectrum(objects(ball(1.0001), ball(0.6), ball(0.6)), [scan("d1_1", dpi=2540)], {})
    assert found["from_mm3"].tolist() == [0.5, 1.0]
    assert found["objects"].tolist() == [2, 1]
    assert found["nbss_per_m3"].tolist() == pytest.approx([0.048, 1.0001 / 50])
    assert found["biovolume_mm3_per_m3"].sum() == pytest.approx((1.0001 + 1.2) / 50)


def test_bins_that_the_smallest_size_cuts_are_flagged():
    # 2400 dpi, 0.3 mm: 631 px are a ball of 0.01414 mm3. [2^-7, 2^-6) = [0.0078, 0.0156) is cut, [0.0156, 0.0313) is not.
    pixel = 25.4 / 2400

    def ball(volume):
        return disc("d1_1", (6 * volume / math.pi) ** (1 / 3) / pixel)

    found = spectrum.spectrum(objects(ball(0.015), ball(0.016), ball(0.04)), [scan("d1_1")], {})
    assert found["from_mm3"].tolist() == [2**-7, 2**-6, 2**-5]
    assert found["complete"].tolist() == [False, True, True]
    low, high = spectrum.searched_mm3([scan("d1_1")])
    assert low == pytest.approx(math.pi / 6 * 0.3**3, rel=1e-3)
    assert high == pytest.approx(math.pi / 6 * 100**3, rel=1e-3)


def test_the_octave_above_the_largest_size_is_cut_too():
    # 100 mm: a ball of 523,599 mm3 lies in [2^18, 2^19) = [262,144, 524,288).
    pixel = 25.4 / 2400
    size = (6 * 300_000 / math.pi) ** (1 / 3) / pixel
    found = spectrum.spectrum(objects(disc("d1_1", size), disc("d1_1", size / 2)), [scan("d1_1")], {})
    assert found["complete"].tolist() == [True, False]


def test_scans_at_another_resolution_have_the_same_limit_and_the_narrowest_counts():
    coarse, fine = scan("d1_1", dpi=1200), scan("d2_1")
    assert spectrum.searched_mm3([coarse, fine])[0] == max(
        spectrum.searched_mm3([one])[0] for one in (coarse, fine)
    )
