"""The measurement that docs/performance.md quotes still runs, and both sides still agree."""

import json
import subprocess
import sys

from tidelab import paths


def test_the_comparison_with_plain_frouros_runs_and_decides_alike():
    command = [
        "bench/drift.py",
        "--images",
        "80",
        "--dimensions",
        "8",
        "--permutations",
        "99",
        "--repeats",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, *command], cwd=paths.checkout(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert set(told["cases"]) == {"alike", "shifted"}
    assert told["ratio"] > 1
