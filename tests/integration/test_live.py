"""Live sources as they are: a file that is repeated, a camera that speaks RTSP, one that hangs up, one that asks for a login."""

import json
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.support.live_runs import counted, run
from tests.support.rtsp_server import RtspCamera
from tests.support.squares import make_clip, make_detector_case
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections
from tidelab.runs.failures import InputError
from tidelab.runs.limits import Limits
from tidelab.streams.live.address import LOGIN, Address
from tidelab.streams.live.health import Health
from tidelab.streams.live.newest import LiveFrame, Newest
from tidelab.streams.live.running import LiveOptions, run_live
from tidelab.streams.live.source import Source
from tidelab.streams.model import StreamModel

SECRET = "s3cr%t/word"


@pytest.fixture
def model(tmp_path: Path) -> StreamModel:
    return StreamModel.load(make_detector_case(tmp_path / "use-cases"))


def test_a_file_is_repeated_and_counted(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reds: list[int] = []
    seen = StreamModel.seen

    def noted(self: StreamModel, images: Sequence[DecodedImage]) -> list[Detections | InputError]:
        (found,) = seen(self, images)
        assert not isinstance(found, InputError)
        reds.append(int((found.labels == 0).sum()))
        return [found]

    monkeypatch.setattr(StreamModel, "seen", noted)
    make_clip(tmp_path / "clip.mp4", frames=20, rate=20)
    out = tmp_path / "out"
    health, _ = run(model, f"loop:{tmp_path / 'clip.mp4'}", out, until=lambda now: now.analysed >= 30)
    assert health.analysed >= 30  # more than the file holds
    assert health.connections >= 2
    assert health.received - health.analysed - health.dropped in (0, 1)  # one may wait at the end
    rows = counted(out)
    assert sum(int(row["n_pictures"]) for row in rows if row["taxon"] == "red") == health.analysed
    assert {row["taxon"] for row in rows} == {"red", "blue", "green"}
    assert {row["max_n"] for row in rows if row["taxon"] == "green"} == {"0"}
    assert max(int(row["max_n"]) for row in rows if row["taxon"] == "red") == max(reds) >= 1
    assert {row["camera"] for row in rows} == {"cam1"}
    with av.open(str(out / "live.m3u8")) as stream:
        # Of a stream that is long because the machine is slow, the oldest pictures are gone.
        assert 0 < sum(1 for _ in stream.decode(video=0)) <= health.analysed - health.not_streamed
    assert (out / "latest.jpg").read_bytes()[:2] == b"\xff\xd8"
    status = json.loads((out / "status.json").read_text())
    assert status["state"] == "stopped"
    last = [row for row in rows if row["interval_start"] == status["counted"]["interval_start"]]
    shown = {one["taxon"]: one for one in status["counted"]["taxa"]}
    assert {row["taxon"]: (f"{shown[row['taxon']]['mean']:.4f}", str(shown[row["taxon"]]["max_n"])) for row in last} == {
        row["taxon"]: (row["detections_per_picture_mean"], row["max_n"]) for row in last
    }  # fmt: skip
    assert status["counted"]["n_pictures"] == int(last[0]["n_pictures"])
    assert "dropped for newer ones" in status["words"]


def test_a_slow_model_sees_the_newest_frame_and_the_others_are_counted(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is as slow as it takes for ten further frames to come; how long that is does not matter."""
    taken: list[tuple[int, int]] = []
    ten_more = threading.Event()
    take, put, seen = Newest.take, Newest.put, StreamModel.seen

    def noted_take(self: Newest, timeout_s: float) -> LiveFrame | None:
        with self._here:  # no frame comes between the two
            frame = take(self, timeout_s)
            if frame is not None:
                ten_more.clear()
                taken.append((frame.number, self.received))
        return frame

    def noted_put(self: Newest, image: av.VideoFrame, turn: int) -> None:
        with self._here:
            put(self, image, turn)
            if taken and self.received >= taken[-1][0] + 10:
                ten_more.set()

    def slow(self: StreamModel, images: Sequence[DecodedImage]) -> list[Detections | InputError]:
        assert ten_more.wait(60)
        return seen(self, images)

    monkeypatch.setattr(Newest, "take", noted_take)
    monkeypatch.setattr(Newest, "put", noted_put)
    monkeypatch.setattr(StreamModel, "seen", slow)
    make_clip(tmp_path / "clip.mp4", frames=40, rate=30)
    source, out = f"loop:{tmp_path / 'clip.mp4'}", tmp_path / "out"
    health, _ = run(model, source, out, until=lambda now: now.analysed >= 6)
    assert health.analysed == len(taken) >= 6
    assert all(number == newest for number, newest in taken), "never an older frame than the newest one"
    assert all(after >= before + 10 for (before, _), (after, _) in pairwise(taken))
    passed_over = sum(after - before - 1 for (before, _), (after, _) in pairwise([(0, 0), *taken]))
    # Of the frames that came after the last one that was taken, one waits and the others were dropped.
    assert health.dropped == passed_over + health.received - taken[-1][0] - 1
    assert health.longest_lag_s is not None


def test_a_camera_is_read_and_connected_to_again(model: StreamModel, tmp_path: Path) -> None:
    with RtspCamera(rate=100, hang_up_after=60) as camera:
        source, out = f"rtsp://127.0.0.1:{camera.port}/live", tmp_path / "out"
        health, _ = run(model, source, out, until=lambda now: now.connections >= 3 and now.analysed >= 10)
    assert health.analysed >= 10
    assert health.connections >= 3  # of 60 frames each, fewer those that FFmpeg looks at before the first
    assert camera.connections - health.connections in (0, 1)
    assert {row["max_n"] for row in counted(out) if row["taxon"] == "red"} <= {"1", "2"}


def test_no_login_is_shown_anywhere(
    model: StreamModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RtspCamera(login=f"ada:{SECRET}") as camera:
        place = f"rtsp://127.0.0.1:{camera.port}/live"
        source = f"{place}?key={SECRET}"
        health, told = run(
            model, source, tmp_path / "out", until=lambda now: now.analysed >= 3, **{LOGIN: f"ada:{SECRET}"}
        )
        assert health.analysed >= 3
        stop = threading.Event()
        wrong: list[Health] = []

        def tell(one: Health) -> None:
            wrong.append(one)
            if one.problem:
                stop.set()

        address = Address.parse(f"rtsp://eve:wrong-one@127.0.0.1:{camera.port}/live", {})
        run_live(
            model, address, tmp_path / "wrong", LiveOptions(seconds=120, first_wait_s=5), stop=stop, tell=tell
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
    source = "rtsp://127.0.0.1:1/none"
    health, told = run(model, source, tmp_path, until=lambda now: now.state == "waiting", wait=20)
    assert health.analysed == 0
    assert "Connection refused" in health.problem
    assert any(one.state == "waiting" and "It is tried again" in one.words for one in told)


def test_a_camera_that_falls_silent_is_connected_to_again() -> None:
    newest = Newest()
    with RtspCamera(rate=100, hang_up_after=80, silent=True) as camera:
        address = Address.parse(f"rtsp://127.0.0.1:{camera.port}/live", {})
        with Source(address, newest, Limits(), first_wait_s=0.05, silent_s=1.0) as source:
            problems = set()
            until = time.monotonic() + 120
            while source.connections < 3 and time.monotonic() < until:
                problems.add(source.problem)
                time.sleep(0.02)
    assert source.connections >= 3
    assert newest.received > 0
    assert any("silent for 1 s" in problem for problem in problems)
