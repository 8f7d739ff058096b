"""Pictures with boxes to train and test a detector on: where they lie, what is in them, which part each belongs to."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.splits import PARTS

Boxes = npt.NDArray[np.float32]
Parts = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class BoxedPicture:
    """One picture and the objects in it; none is a statement too.

    Parameters
    ----------
    name
        Relative to the folder that was read, ``/`` between folders.
    file
        Where it lies.
    digest
        sha256 hex of its bytes.
    width, height
        Pixels, EXIF orientation applied.
    boxes
        float32 ``(m, 4)``: x_min, y_min, x_max, y_max in pixels, within the picture.
    truth
        int64 ``(m,)``: class of each box, an index into the labels.
    crowd
        bool ``(m,)``: boxes of many objects at once, which neither count as found nor as missed; empty: none.
    sample_id
        What it was taken together with (camera, deployment, day, video): such pictures resemble each other. Empty: not known.
    part
        ``train``, ``validation`` or ``test`` where the source says so, else empty.
    """

    name: str
    file: Path
    digest: str
    width: int
    height: int
    boxes: Boxes
    truth: npt.NDArray[np.int64]
    crowd: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    sample_id: str = ""
    part: str = ""


@dataclass(frozen=True, eq=False)
class DetectionImages:
    """Pictures with boxes.

    Parameters
    ----------
    labels
        Class names in the order of the model's scores.
    pictures
        Sorted by name.
    aphia_ids
        Label -> AphiaID, where the source says so.
    notes
        What reading left out or changed, in sentences.
    generated
        Whether they are drawings, so that a model of them is a demonstration model.
    """

    labels: tuple[str, ...]
    pictures: tuple[BoxedPicture, ...]
    aphia_ids: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    generated: bool = False

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, chosen: Sequence[int] | npt.NDArray[np.int64]) -> list[BoxedPicture]:
        """Return some pictures."""
        return [self.pictures[int(k)] for k in chosen]

    def counts(self, parts: Parts) -> pd.DataFrame:
        """Return objects per class (rows) and part (columns), and in the last row pictures."""
        table: dict[str, list[object]] = {"label": [*self.labels, "(pictures)"]}
        for part in PARTS:
            rows = np.flatnonzero(parts == part)
            truth = np.concatenate([self.pictures[k].truth for k in rows] or [np.zeros(0, np.int64)])
            table[part] = [*np.bincount(truth, minlength=len(self.labels)).tolist(), len(rows)]
        return pd.DataFrame(table)


def detection_digest(images: DetectionImages, parts: Parts) -> str:
    """Return the data digest of an experiment: which files, with which boxes, in which part.

    Returns
    -------
    str
        ``sha256:<hex>`` over part, digest of the file, classes and boxes (to a hundredth of a pixel) of every picture, in any order.
    """
    lines = [
        f"{part} {one.digest} "
        + " ".join(
            f"{images.labels[int(k)]}@" + ",".join(f"{value:.2f}" for value in box)
            for k, box in zip(one.truth, one.boxes, strict=True)
        )
        for one, part in zip(images.pictures, parts.tolist(), strict=True)
    ]
    return "sha256:" + hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
