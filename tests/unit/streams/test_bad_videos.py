"""Videos that are none, are damaged, or would make the program open something else: each is told in a sentence, none ends in a traceback."""

import contextlib
import http.server
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.squares import make_clip
from tidelab.runs.limits import Limits
from tidelab.streams.errors import StreamError
from tidelab.streams.model import StreamModel
from tidelab.streams.opening import opened
from tidelab.streams.reading import Frame, VideoReader
from tidelab.streams.video import analyse_video
from tidelab.streams.video_options import VideoOptions


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("a.mp4", "a.mkv", "a.ts", "a.avi"):
        make_clip(folder / name, frames=20, rate=10)
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", "The file is empty"),
        ("text.mp4", b"no video at all, " * 50, "cannot be opened as a video"),
        ("sound.wav", b"RIFF" + bytes(60), "cannot be opened as a video"),
        ("=cmd.mp4", b"x", "./=cmd.mp4"),
        ("new\nline.mp4", b"x", r"new\x0aline.mp4"),
    ],
)
def test_what_is_no_video_is_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StreamError) as told, VideoReader(tmp_path / name):
        pass
    assert words in str(told.value)
    assert "Traceback" not in str(told.value)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "none.mp4", tmp_path, tmp_path / "pipe.mp4"):
        with pytest.raises(StreamError, match="cannot be read"), VideoReader(path):
            pass


@pytest.mark.parametrize("suffix", [".m3u8", ".mp4", ".mpd", ".txt", ".sdp"])
def test_a_playlist_opens_no_address_and_no_other_file(tmp_path: Path, suffix: str) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    make_clip(tmp_path / "private.ts", frames=5)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/x.ts"
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n",
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path / 'private.ts'}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{tmp_path / 'private.ts'}'\n",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        ):
            (tmp_path / f"list{suffix}").write_text(text)
            with pytest.raises(StreamError), VideoReader(tmp_path / f"list{suffix}"):
                pass
        server.shutdown()
    assert not asked


def test_too_large_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    make_clip(tmp_path / "large.mp4", frames=2, size=(1920, 1080))
    with (
        pytest.raises(StreamError, match="at most 1 million are read"),
        opened(tmp_path / "large.mp4", Limits(megapixels=1)),
    ):
        pass


@pytest.mark.parametrize(("suffix", "share"), [(".mkv", 0.6), (".ts", 0.6), (".avi", 0.85)])
def test_a_cut_file_gives_its_part(
    model: StreamModel, tmp_path: Path, clips: dict[str, bytes], suffix: str, share: float
) -> None:
    path = tmp_path / f"half{suffix}"
    path.write_bytes(clips[suffix][: int(len(clips[suffix]) * share)])
    result = analyse_video(model, path, tmp_path / "out", VideoOptions(annotated=True))
    assert 0 < result.frames < 20
    assert (tmp_path / "out" / "annotated.mp4").exists()
    # An AVI declares its frames, and the others nothing that a cut would contradict.
    assert result.complete == (suffix != ".avi")


def test_a_copy_that_stopped_half_way_is_said_to_be_a_part(model: StreamModel, tmp_path: Path) -> None:
    """An MP4 for the web has its table of frames in front, so that a half copy opens."""
    make_clip(tmp_path / "whole.mp4", frames=60)
    analyse_video(model, tmp_path / "whole.mp4", tmp_path / "web", VideoOptions(annotated=True))
    content = (tmp_path / "web" / "annotated.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(content[: len(content) // 2])
    result = analyse_video(model, tmp_path / "half.mp4", tmp_path / "out", VideoOptions())
    assert not result.complete
    assert 0 < result.frames < 60
    assert "A part of the video" in result.words


@settings(max_examples=60)
@given(suffix=st.sampled_from([".mp4", ".mkv", ".ts", ".avi"]), data=st.data())
def test_changed_bytes_never_end_in_a_traceback(
    clips: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    content = bytearray(clips[suffix])
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(content) // 3, len(content)))
    path = tmp_path_factory.mktemp("changed") / f"a{suffix}"
    path.write_bytes(bytes(content[:cut]))
    frames: list[Frame] = []
    # Anything but a sentence fails the test.
    with contextlib.suppress(StreamError), VideoReader(path, Limits(megapixels=2), sound=True) as reader:
        frames = [item for item in reader.items() if isinstance(item, Frame)]
    ticks = [frame.ticks for frame in frames]
    assert ticks == sorted(set(ticks))
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_frames_the_model_cannot_use_have_no_counts(model: StreamModel, tmp_path: Path) -> None:
    make_clip(tmp_path / "narrow.mp4", frames=4, size=(26, 64))
    result = analyse_video(model, tmp_path / "narrow.mp4", tmp_path / "out", VideoOptions(annotated=True))
    assert (result.frames, result.analysed, result.refused) == (4, 0, 4)
    lines = (tmp_path / "out" / "frames.csv").read_text().splitlines()
    assert lines[1] == "0,0.000000,,refused,,,,"
    assert (tmp_path / "out" / "counts.csv").read_text().count("\n") == 1
    assert "could not be used by the model" in result.notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (VideoOptions(every_s=-1), "every_s = -1"),
        (VideoOptions(interval_s=0), "An interval of 0 s"),
        (VideoOptions(start="yesterday"), "--start 'yesterday' is no time"),
        (VideoOptions(start="2026-05-01T12:00:00"), "says no time zone"),
        (VideoOptions(time_zone="Atlantis"), "--time-zone 'Atlantis'"),
    ],
)
def test_options_that_make_no_sense_are_told(
    model: StreamModel, tmp_path: Path, options: VideoOptions, words: str
) -> None:
    make_clip(tmp_path / "clip.mp4", frames=3)
    with pytest.raises(StreamError, match=words.replace("(", r"\(")):
        analyse_video(model, tmp_path / "clip.mp4", tmp_path / "out", options)
