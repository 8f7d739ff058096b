"""The endurance of `tidelab live` and `tidelab watch` that docs/performance.md quotes: memory stays, files are bounded, nothing is lost or doubled."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidelab import paths


def measured(tmp_path: Path, minutes: float, pictures: int, timeout_s: float) -> dict[str, Any]:
    out = tmp_path / "out.json"
    command = [sys.executable, "bench/streams.py", "--minutes", str(minutes), "--pictures", str(pictures), "--json", str(out)]  # fmt: skip
    done = subprocess.run(
        command, cwd=paths.checkout(), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    # What must not be (a frame or picture lost or doubled, a torn row, a segment too many) ends it.
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    told: dict[str, Any] = json.loads(out.read_text())
    print(json.dumps(told))
    return told


@pytest.mark.timeout(700)  # longer than what it waits for, so that what the run said is shown
def test_a_short_run_accounts_for_every_frame_and_picture(tmp_path: Path) -> None:
    told = measured(tmp_path, minutes=0.5, pictures=60, timeout_s=600)
    live = told["live"]
    assert live["dropped"] > 0  # the model is slower than the file
    assert live["analysed"] > 0
    assert told["watch"]["pictures"] == 60


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_ten_minutes_and_two_thousand_pictures_leave_memory_as_it_was(tmp_path: Path) -> None:
    told = measured(tmp_path, minutes=10, pictures=2000, timeout_s=3500)
    # What decoders and encoders keep goes up and down by some MiB; a leak of a frame a second would be hundreds.
    for name, most in (("live", 4.0), ("watch", 2.0)):
        memory = told[name]["memory"]
        assert memory["end"] - memory["middle"] < most, memory
    assert told["live"]["memory"]["mib_per_minute"] < 1.5, told["live"]["memory"]
    assert told["live"]["most_stream_mib"] < 1.5 * told["live"]["stream_mib_before_the_kill"] + 1
    assert told["watch"]["journal_bytes_a_picture"] < 2000
    assert told["watch"]["other_files"] == [".tidelab-watch.lock", "status.json"]
