"""The page on measurements and the code say the same of each column."""

import re
from pathlib import Path

from zooscan.features import FEATURES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "zooscan-measurements.md"


def test_the_page_lists_each_column_with_its_unit_and_what_is_reached() -> None:
    rows = re.findall(r"^\| (\S+) \| (.*?) ?\| .* \| ([a-z; ]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [row for row in rows if row[0] != "Column"] == [
        (feature.name, feature.unit, feature.reached) for feature in FEATURES
    ]
