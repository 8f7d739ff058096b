"""Live sources as they are: a file that is repeated, a camera that speaks RTSP, one that hangs up, one that asks for a login."""

import csv
import json
import threading
import time
from pathlib import Path

import av
import pytest

from tests.support.rtsp_server import RtspCamera
from tests.support.squares import make_clip, make_detector_case
from tidelab.runs.limits import Limits
from tidelab.streams.live.address import LOGIN, Address
from tidelab.streams.live.health import Health
from tidelab.streams.live.newest import Newest
from tidelab.streams.live.running import LiveOptions, run_live
from tidelab.streams.live.source import Source
from tidelab.streams.model import StreamModel

SECRET = "s3cr%t/word"


@pytest.fixture
def model(tmp_path: Path) -> StreamModel:
    return StreamModel.load(make_detector_case(tmp_path / "use-cases"))


def run(
    model: StreamModel, source: str, out: Path, *, until: int = 5, wait: float = 0.05, **environment: str
) -> tuple[Health, list[Health]]:
    """Run until so many frames are analysed, at most 30 s."""
    told: list[Health] = []
    stop = threading.Event()

    def tell(health: Health) -> None:
        told.append(health)
        if health.analysed >= until:
            stop.set()

    options = LiveOptions(interval_s=1, camera="cam1", seconds=30, first_wait_s=wait)
    return run_live(model, Address.parse(source, environment), out, options, stop=stop, tell=tell), told


def test_a_file_is_repeated_and_counted(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=20, rate=20)
    health, _ = run(model, f"loop:{tmp_path / 'clip.mp4'}", tmp_path / "out", until=30)
    assert health.analysed >= 30  # more than the file holds
    assert health.received - health.analysed - health.dropped in (0, 1)  # one may wait at the end
    rows = [
        row
        for path in (tmp_path / "out").glob("counts-*.csv")
        for row in csv.DictReader(path.open(newline=""))
    ]
    assert sum(int(row["n_pictures"]) for row in rows if row["taxon"] == "red") == health.analysed
    assert {row["taxon"] for row in rows} == {"red", "blue", "green"}
    assert {row["max_n"] for row in rows if row["taxon"] == "green"} == {"0"}
    assert "2" in {row["max_n"] for row in rows if row["taxon"] == "red"}
    assert {row["camera"] for row in rows} == {"cam1"}
    with av.open(str(tmp_path / "out" / "live.m3u8")) as stream:
        assert sum(1 for _ in stream.decode(video=0)) >= 20
    assert (tmp_path / "out" / "latest.jpg").read_bytes()[:2] == b"\xff\xd8"
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["state"] == "stopped"
    assert "dropped for newer ones" in status["words"]


def test_a_slow_model_sees_the_newest_frame_and_the_others_are_counted(
    model: StreamModel, tmp_path: Path
) -> None:
    (model.use_case.folder / "delay").write_text("0.3")
    make_clip(tmp_path / "clip.mp4", frames=40, rate=30)
    health, _ = run(model, f"loop:{tmp_path / 'clip.mp4'}", tmp_path / "out", until=6)
    assert health.dropped >= 5 * 0.2 * 30  # 0.3 s of frames a picture, generously
    assert health.longest_lag_s is not None
    # Its own 0.3 s, and at most the frame that waited: never a queue of old ones.
    assert health.longest_lag_s < 1.5
    assert health.fps_in > 3 * health.fps_analysed


def test_a_camera_is_read_and_connected_to_again(model: StreamModel, tmp_path: Path) -> None:
    with RtspCamera(rate=100, hang_up_after=60) as camera:
        health, _ = run(model, f"rtsp://127.0.0.1:{camera.port}/live", tmp_path / "out", until=130)
    assert health.analysed >= 130
    assert health.connections >= 2  # of 60 frames each, fewer those that FFmpeg looks at before the first
    assert camera.connections - health.connections in (0, 1)
    rows = [
        row
        for path in (tmp_path / "out").glob("counts-*.csv")
        for row in csv.DictReader(path.open(newline=""))
    ]
    assert {row["max_n"] for row in rows if row["taxon"] == "red"} <= {"1", "2"}


def test_no_login_is_shown_anywhere(
    model: StreamModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RtspCamera(login=f"ada:{SECRET}") as camera:
        place = f"rtsp://127.0.0.1:{camera.port}/live"
        source = f"{place}?key={SECRET}"
        health, told = run(model, source, tmp_path / "out", until=3, **{LOGIN: f"ada:{SECRET}"})
        assert health.analysed >= 3
        stop = threading.Event()
        wrong: list[Health] = []

        def tell(one: Health) -> None:
            wrong.append(one)
            if one.problem:
                stop.set()

        address = Address.parse(f"rtsp://eve:wrong-one@127.0.0.1:{camera.port}/live", {})
        run_live(
            model, address, tmp_path / "wrong", LiveOptions(seconds=20, first_wait_s=5), stop=stop, tell=tell
        )
    assert "401 Unauthorized" in wrong[-1].problem or "authorization" in wrong[-1].problem.lower()
    written = "".join(
        path.read_text(errors="replace")
        for path in tmp_path.rglob("*.*")
        if path.suffix in (".json", ".csv", ".m3u8")
    )
    everything = (
        written + "".join(map(str, capfd.readouterr())) + "".join(map(repr, told + wrong)) + repr(address)
    )
    assert SECRET not in everything
    assert "s3cr" not in everything
    assert "wrong-one" not in everything
    assert place in everything


def test_a_source_that_is_not_there_is_tried_again(model: StreamModel, tmp_path: Path) -> None:
    told: list[Health] = []
    address = Address.parse("rtsp://127.0.0.1:1/none", {})
    health = run_live(model, address, tmp_path, LiveOptions(seconds=1.5, first_wait_s=0.2), tell=told.append)
    assert health.analysed == 0
    assert "Connection refused" in health.problem
    assert any(one.state == "waiting" and "It is tried again" in one.words for one in told)


def test_a_camera_that_falls_silent_is_connected_to_again() -> None:
    newest = Newest()
    with RtspCamera(rate=100, hang_up_after=80, silent=True) as camera:
        address = Address.parse(f"rtsp://127.0.0.1:{camera.port}/live", {})
        with Source(address, newest, Limits(), first_wait_s=0.05, silent_s=1.0) as source:
            problems = set()
            until = time.monotonic() + 30
            while source.connections < 3 and time.monotonic() < until:
                problems.add(source.problem)
                time.sleep(0.02)
    assert source.connections >= 3
    assert newest.received > 0
    assert any("silent for 1 s" in problem for problem in problems)
