"""Abundance, biovolume and size spectrum, with answers that a person can check on paper."""

import math

import pandas as pd
import pytest
from zooscan import abundance, spectrum
from zooscan.store import StoredScan


def scan(
    scan_id: str, sample: str = "s", *, vol: str = "50", parts: str = "1", dpi: int = 2400
) -> StoredScan:
    header = {"vol": vol, "fracnb": parts, "fracid": scan_id.rpartition("_")[0]}
    return StoredScan(scan_id, sample, header["fracid"], header, {}, {"dpi": dpi}, (), {})


def objects(*rows) -> pd.DataFrame:
    """Rows of (scan_id, sample_id, Area, Area_exc, Major, Minor)."""
    return pd.DataFrame(rows, columns=["scan_id", "sample_id", "Area", "Area_exc", "Major", "Minor"])


def disc(scan_id: str, diameter_px: float, sample: str = "s"):
    area = math.pi * diameter_px**2 / 4
    return (scan_id, sample, area, area, diameter_px, diameter_px)


def test_three_animals_in_all_of_it_and_two_in_a_quarter_of_fifty_cubic_metres():
    # (3 x 1 + 2 x 4) / 50 = 0.22 ind. m-3
    found = abundance.by_sample(
        objects(*[disc("d1_1", 60)] * 3, *[disc("d2_1", 60)] * 2), [scan("d1_1"), scan("d2_1", parts="4")], {}
    )
    (row,) = found.to_dict("records")
    assert row["abundance_ind_per_m3"] == pytest.approx(0.22)
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


def test_no_animal_is_a_zero_and_no_gap():
    found = abundance.by_sample(objects(), [scan("d1_1")], {})
    assert found[["objects", "abundance_ind_per_m3", "withheld"]].iloc[0].tolist() == [0, 0.0, ""]


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
    assert pd.isna(found["abundance_ind_per_m3"][0])
    assert pd.isna(found["biovolume_ellipsoid_mm3_per_m3"][0])
    assert found["objects"][0] == 1
    assert spectrum.spectrum(objects(disc("d1_1", 60)), scans, states).empty


def test_another_samples_gaps_do_not_matter():
    states = {
        "scans": {"x_1": {"sample_id": "other", "status": "failed", "reasons": []}},
        "expected": {"other": ["x_1"]},
    }
    assert abundance.by_sample(objects(disc("d1_1", 60)), [scan("d1_1")], states)["withheld"][0] == ""


def test_a_scan_alone():
    found = abundance.by_scan(objects(disc("d2_1", 60)), [scan("d2_1", parts="4"), scan("d1_1", vol="")])
    assert found["scan_id"].tolist() == ["d1_1", "d2_1"]
    assert found["abundance_ind_per_m3"][1] == pytest.approx(4 / 50)
    assert pd.isna(found["abundance_ind_per_m3"][0])


def test_spectrum_of_known_volumes():
    # Balls of 0.01 mm px: 1 mm3 lies in [1, 2), twice 0.6 mm3 in [0.5, 1): 0.6 x 2 / 50 / 0.5 = 0.048 m-3.
    def ball(volume):
        return disc("d1_1", (6 * volume / math.pi) ** (1 / 3) / 0.01)

    found = spectrum.spectrum(objects(ball(1.0001), ball(0.6), ball(0.6)), [scan("d1_1", dpi=2540)], {})
    assert found["from_mm3"].tolist() == [0.5, 1.0]
    assert found["objects"].tolist() == [2, 1]
    assert found["nbss_per_m3"].tolist() == pytest.approx([0.048, 1.0001 / 50])
    assert found["biovolume_mm3_per_m3"].sum() == pytest.approx((1.0001 + 1.2) / 50)
