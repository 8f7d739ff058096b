"""Frames a second of `tidelab video --annotated`, end to end, against a plain loop over the same weights: decode, ``model.predict``, draw, encode.

    .tidelab/envs/torch/bin/python bench/video.py                           # 240 frames of 1280 x 720 px, network at 640 px
    .tidelab/envs/torch/bin/python bench/video.py --weights my.pt --every 0.5 --json out.json

In one process, in turn, several rounds of each:

- ``peer``: ``for frame in video: encode(YOLO(weights).predict(frame, imgsz=640)[0].plot())``, decoded and encoded by PyAV with the settings of
  Tidelab's encoder, the model loaded once, else all its defaults;
- ``annotated``: `tidelab.streams.video.analyse_video` with the annotated video: file hashed, tables with every object from 0.05, statistics,
  thumbnails and embedding of each frame besides;
- ``tables``: the same without the video.

The number of frames in each output is compared with the source's. The machine should be idle; ratios bear other work better than seconds do.
"""

import argparse
import contextlib
import datetime
import io
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
from detection import PEER_PX, SLUG, bundle_of, commit, declare, trained

from tidelab.catalogue import load_usecase
from tidelab.streams.model import StreamModel
from tidelab.streams.video import analyse_video
from tidelab.streams.video_options import VideoOptions
from tidelab.training.synthetic_video import generate_video
from tidelab.training.yolo_setup import import_yolo


def with_peer(model: Any, source: Path, target: Path) -> int:
    """Do it as a first script does; what the peer prints is thrown away."""
    count = 0
    with (
        av.open(str(source)) as video,
        av.open(str(target), "w") as out,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        track = video.streams.video[0]
        track.thread_type = "AUTO"
        made: Any = out.add_stream(
            "libx264", rate=track.average_rate, options={"preset": "veryfast", "crf": "20"}
        )
        made.width, made.height, made.pix_fmt = track.width, track.height, "yuv420p"
        for frame in video.decode(track):
            drawn = model.predict(frame.to_ndarray(format="bgr24"), imgsz=PEER_PX)[0].plot()
            out.mux(made.encode(av.VideoFrame.from_ndarray(drawn, format="bgr24")))
            count += 1
        out.mux(made.encode())
    return count


def measured(ways: dict[str, Callable[[], int]], frames: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Time every way in turn, `rounds` times, after one round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            found = way()
            if found != frames:
                raise SystemExit(f"{name}: {found} frames instead of {frames}")
            if turn:
                rates[name].append(frames / (time.perf_counter() - began))
                work[name].append(1e3 * (time.process_time() - worked) / frames)
    ratios = {
        name: [one / peer for one, peer in zip(rates[name], rates["peer"], strict=True)] for name in ways
    }
    return {
        name: {
            "frames_per_second": round(statistics.median(rates[name]), 2),
            "times_the_peer": round(statistics.median(ratios[name]), 2),
            "least_and_most": [round(min(ratios[name]), 2), round(max(ratios[name]), 2)],
            "processor_ms_per_frame": round(statistics.median(work[name]), 1),
        }
        for name in ways
    }


def frames_in(path: Path) -> int:
    """Count the frames of a video."""
    with av.open(str(path)) as video:
        return sum(1 for _ in video.decode(video=0))


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=Path, help=".pt of ultralytics; by default a short training makes one"
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--every", type=float, help="seconds between analysed frames, for Tidelab alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import_yolo()
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ |= {
            "TIDELAB_DATA": str(place / "data"),
            "TIDELAB_RUNS": str(place / "runs"),
            "TIDELAB_THREADS": str(options.threads),
        }
        weights = options.weights or trained(place / "training", options.epochs)
        case = place / "case" / SLUG
        declare(case, bundle_of(weights, case / "model" / "demo").card.labels)
        model = StreamModel.load(load_usecase(case), "demo", threads=options.threads)
        width, height = (int(side) for side in options.size.split("x"))
        source = generate_video(options.frames, 21, place / "video", size=(width, height), fps=24)
        peer = YOLO(str(weights))

        def ours(*, annotated: bool) -> int:
            asked = VideoOptions(every_s=options.every, annotated=annotated)
            return analyse_video(model, source, place / f"out-{annotated}", asked).frames

        ways = {
            "peer": lambda: with_peer(peer, source, place / "peer.mp4"),
            "annotated": lambda: ours(annotated=True),
            "tables": lambda: ours(annotated=False),
        }
        report = {
            "date": datetime.date.today().isoformat(), "commit": commit(), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "runtime": model.predictor.runtime, "threads": options.threads, "network_px": PEER_PX, "video": f"{options.size}, {options.frames} frames",
            "every_s": options.every, "rounds": options.rounds, "speed": measured(ways, options.frames, options.rounds),
            "load_average": round(os.getloadavg()[0], 1),
        }  # fmt: skip
        written = {frames_in(place / name) for name in ("out-True/annotated.mp4", "peer.mp4")}
        if written != {options.frames}:
            raise SystemExit(f"The written videos have {written} frames instead of {options.frames}")
        text = json.dumps(report, indent=1)
        print(text)
        if options.json:
            options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
