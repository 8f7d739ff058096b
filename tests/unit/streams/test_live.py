"""Parts of a live analysis: addresses without logins, the newest frame, rates, the stream."""

import csv
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.squares import make_clip
from tidelab.streams.errors import StreamError
from tidelab.streams.intervals import Interval
from tidelab.streams.live.address import Address
from tidelab.streams.live.counts import append_interval
from tidelab.streams.live.newest import Newest, Rate
from tidelab.streams.live.running import LiveOptions, run_live
from tidelab.streams.model import StreamModel

SECRET = "s3cr%t/word"


def test_segments_are_bounded(tmp_path: Path) -> None:
    from tests.support.squares import moving, picture
    from tidelab.streams.live.hls import HlsWriter

    (tmp_path / "segment-00000099.ts").write_bytes(b"of an earlier stream")
    with HlsWriter(tmp_path, 161, 121) as stream:
        for number in range(400):
            stream.add(picture(moving(number % 40), (161, 121)), number / 10)
    segments = sorted(path.name for path in tmp_path.glob("segment-*"))
    playlist = (tmp_path / "live.m3u8").read_text()
    assert playlist.count(".ts") == 6
    assert len(segments) <= 6 + 3
    assert segments[-1] in playlist
    assert playlist.count("#EXTINF:2.0") >= 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://a.example/x",
        "udp://239.0.0.1",
        "udp://ada:s3cr%t@239.0.0.1",
        "http://",
        "rtsp://",
        "rtsp://ada:s3cr%t@[",
        "loop:/none.mp4",
        "file:///etc/passwd",
        "rtsp://ada:s3cr%t@host:port/x",
        "ada:s3cr%t@host",
    ],
)
def test_what_is_no_source_is_told_without_its_login(text: str) -> None:
    with pytest.raises(StreamError) as told:
        Address.parse(text, {})
    assert "Expected loop:FILE" in str(told.value)
    assert "s3cr" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://10.0.0.7:554/user=admin&password=s3cr%t&channel=1", "rtsp://10.0.0.7:554/…"),
        (
            "rtsp://10.0.0.7/user=admin_password=s3cr%t_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.7/…?…",
        ),
        ("rtsp://10.0.0.7/live/password%3Ds3cr%25t/0", "rtsp://10.0.0.7/live/…/0"),
        ("rtsp://10.0.0.7/admin:s3cr%t/ch1", "rtsp://10.0.0.7/…/ch1"),
        ("rtsp://ada:12/s3cr%t@10.0.0.7/live", "rtsp://ada/…/live"),
        ("rtsp://ada:12#s3cr%t@10.0.0.7/live", "rtsp://ada"),
        ("rtsps://[fe80::1]:322/Streaming/Channels/101", "rtsps://[fe80::1]:322/Streaming/Channels/101"),
    ],
)
def test_a_password_in_the_path_is_not_shown_and_still_sent(text: str, shown: str) -> None:
    address = Address.parse(text, {})
    assert address.shown == shown
    assert "s3cr" not in repr(address)
    assert address.target == text.partition("#")[0]


def test_the_newest_frame_replaces_the_one_before() -> None:
    newest = Newest()
    for number in range(5):
        newest.put(av.VideoFrame(2, 2, "rgb24"), number)
    frame = newest.take(0)
    assert frame is not None
    assert (frame.number, frame.turn, newest.received, newest.dropped) == (5, 4, 5, 4)
    assert newest.take(0.01) is None


def test_rates_are_of_the_last_ten_seconds() -> None:
    rate = Rate()
    for at in range(100):
        rate.note(at / 10)
    assert rate.now(9.9) == pytest.approx(100 / 9.9)
    assert rate.now(15.0) == pytest.approx(4.9)
    assert rate.now(100.0) == 0


def test_one_live_analysis_a_folder(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=20, rate=20)
    address = Address.parse(f"loop:{tmp_path / 'clip.mp4'}", {})
    stop = threading.Event()
    first = threading.Thread(
        target=run_live, args=(model, address, tmp_path / "out", LiveOptions()), kwargs={"stop": stop}
    )
    first.start()
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "out" / "status.json").exists() and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises(StreamError, match="Another live analysis"):
            run_live(model, address, tmp_path / "out", LiveOptions())
    finally:
        stop.set()
        first.join()


def test_a_torn_line_of_counts_is_cut_off_and_the_header_stands_once(
    model: StreamModel, tmp_path: Path
) -> None:
    interval = Interval(
        1_777_636_800.0,
        60.0,
        4,
        np.array([2, 0, 1]),
        np.array([2, 0, 1]),
        np.zeros(3, np.int64),
        np.array([0.75, 0.0, 0.25]),
    )
    path = append_interval(tmp_path, model, interval, "=cam", 58.0, 100)
    assert path.name == "counts-2026-05-01.csv"
    whole = path.read_text()
    path.write_text(whole + "2026-05-01T12:01:00Z,60,torn")
    append_interval(tmp_path, model, interval, "cam", 58.0, 100)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    assert [row["taxon"] for row in rows[:3]] == ["red", "blue", "green"]
    assert rows[0] == {
        "interval_start": "2026-05-01T12:00:00Z", "interval_s": "60", "covered_s": "58.0", "camera": "'=cam", "taxon": "red", "aphia_id": "127160",
        "n_pictures": "4", "pictures_with": "2", "detections_per_picture_mean": "0.7500", "max_n": "2", "frames_received": "100",
        "model": "squares-case (demo)", "conf_thr": "0.5",
    }  # fmt: skip
