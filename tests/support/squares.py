"""A use case whose detector finds red and blue squares, and clips of such squares: exact truth, no training, nothing of ONNX."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import yaml
from PIL import Image

from tests.support.brightness import declaration
from tidelab.catalogue import UseCase, load_usecase
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.models import write_bundle

LABELS = ("red", "blue", "green")
COLOURS = {"red": (220, 20, 20), "blue": (20, 20, 220), "green": (20, 200, 20)}

PREDICTOR = '''
"""Finds squares by their colour; the score is 0.9, or 0.3 for small ones."""
import time
import numpy as np
from scipy import ndimage
from tidelab.domain.prediction import Detections, Prediction

HOLD_AFTER = 60

class Squares:
    INFERENCE_VERSION = "1"
    SOURCES = ("squares",)
    runtime = "numpy " + np.__version__

    def __init__(self, bundle, threads=None):
        self.folder = bundle.folder.parent.parent  # and not this file's: a module is imported once
        with (self.folder / "loads.txt").open("a") as stream:
            stream.write("load\\n")

    def predict(self, images):
        with (self.folder / "calls.txt").open("a") as stream:
            stream.writelines(image.image_id + "\\n" for image in images)
        delay = self.folder / "delay"
        if delay.exists():
            time.sleep(float(delay.read_text()) * len(images))
        # After so many pictures it waits until the file is gone.
        hold = self.folder / "hold"
        while hold.exists() and len((self.folder / "calls.txt").read_text().split()) >= HOLD_AFTER:
            time.sleep(0.01)
        return [self._one(image.pixels) for image in images]

    def _one(self, pixels):
        if pixels.shape[1] == 26:
            raise RuntimeError("twenty-six columns")
        found = []
        high, low = pixels > 140, pixels < 110
        for label, channel in enumerate((0, 2, 1)):
            others = [one for one in range(3) if one != channel]
            mask = high[:, :, channel] & low[:, :, others[0]] & low[:, :, others[1]]
            for rows, columns in ndimage.find_objects(ndimage.label(mask)[0]):
                side = min(rows.stop - rows.start, columns.stop - columns.start)
                if side >= 4:
                    found.append((0.9 if side >= 16 else 0.3, label, columns.start, rows.start, columns.stop, rows.stop))
        found.sort(key=lambda one: (-one[0], one[2:]))
        table = np.array(found, np.float32).reshape(-1, 6)
        best = np.zeros(3, np.float32)
        np.maximum.at(best, table[:, 1].astype(int), table[:, 0])
        seen = Detections(table[:, 2:].copy(), table[:, 0].copy(), table[:, 1].astype(np.int16))
        return Prediction(best, np.zeros(2, np.float32), {"mean": float(pixels.mean())}, b"", seen)
'''


@dataclass(frozen=True)
class Square:
    """A square that is `label`, with its upper left corner at (x, y)."""

    label: str
    x: int
    y: int
    side: int = 24


def make_detector_case(parent: Path, slug: str = "squares-case") -> UseCase:
    """Make the whole folder of a use case that counts squares."""
    folder = parent / slug
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "squares.py").write_text(PREDICTOR)
    given = declaration(slug)
    given["task"] = {"kind": "object-detection", "predictor": "squares:Squares"}
    given["labels"] = [
        {"name": "red", "title": "Red square", "kind": "taxon", "rank": "Species", "aphia_id": 127160},
        {"name": "blue", "kind": "taxon", "rank": "Species"},
        {"name": "green", "kind": "morphotype"},
    ]
    given["notebooks"]["analyse"]["parameters"]["threshold"]["default"] = None  # type: ignore[index]  # those of the card
    (folder / "usecase.yaml").write_text(yaml.safe_dump(given))
    (folder / "analyse.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    (folder / "sample").mkdir()
    Image.fromarray(picture(moving(15))).save(folder / "sample" / "squares.png")
    card = ModelCard(
        name=slug, title="Squares", use_case=slug, labels=LABELS, input=InputSpec(kind="image"), embedding_dim=2,
        detection=DetectionSpec(thresholds={"red": 0.5, "blue": 0.5}), framework="numpy", demo=True, created="2026-01-01T00:00:00Z",
    )  # fmt: skip
    write_bundle(folder / "model" / "demo", card, {"model.onnx": b"not used"})
    return load_usecase(folder)


def picture(
    squares: Sequence[Square], size: tuple[int, int] = (160, 120), grey: int = 70
) -> npt.NDArray[np.uint8]:
    """Return a grey picture (height, width, 3) with squares."""
    pixels = np.full((size[1], size[0], 3), grey, np.uint8)
    for one in squares:
        pixels[one.y : one.y + one.side, one.x : one.x + one.side] = COLOURS[one.label]
    return pixels


def moving(frame: int) -> list[Square]:
    """Return the squares of a frame of the standard clip: red goes right; blue is there in frames 10 to 19; two reds in frame 15."""
    found = [Square("red", 4 + 2 * (frame % 40), 20)]
    found += [Square("blue", 110, 80)] if 10 <= frame < 20 else []
    return found + ([Square("red", 20, 80)] if frame == 15 else [])


def video_frame(pixels: npt.NDArray[np.uint8], number: int, rate: int) -> av.VideoFrame:
    """Return a picture as frame `number` of a video of `rate` frames a second."""
    image = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    image.pts, image.time_base = number, Fraction(1, rate)
    return image


def make_clip(
    path: Path,
    frames: int = 30,
    *,
    rate: Fraction | int = Fraction(24000, 1001),
    steps: Sequence[int] = (),
    size: tuple[int, int] = (160, 120),
    sound: bool = False,
    turned: int = 0,
    options: dict[str, Any] | None = None,
) -> list[list[Square]]:
    """Write a clip of :func:`moving` and return its truth.

    Parameters
    ----------
    path
        The ending says the container.
    frames, rate, size
        Of the clip.
    steps
        Milliseconds from frame to frame, repeated: a variable frame rate.
    sound
        Add an AAC track.
    turned
        Degrees of the display matrix.
    options
        Of the encoder.
    """
    truth = [moving(frame) for frame in range(frames)]
    codec = "mpeg4" if path.suffix == ".avi" else "libx264"
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(
            codec,
            rate=rate,
            options=options or ({} if codec == "mpeg4" else {"crf": "12", "preset": "ultrafast"}),
        )
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        if codec == "mpeg4":
            video.bit_rate = 4_000_000
        base = Fraction(1, 1000) if steps else 1 / Fraction(rate)
        video.codec_context.time_base = base
        if turned:
            video.set_display_rotation(turned)
        audio: Any = out.add_stream("aac", rate=44_100) if sound else None
        if audio:
            audio.layout = "mono"
        ticks = 0
        for number, squares in enumerate(truth):
            image = av.VideoFrame.from_ndarray(picture(squares, size), format="rgb24")
            image.pts, image.time_base = ticks, base
            ticks += steps[number % len(steps)] if steps else 1
            out.mux(video.encode(image))
        out.mux(video.encode())
        if audio:
            _add_sound(out, audio, float(ticks * base))
    return truth


def _add_sound(out: Any, audio: Any, seconds: float) -> None:
    wave = (np.sin(np.arange(1024) / 20) * 0.3).astype(np.float32)[None]
    for block in range(int(seconds * 44_100 / 1024)):
        sound = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        sound.rate, sound.pts = 44_100, block * 1024
        out.mux(audio.encode(sound))
    out.mux(audio.encode())


def times_of(path: Path) -> list[Fraction]:
    """Return the presentation time of every frame, in seconds since the first."""
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        found = [Fraction(frame.pts) * Fraction(frame.time_base) for frame in container.decode(track)]
    return [one - found[0] for one in found]


def frames_of(path: Path) -> list[npt.NDArray[np.uint8]]:
    """Return every frame as RGB, not turned."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]  # type: ignore[misc]
