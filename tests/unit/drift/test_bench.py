"""The measurement that docs/performance.md quotes still runs, and both sides still agree."""

import importlib
import json
import subprocess
import sys

import pytest

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


def test_the_simulation_of_the_verdict_runs_and_its_verdicts_hold(monkeypatch):
    """A small part of what docs/explanation/drift.md quotes: two worlds, where wrong limits would already show."""
    monkeypatch.syspath_prepend(str(paths.checkout() / "bench"))
    calibration = importlib.import_module("drift_calibration")
    rows = calibration.simulate(2, (30, 300), quick=True)
    told = calibration.summary(rows)
    alarms = {name: row["alarm"] for name, row in told.items()}
    normal = [alarms[f"normal, n = {n}"] for n in (30, 300)]
    assert sum(normal) / 2 <= 0.25  # 8 samples: at 8 % three come in two of a hundred
    assert min(alarms[f"unseen class, 10 %, n = {n}"] for n in (30, 300)) >= 0.8
    assert alarms["lens dirt, n = 300"] >= 0.8
    assert all(row["red"] == 0 for name, row in told.items() if name.startswith(("normal", "bloom")))
    assert all(row["grey"] == 0 for row in rows)


@pytest.mark.prove
def test_the_simulation_holds_at_full_size(monkeypatch):
    """The figures of docs/explanation/drift.md, at their size: minutes."""
    monkeypatch.syspath_prepend(str(paths.checkout() / "bench"))
    calibration = importlib.import_module("drift_calibration")
    told = calibration.summary(calibration.simulate(40, calibration.SIZES))
    for n in calibration.SIZES:
        assert told[f"normal, n = {n}"]["alarm"] <= 0.10
        assert told[f"unseen class, 10 %, n = {n}"]["alarm"] >= 0.80
        assert told[f"lens dirt, n = {n}"]["alarm"] >= 0.80
        assert told[f"bloom of one class, n = {n}"]["red"] == 0
