"""Generate the pictures of the sample: one camera over two days, with nights, an outage, murky hours, a frozen camera, and the truth.

Run ``PYTHONPATH=notebooks/obsea-fish/src python -m obsea_fish.make_sample OUT``. The animals are those of
`tidelab.training.synthetic_objects`: drawings, not photographs.
"""

import argparse
import csv
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from tidelab.training.synthetic_objects import LABELS, SyntheticPicture, encode, file_name, make_picture
from tidelab.training.synthetic_sea import Conditions

CAMERA: Final = "OBSEA_cam1"
"""Station and camera, as the file names begin."""
SIZE: Final = (320, 240)
START: Final = datetime.datetime(2024, 5, 1, 4, tzinfo=datetime.UTC)
EVERY: Final = datetime.timedelta(minutes=5)
HOURS: Final = 40
OUTAGE: Final = (
    datetime.datetime(2024, 5, 2, 9, 30, tzinfo=datetime.UTC),
    datetime.datetime(2024, 5, 2, 12, tzinfo=datetime.UTC),
)
"""From and before which no picture came."""
MURKY: Final = (
    datetime.datetime(2024, 5, 1, 14, tzinfo=datetime.UTC),
    datetime.datetime(2024, 5, 1, 16, tzinfo=datetime.UTC),
)
_DAYS: Final = (
    datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC),
    datetime.datetime(2024, 5, 2, tzinfo=datetime.UTC),
)
SPOILT: Final = {
    "blurred": (
        _DAYS[0] + datetime.timedelta(hours=8, minutes=20),
        _DAYS[0] + datetime.timedelta(hours=8, minutes=40),
    ),
    "fouled": (_DAYS[1] + datetime.timedelta(hours=7), _DAYS[1] + datetime.timedelta(hours=7, minutes=15)),
    "too-dark": (
        _DAYS[1] + datetime.timedelta(hours=17),
        _DAYS[1] + datetime.timedelta(hours=17, minutes=10),
    ),
}
"""Reason -> from and before which pictures are spoilt in that way: out of focus, a film on the lens, nearly no exposure."""
FROZEN: Final = (
    datetime.datetime(2024, 5, 2, 15, 15, tzinfo=datetime.UTC),
    datetime.datetime(2024, 5, 2, 16, tzinfo=datetime.UTC),
)
"""While it lasts the camera sends the picture that it took before."""
DAY: Final = range(5, 19)
NIGHT_EVERY: Final = 12
"""At night one picture in so many is kept, so that the sample stays small."""
TRUTH: Final = "truth.csv"


@dataclass(frozen=True)
class SamplePicture:
    """One file of the sample: its name, what is drawn, and the reason why it is no good picture (empty: it is good)."""

    name: str
    time: datetime.datetime
    drawn: SyntheticPicture
    spoilt: str

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture as the camera sends it."""
        image = Image.fromarray(self.drawn.pixels)
        if self.spoilt == "blurred":
            image = image.filter(ImageFilter.GaussianBlur(0.02 * image.width))
        values = np.asarray(image, np.float64)
        if self.spoilt == "fouled":
            values = 0.85 * values.mean(axis=(0, 1)) + 0.15 * values
        if self.spoilt == "too-dark":
            values = 0.1 * values
        return values.astype(np.uint8)


def sample_pictures(seed: int) -> Iterator[SamplePicture]:
    """Yield the pictures of the sample in the order of time."""
    before: SyntheticPicture | None = None
    for index in range(HOURS * 12):
        time = START + index * EVERY
        night = time.hour not in DAY
        if OUTAGE[0] <= time < OUTAGE[1] or (night and index % NIGHT_EVERY):
            continue
        frozen = FROZEN[0] <= time < FROZEN[1] and before is not None
        if not frozen:
            conditions: Conditions = "night" if night else "murky" if MURKY[0] <= time < MURKY[1] else "day"
            before = make_picture(
                index,
                seed,
                size=SIZE,
                conditions=conditions,
                mean_objects=_mean(time),
                camera=CAMERA,
                start=START,
                every=EVERY,
            )
        assert before is not None
        reason = next((name for name, (start, end) in SPOILT.items() if start <= time < end), "")
        yield SamplePicture(file_name(CAMERA, time), time, before, "frozen" if frozen else reason)


def write(out: Path, seed: int) -> int:
    """Write the pictures and ``truth.csv`` (one row a picture: conditions and the number of animals drawn); return how many."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for one in sample_pictures(seed):
        (out / one.name).write_bytes(encode(one.pixels(), quality=75))
        tally = [one.drawn.labels.count(label) for label in LABELS]
        rows.append(
            (
                one.name,
                f"{one.time:%Y-%m-%dT%H:%M:%SZ}",
                one.drawn.conditions,
                one.spoilt,
                *tally,
            )
        )
    with (out / TRUTH).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image", "time", "conditions", "spoilt", *LABELS))
        writer.writerows(rows)
    return len(rows)


def _mean(time: datetime.datetime) -> float:
    """Return more animals towards noon."""
    return 5.0 - abs(time.hour + time.minute / 60 - 12) / 2


def main(arguments: list[str] | None = None) -> None:
    """Make the sample from the command line."""
    parser = argparse.ArgumentParser(description="Generate pictures of a camera over two days, with truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args(arguments)
    print(f"{write(given.out, given.seed)} pictures in {given.out}")


if __name__ == "__main__":
    main()
