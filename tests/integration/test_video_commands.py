"""`tidelab video`, `watch` and `live` as a person uses them: Ctrl-C, exit codes, sentences."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.squares import frames_of, make_clip, make_detector_case


@pytest.fixture
def base(tmp_path: Path) -> Path:
    case = make_detector_case(tmp_path / "use-cases")
    make_clip(tmp_path / "clip.mp4", frames=200, rate=25)
    (case.folder / "delay").write_text("0.02")
    return tmp_path


def started(base: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TIDELAB_USECASES": str(base / "use-cases"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tidelab.cli", *arguments, "--model", "demo"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupted(
    process: subprocess.Popen[str], ready: Callable[[], bool], hold: Path | None = None
) -> tuple[int, str, str]:
    """Press Ctrl-C once it is `ready`, then let a predictor go on that waits for `hold`; return exit code and what it said."""
    until = time.monotonic() + 120
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    if hold:
        hold.unlink()
    try:
        said, warned = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, said, warned


def test_ctrl_c_leaves_a_finished_part(base: Path) -> None:
    case = base / "use-cases" / "squares-case"
    hold, calls = case / "hold", case / "calls.txt"
    hold.touch()
    process = started(
        base, "video", "squares-case", str(base / "clip.mp4"), "--out", str(base / "out"), "--annotated"
    )
    # Wherever the machine is slow: of 200 frames the model has seen at least 60, and waits.
    code, said, warned = interrupted(
        process, lambda: calls.exists() and len(calls.read_text().split()) >= 60, hold
    )
    assert code == 130, warned
    assert "A part of the video: stopped on request" in said
    summary = json.loads((base / "out" / "summary.json").read_text())
    assert summary["complete"] is False
    assert 0 < len(frames_of(base / "out" / "annotated.mp4")) == summary["frames"] < 200
    assert (base / "out" / "frames.csv").read_text().count("\n") == summary["frames"] + 1
    assert not list((base / "out").glob(".annotated-part*"))


def test_watch_and_live_end_cleanly(base: Path) -> None:
    (base / "in").mkdir()
    watching = started(base, "watch", "squares-case", str(base / "in"), "--out", str(base / "watched"))
    code, said, warned = interrupted(watching, (base / "watched" / "status.json").exists)
    assert (code, warned) == (0, "")
    assert "0 pictures counted" in said
    live = started(base, "live", "squares-case", f"loop:{base / 'clip.mp4'}", "--out", str(base / "live"))
    code, said, warned = interrupted(live, (base / "live" / "live.m3u8").exists)
    assert code == 0, warned
    assert "dropped for newer ones" in said
    assert json.loads((base / "live" / "status.json").read_text())["state"] == "stopped"
    assert "#EXT-X-ENDLIST" in (base / "live" / "live.m3u8").read_text()


def test_a_file_that_is_no_video_is_a_sentence(base: Path) -> None:
    process = started(
        base,
        "video",
        "squares-case",
        str(base / "use-cases" / "squares-case" / "usecase.yaml"),
        "--out",
        str(base / "out"),
    )
    said, warned = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "cannot be opened as a video" in warned
    assert "Traceback" not in said + warned
