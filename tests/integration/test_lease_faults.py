"""The lease book while its users are killed with -9: hub, clients and containers are real processes (`tests.support.lease_faults`)."""

import json
import subprocess
import sys

import pytest

from tidelab import paths


def killed(steps: int, seed: int, limit_s: float) -> dict[str, object]:
    """Kill so many processes and print the figures."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.lease_faults", str(steps), str(seed)],
        cwd=paths.checkout(),
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    print(json.dumps(found, indent=1))
    return found


def nothing_went_wrong(found: dict[str, object], steps: int) -> None:
    assert found["faults"] == []
    assert (found["double_booked"], found["leaked"], found["without_lease"]) == (0, 0, 0)
    assert found["killed"] == steps


@pytest.mark.integration
def test_300_kills():
    found = killed(300, 1, 200)
    nothing_went_wrong(found, 300)
    kinds = found["found"]
    assert isinstance(kinds, dict)
    for kind in ("spawn", "stop", "reconcile", "client", "running"):
        assert kinds[f"killed: {kind}"] > 5
    assert kinds["reconciled: released"] > 5, "something was there to put right"


@pytest.mark.integration
@pytest.mark.prove
@pytest.mark.timeout(7200)
def test_10_000_kills():
    nothing_went_wrong(killed(10_000, 4, 7000), 10_000)
