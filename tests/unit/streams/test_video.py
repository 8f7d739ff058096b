"""A video in, tables and the annotated video out: against clips whose every frame is known."""

import csv
import json
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.squares import Square, frames_of, make_clip, moving, picture, times_of
from tidelab.streams.drawing import COLOURS
from tidelab.streams.errors import StreamError
from tidelab.streams.model import StreamModel
from tidelab.streams.video import analyse_video
from tidelab.streams.video_options import VideoOptions, VideoProgress


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def counted(truth: list[Square], label: str) -> str:
    return str(sum(one.label == label for one in truth))


def test_every_frame_is_counted_and_zeros_are_rows(model: StreamModel, tmp_path: Path) -> None:
    truth = make_clip(tmp_path / "clip.mp4")
    told: list[VideoProgress] = []
    result = analyse_video(
        model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions(), progress=told.append
    )
    assert (result.frames, result.analysed, result.complete) == (30, 30, True)
    frames = rows(tmp_path / "out" / "frames.csv")
    assert [row["frame"] for row in frames] == [str(n) for n in range(30)]
    for label in ("red", "blue", "green"):
        assert [row[f"count_{label}"] for row in frames] == [counted(squares, label) for squares in truth]
    assert frames[24]["time_s"] == "1.001000"  # 24 frames of 1001/24000 s
    assert told[-1].frames == 30
    assert told[-1].expected == 30
    assert (model.use_case.folder / "loads.txt").read_text().split() == ["load"]


def test_objects_have_their_boxes(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions())
    blue = [row for row in rows(tmp_path / "out" / "detections.csv") if row["label"] == "blue"]
    assert [row["frame"] for row in blue] == [str(n) for n in range(10, 20)]
    for row in blue:
        box = [float(row[name]) for name in ("x_min_px", "y_min_px", "width_px", "height_px")]
        assert np.abs(np.array(box) - [110, 80, 24, 24]).max() <= 2
        assert row["above_threshold"] == "yes"
        assert row["aphia_id"] == ""
        assert row["picture"] == f"clip.mp4@{row['frame']}"


def test_intervals_hold_max_n_and_means_and_no_sums(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", rate=10)
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions(interval_s=2))
    found = {(row["interval_start_s"], row["taxon"]): row for row in rows(tmp_path / "out" / "counts.csv")}
    red = found["0.000", "red"]
    assert (red["n_pictures"], red["max_n"], red["max_n_frame"], red["detections_per_picture_mean"]) == (
        "20",
        "2",
        "15",
        "1.0500",
    )
    assert found["0.000", "blue"]["detections_per_picture_mean"] == "0.5000"
    assert (found["2.000", "blue"]["max_n"], found["2.000", "blue"]["n_pictures"]) == ("0", "10")
    assert red["aphia_id"] == "127160"
    assert red["interval_start"] == ""


def test_times_come_from_the_file_name_and_intervals_begin_with_the_clock(
    model: StreamModel, tmp_path: Path
) -> None:
    clip = tmp_path / "cam1_2026-05-01T12-00-59Z.mp4"
    make_clip(clip, rate=10)
    analyse_video(model, clip, tmp_path / "out", VideoOptions(interval_s=60))
    assert [row["interval_start"] for row in rows(tmp_path / "out" / "counts.csv")][::3] == [
        "2026-05-01T12:00:00.000Z",
        "2026-05-01T12:01:00.000Z",
    ]
    assert rows(tmp_path / "out" / "frames.csv")[5]["time"] == "2026-05-01T12:00:59.500Z"
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["time"] == {"start": "2026-05-01T12:00:59.000Z", "source": "file-name"}


@pytest.mark.parametrize(
    ("name", "steps"),
    [("a.mp4", ()), ("b.mp4", (33, 50, 100)), ("c.mkv", (40, 40, 200)), ("d.avi", ()), ("e.ts", ())],
)
def test_the_annotated_video_has_the_frames_and_times_of_its_source(
    model: StreamModel, tmp_path: Path, name: str, steps: tuple[int, ...]
) -> None:
    make_clip(
        tmp_path / name,
        steps=steps,
        rate=25 if name == "d.avi" else Fraction(24000, 1001),
        sound=name in ("a.mp4", "e.ts"),
    )
    result = analyse_video(
        model, tmp_path / name, tmp_path / "out", VideoOptions(annotated=True, every_s=0.3)
    )
    written = tmp_path / "out" / "annotated.mp4"
    assert result.frames == 30
    assert times_of(written) == times_of(tmp_path / name)
    with av.open(str(written)) as out, av.open(str(tmp_path / name)) as source:
        ours, theirs = out.streams.video[0], source.streams.video[0]
        assert (ours.width, ours.height) == (theirs.width, theirs.height)
        if name == "a.mp4":
            assert ours.average_rate == theirs.average_rate == Fraction(24000, 1001)
            assert ours.duration * ours.time_base == theirs.duration * theirs.time_base
        heard = [
            sum(packet.size for packet in one.demux(audio=0) if packet.dts is not None)
            for one in (out, source)
            if one.streams.audio
        ]
    assert len(heard) == (2 if name in ("a.mp4", "e.ts") else 0)
    # MPEG-TS wraps each AAC packet in a header of 7 bytes, which MP4 does without.
    assert not heard or heard[0] == heard[1] or name == "e.ts"


def test_boxes_are_seen_where_they_belong(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", size=(320, 240))
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions(annotated=True))
    frames = frames_of(tmp_path / "out" / "annotated.mp4")
    # The left edge of the blue square at (110, 80), and a pixel of the grey beside it.
    for number in (10, 19):
        assert np.abs(frames[number][92:100, 111].astype(int).mean(0) - COLOURS[1]).max() < 60
    assert np.abs(frames[20][92:100, 111].astype(int) - 70).max() < 20
    assert np.abs(frames[10][150, 200].astype(int) - 70).max() < 10


@pytest.mark.parametrize("between", ["last", "none"])
def test_frames_in_between_have_dimmed_boxes_or_none(
    model: StreamModel, tmp_path: Path, between: str
) -> None:
    make_clip(tmp_path / "clip.mp4", rate=10)
    options = VideoOptions(annotated=True, every_s=1.2, between=between)  # type: ignore[arg-type]
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", options)
    frames = frames_of(tmp_path / "out" / "annotated.mp4")
    # Frame 12 is analysed and sees blue; frame 21 shows no blue square any more.
    edge = frames[21][90:98, 110].astype(int).mean(0)
    grey = np.abs(edge - 70).max() < 12
    assert grey == (between == "none")
    if between == "last":
        assert np.abs(edge - COLOURS[1]).max() > 40


def test_a_turned_video_is_analysed_and_written_upright(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", turned=-90)
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions(annotated=True))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["video"]["width_px"], summary["video"]["height_px"]) == (120, 160)
    blue = next(row for row in rows(tmp_path / "out" / "detections.csv") if row["label"] == "blue")
    # Clockwise: (x, y) of a 160 x 120 picture goes to (120 - y, x).
    assert abs(float(blue["x_min_px"]) - (120 - 104)) <= 2
    assert abs(float(blue["y_min_px"]) - 110) <= 2
    with av.open(str(tmp_path / "out" / "annotated.mp4")) as out:
        image = next(out.decode(video=0))
        assert (image.width, image.height, image.rotation) == (120, 160, 0)


def test_a_stopped_analysis_is_a_finished_part(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=120)
    stop = threading.Event()
    result = analyse_video(
        model,
        tmp_path / "clip.mp4",
        tmp_path / "out",
        VideoOptions(annotated=True),
        stop=stop,
        progress=lambda _: stop.set(),
    )
    assert not result.complete
    assert 0 < result.frames < 120
    assert "A part of the video: stopped on request" in result.words
    assert (
        len(frames_of(tmp_path / "out" / "annotated.mp4"))
        == result.frames
        == len(rows(tmp_path / "out" / "frames.csv"))
    )
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["complete"] is False


def test_what_others_wrote_is_not_overwritten(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "frames.csv").write_text("mine")
    with pytest.raises(StreamError, match="--force"):
        analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions())
    assert (tmp_path / "out" / "frames.csv").read_text() == "mine"
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions(force=True))
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions())
    assert sorted(one.name for one in (tmp_path / "out").iterdir() if not one.name.startswith(".")) == [
        "counts.csv", "detections.csv", "frames.csv", "summary.json",
    ]  # fmt: skip


@pytest.mark.parametrize(("matrix", "span"), [(0, 0), (1, 1), (1, 2), (5, 2), (9, 1)])
def test_colours_are_the_same_with_and_without_boxes(
    model: StreamModel, tmp_path: Path, matrix: int, span: int
) -> None:
    """Frames that were drawn on went through RGB and back, the others did not: both have the colours of the source."""
    coloured(tmp_path / "clip.mp4", matrix, span)
    options = VideoOptions(annotated=True, every_s=1.5, between="none")
    analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", options)
    theirs, ours = frames_of(tmp_path / "clip.mp4"), frames_of(tmp_path / "out" / "annotated.mp4")
    for number in (0, 5):  # with a box, without
        patch = slice(80, 100), slice(20, 40)
        assert np.abs(ours[number][patch].astype(int) - theirs[number][patch]).max() <= 6


def test_colours_without_a_rule_are_told(model: StreamModel, tmp_path: Path) -> None:
    coloured(tmp_path / "clip.mp4", 8, 1)  # YCgCo, for which FFmpeg has none
    with pytest.raises(StreamError, match="cannot be turned into RGB"):
        analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", VideoOptions())


def coloured(path: Path, matrix: int, span: int) -> None:
    """Write the standard clip with a coloured patch, and say what its colours mean."""
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream("libx264", rate=10, options={"crf": "5"})
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        if matrix:
            track.codec_context.colorspace, track.codec_context.color_range = matrix, span
        for number in range(20):
            pixels = picture(moving(number))
            pixels[60:, :60] = (30, 120, 200)
            known = matrix if matrix in (1, 5, 9) else None
            image = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            image = image.reformat(format="yuv420p", dst_colorspace=known, dst_color_range=span or None)
            image.pts, image.time_base = number, Fraction(1, 10)
            out.mux(track.encode(image))
        out.mux(track.encode())


def test_sound_that_mp4_may_not_hold_is_copied_into_mkv(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "silent.mp4", frames=20, rate=10)
    with av.open(str(tmp_path / "silent.mp4")) as source, av.open(str(tmp_path / "clip.mkv"), "w") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        sound: Any = out.add_stream("pcm_s16le", rate=8000)
        sound.layout = "mono"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        wave = av.AudioFrame.from_ndarray(
            (np.arange(16_000) % 251).astype(np.int16)[None], format="s16", layout="mono"
        )
        wave.rate, wave.pts = 8000, 0
        out.mux(sound.encode(wave))
        out.mux(sound.encode())
    analyse_video(model, tmp_path / "clip.mkv", tmp_path / "out", VideoOptions(annotated=True))
    assert not (tmp_path / "out" / "annotated.mp4").exists()
    with av.open(str(tmp_path / "out" / "annotated.mkv")) as written:
        heard = np.concatenate([block.to_ndarray().ravel() for block in written.decode(audio=0)])
    assert (heard == np.arange(16_000) % 251).all()
    assert times_of(tmp_path / "out" / "annotated.mkv") == times_of(tmp_path / "clip.mkv")
