"""Sampling, intervals, overlapping, time: small parts with known answers."""

import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.brightness import make_use_case
from tests.support.squares import make_clip
from tidelab.catalogue import UseCase
from tidelab.domain.prediction import Detections
from tidelab.science.abundance import abundance
from tidelab.streams import groups as groups_module
from tidelab.streams.clock import start_of
from tidelab.streams.drawing import COLOURS, colour_of, draw, line_width
from tidelab.streams.errors import StreamError
from tidelab.streams.intervals import Intervals
from tidelab.streams.model import StreamModel
from tidelab.streams.overlap import Behind, ahead
from tidelab.streams.reading import Frame, Sound, VideoReader
from tidelab.streams.sampling import Sampling


def test_the_grid_of_sampled_frames_does_not_drift() -> None:
    rule = Sampling(1.0)
    taken = [n for n in range(24 * 1000) if rule.takes(n * 1001 / 24000)]
    # 24,000 frames of 1001/24000 s last 1001 s: one frame for each of the seconds 0 to 1000.
    assert len(taken) == 1001
    assert taken[:3] == [0, 24, 48]
    # Half a second is kept to: 0.5 s is after frame 11 (0.459 s) and before frame 12 (0.5005 s).
    half = Sampling(0.5)
    assert [n for n in range(30) if half.takes(n * 1001 / 24000)] == [0, 12, 24]


def test_after_a_gap_one_frame_is_taken() -> None:
    rule = Sampling(1.0)
    assert [t for t in (0.0, 0.4, 0.9999999, 1.2, 7.3, 7.4, 8.0) if rule.takes(t)] == [
        0.0,
        0.9999999,
        7.3,
        8.0,
    ]
    assert all(Sampling(None).takes(t) for t in (0.0, 0.0, 0.1))


@settings(max_examples=25)
@given(
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    counts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=40, max_size=40),
    offset=st.integers(0, 59),
)
def test_intervals_are_those_of_the_table_of_abundance(
    steps: list[int], counts: list[tuple[int, int]], offset: int
) -> None:
    """Frames go by one at a time here and are a table in memory there: the same figures."""
    seconds = (np.cumsum(steps) + offset).tolist()
    intervals = Intervals(30, 2)
    found = [one for n, at in enumerate(seconds) for one in intervals.add(n, at, np.array(counts[n]))]
    found += list(intervals.finish())
    origin = pd.Timestamp("2026-05-01T00:00:00Z")
    table = abundance(
        pd.DataFrame(
            [
                {"picture_id": n, "picture": n, "camera": "c", "time": origin + pd.Timedelta(seconds=at), "taxon": taxon, "count": counts[n][place], "mean_conf": np.nan}
                for n, at in enumerate(seconds)
                for place, taxon in enumerate(("a", "b"))
            ]
        ),
        "30s",
    )  # fmt: skip
    ours = [
        (origin + pd.Timedelta(seconds=one.start_s), taxon, one.frames, int(one.frames_with[place]), round(float(one.mean_count[place]), 9), int(one.max_n[place]))
        for one in found
        for place, taxon in enumerate(("a", "b"))
    ]  # fmt: skip
    columns = [
        "interval_start",
        "taxon",
        "n_pictures",
        "pictures_with",
        "detections_per_picture_mean",
        "max_n",
    ]
    theirs = [(*row[:4], round(row[4], 9), row[5]) for row in table[columns].itertuples(index=False)]
    assert ours == theirs
    assert all(counts[int(one.max_n_frame[0])][0] == one.max_n[0] for one in found)


def test_reading_ahead_is_bounded_and_ends_with_its_reader() -> None:
    made: list[int] = []
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            for number in range(100):
                made.append(number)
                yield number
        finally:
            ended.set()

    coming = ahead(items(), 2, "test")
    assert [next(coming), next(coming)] == [0, 1]
    time.sleep(0.3)
    assert len(made) <= 2 + 2 + 1  # taken, waiting, in the hand
    coming.close()
    assert ended.is_set()


def test_what_a_thread_raises_is_raised_here() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise StreamError("torn")

    with pytest.raises(StreamError, match="torn"):
        list(ahead(broken(), 1, "test"))

    def work(item: int) -> None:
        if item == 2:
            raise StreamError("full")

    def hand_over(items: range, depth: int) -> None:
        with Behind(work, depth, "test") as going:
            for item in items:
                going.put(item)

    for items, depth in ((range(50), 1), (range(2, 3), 5)):
        with pytest.raises(StreamError, match="full"):
            hand_over(items, depth)


def test_who_offers_never_waits() -> None:
    go = threading.Event()
    with Behind[int](lambda _: go.wait() and None, 1, "test") as going:
        taken = [going.offer(n) for n in range(5)]
        go.set()
    assert taken[0]
    assert not all(taken)


@pytest.mark.parametrize(
    ("name", "created", "given", "zone", "expected"),
    [
        ("cam1_2026-05-01T12-00-00Z.mp4", "", "", "", ("2026-05-01T12:00:00+00:00", "file-name")),
        ("2026-05-01_120000.mp4", "", "", "", (None, "unknown")),
        ("2026-05-01_120000.mp4", "", "", "Europe/Madrid", ("2026-05-01T10:00:00+00:00", "file-name")),
        ("dive.mp4", "2026-05-01T12:00:00.000000Z", "", "", ("2026-05-01T12:00:00+00:00", "container")),
        ("dive.mp4", "1904-01-01T00:00:00.000000Z", "", "", (None, "unknown")),
        ("dive.mp4", "nonsense", "", "", (None, "unknown")),
        (
            "cam1_2026-05-01T12-00-00Z.mp4",
            "",
            "2026-05-01T14:00:00+02:00",
            "",
            ("2026-05-01T12:00:00+00:00", "given"),
        ),
    ],
)
def test_when_a_video_begins(
    name: str, created: str, given: str, zone: str, expected: tuple[str | None, str]
) -> None:
    start = start_of(Path(name), created, given=given, time_zone=zone)
    assert (start.moment.isoformat() if start.moment else None, start.source) == expected
    later = start.at(1.5)
    assert later is None or start.moment is None or later - start.moment == datetime.timedelta(seconds=1.5)


def test_boxes_lie_on_the_pixels_they_bound(model: StreamModel) -> None:
    pixels = np.zeros((720, 1280, 3), np.uint8)
    found = Detections(
        np.array([[100, 200, 300, 400], [500, 500, 510, 510]], np.float32),
        np.array([0.9, 0.4], np.float32),
        np.array([1, 1], np.int16),
    )
    drawn = draw(pixels, found, model.classes)
    assert line_width(720) == 2
    assert (
        tuple(drawn[300, 100])
        == tuple(drawn[300, 101])
        == tuple(drawn[399, 200])
        == tuple(drawn[300, 299])
        == COLOURS[1]
    )
    assert (
        tuple(drawn[300, 99])
        == tuple(drawn[300, 102])
        == tuple(drawn[400, 200])
        == tuple(drawn[300, 300])
        == (0, 0, 0)
    )
    assert not drawn[505, 495:520].any()  # below its threshold
    assert drawn[190, 105:140].any()  # the name above the box
    dimmed = draw(pixels, found, model.classes, dimmed=True)
    assert tuple(dimmed[300, 100]) == colour_of(1, dimmed=True) != COLOURS[1]
    assert not dimmed[190, 105:140].any()
    assert not dimmed[300, 101].any()
    assert not pixels.any()


def test_only_detectors_count_objects(tmp_path: Path, squares: UseCase) -> None:
    with pytest.raises(StreamError, match="names whole pictures"):
        StreamModel.load(make_use_case(tmp_path / "other"))
    with pytest.raises(StreamError, match="threshold 7"):
        StreamModel.load(squares, threshold=7)


@pytest.mark.parametrize("keep_all", [True, False])
def test_groups_of_frames_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_all: bool
) -> None:
    make_clip(tmp_path / "clip.mp4", frames=60, rate=10, sound=True)
    monkeypatch.setattr(groups_module, "BATCH_PIXELS", 5 * 160 * 120)
    with VideoReader(tmp_path / "clip.mp4", sound=True) as reader:
        found = list(groups_module.groups(reader, Sampling(0.3), threading.Event(), keep_all=keep_all))
    assert sum(group.seen for group in found) == 60
    assert [number for group in found for number in group.sampled] == list(range(0, 60, 3))
    for group in found:
        held = sum(isinstance(item, Frame) for item in group.items)
        # Half a picture for each that is held, a whole one more for each that is analysed.
        assert held / 2 + len(group.sampled) <= 5 + 1.5
        assert keep_all or held == len(group.sampled)
    assert any(isinstance(item, Sound) for group in found for item in group.items) == keep_all
