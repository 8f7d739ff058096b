"""The benchmark, small and full: every drawn object found with its area, in bounded time and memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[3] / "bench" / "zooscan.py"


def figures(*arguments: str) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, str(BENCH), *arguments], capture_output=True, text=True, check=True
    )
    read: dict[str, dict[str, float]] = json.loads(done.stdout)
    return read


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_a_full_scan_takes_minutes_and_less_than_a_gigabyte() -> None:
    ours = figures()["ours"]
    assert (ours["drawn"], ours["found"], ours["equal_area"], ours["not_drawn"]) == (2000, 2000, 2000, 0)
    assert (ours["pairs_cut_in_two"], ours["others_cut"]) == (ours["pairs"], 0)
    assert ours["process_s"] + ours["measure_s"] + ours["separate_s"] < 30 * 60
    assert ours["peak_mb"] < 1000


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_whole_arrays_with_scikit_image_find_the_same() -> None:
    both = figures("--small", "--peer")
    for way in ("ours", "peer"):
        assert both[way]["found"] == both[way]["equal_area"] == both[way]["drawn"]
        assert both[way]["not_drawn"] == 0
    assert both["ours"]["peak_mb"] < both["peer"]["peak_mb"]
