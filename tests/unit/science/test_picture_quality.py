"""Rules of a good picture, by hand."""

import pandas as pd
import pytest

from tidelab.science.picture_quality import QualityRules, quality


def pictures(digests, camera="c"):
    times = pd.date_range("2024-05-01T12:00", periods=len(digests), freq="1min", tz="UTC")
    return pd.DataFrame(
        {
            "picture": [f"p{k}" for k in range(len(digests))],
            "picture_id": list(digests),
            "camera": camera,
            "time": times,
        }
    )


def statistics(*rows):
    return pd.DataFrame(rows, columns=["brightness", "contrast", "sharpness"])


RULES = QualityRules(least_brightness=20, least_contrast=6, least_sharpness=0.01)
GOOD = (100.0, 30.0, 0.1)


def test_each_rule_has_its_word():
    found = quality(pictures("abcd"), statistics(GOOD, (19, 30, 0.1), (100, 5, 0.1), (100, 30, 0.009)), RULES)
    assert found.tolist() == ["", "too-dark", "fouled", "blurred"]


def test_a_limit_itself_is_good_and_darkness_is_named_before_what_follows_from_it():
    found = quality(pictures("ab"), statistics((20, 6, 0.01), (1, 1, 0)), RULES)
    assert found.tolist() == ["", "too-dark"]


def test_the_bytes_of_an_earlier_picture_are_frozen_whatever_the_order_of_rows():
    table = pictures("aab")
    assert quality(table, statistics(GOOD, GOOD, GOOD), RULES).tolist() == ["", "frozen", ""]
    assert quality(table.iloc[::-1], statistics(GOOD, GOOD, GOOD), RULES).tolist() == ["", "frozen", ""]
    turned = table.iloc[[1, 0, 2]]
    assert quality(turned, statistics(GOOD, GOOD, GOOD), RULES).tolist() == ["frozen", "", ""]


def test_the_same_bytes_from_two_cameras_are_not_frozen():
    table = pd.concat([pictures("a"), pictures("a", "d").assign(picture="q")], ignore_index=True)
    assert quality(table, statistics(GOOD, GOOD), RULES).tolist() == ["", ""]


def test_a_rule_that_is_off_is_not_asked():
    off = QualityRules(None, None, None, drop_frozen=False)
    assert quality(pictures("aa"), pd.DataFrame(index=range(2)), off).tolist() == ["", ""]
    assert off.words() == "no rule"


def test_a_statistic_nobody_measured_is_no_good_picture():
    with pytest.raises(ValueError, match="sharpness is missing"):
        quality(pictures("a"), statistics((100, 30, None)), RULES)
    with pytest.raises(ValueError, match="2 pictures and 1 rows"):
        quality(pictures("ab"), statistics(GOOD), RULES)
