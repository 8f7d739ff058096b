"""The held-out file of a model: what it said of images whose class is known, and how far they lie from the training classes.

Corrected counts rest on it. It travels in the bundle as ``heldout.npz``, so that a model's errors are never corrected with another
model's. The file holds arrays of plain numbers and text only (no pickle): a bundle may come from someone else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from tidelab.formats.arrays import Arrays, ArraysError, need, read_arrays, save, texts, to_bytes
from tidelab.models.bundle import HELD_OUT as FILE_NAME
from tidelab.models.errors import BundleError
from tidelab.science.class_distance import ClassCentres, Threshold, fit_centres, threshold

MAXIMUM_PER_CLASS: Final = 1000
"""Images of a class that are kept: beyond, a mean is known well enough and the file only grows."""
_MAXIMUM_BYTES: Final = 256 * 2**20
_ARRAYS: Final = {
    "schema_version": ("i", 0), "probabilities": ("f", 2), "truth": ("i", 1), "sample_ids": ("U", 1), "image_ids": ("U", 1),
    "distances": ("f", 1), "centres": ("f", 2), "whitening": ("f", 2),
}  # fmt: skip
"""Name -> kind of number and dimensions."""


class HeldOutError(BundleError):
    """A held-out file that cannot be used; the text says what is wrong with it and what to do."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Images that the model's quality was measured on.

    Parameters
    ----------
    probabilities
        Calibrated, float32 of shape ``(n, k)``, columns in the order of ``card.labels``.
    truth
        Index into ``card.labels``, -1 for a class that the model does not know, shape ``(n,)``.
    sample_ids, image_ids
        One for each image; empty where unknown.
    distances
        From the nearest training class, float32 of shape ``(n,)``.
    centres
        The training classes, to measure new images with.
    """

    probabilities: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]
    sample_ids: tuple[str, ...]
    image_ids: tuple[str, ...]
    distances: npt.NDArray[np.float32]
    centres: ClassCentres

    def __post_init__(self) -> None:
        reason = _fault(self)
        if reason:
            raise HeldOutError(reason)

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def n_classes(self) -> int:
        """Classes of the model."""
        return int(self.probabilities.shape[1])

    @property
    def per_class(self) -> npt.NDArray[np.int64]:
        """Images of each class that the model knows, shape ``(k,)``."""
        return np.bincount(self.truth[self.truth >= 0], minlength=self.n_classes)

    def distance(self, embeddings: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return how far new embeddings ``(n, d)`` lie from the nearest training class, shape ``(n,)``."""
        return self.centres.distance(embeddings)

    def threshold(self, quantile: float) -> Threshold:
        """Return the distance beyond which an image belongs to none of the classes, from the images of known ones."""
        return threshold(self.distances[self.truth >= 0], quantile)

    @classmethod
    def build(
        cls,
        probabilities: npt.ArrayLike,
        truth: npt.ArrayLike,
        embeddings: npt.ArrayLike,
        *,
        training_embeddings: npt.ArrayLike,
        training_labels: npt.ArrayLike,
        sample_ids: Sequence[str] | None = None,
        image_ids: Sequence[str] | None = None,
        maximum_per_class: int = MAXIMUM_PER_CLASS,
        seed: int = 20240501,
    ) -> Self:
        """Make it from held-out images and from the images the model was trained on.

        Parameters
        ----------
        probabilities, truth, embeddings
            Of the held-out images: shapes ``(n, k)``, ``(n,)`` and ``(n, d)``.
        training_embeddings, training_labels
            Of training images: shapes ``(m, d)`` and ``(m,)``. They say where the classes lie, never how well the model does.
        sample_ids, image_ids
            Of the held-out images.
        maximum_per_class, seed
            More images of a class are reduced to a random choice.

        Raises
        ------
        HeldOutError
            When arrays do not fit together, hold what is no number, or no image has a class that the model knows.
        """
        scores, index = np.asarray(probabilities, np.float32), np.asarray(truth, np.int64)
        vectors = np.asarray(embeddings, np.float32)
        n = len(index)
        samples = tuple(sample_ids) if sample_ids is not None else ("",) * n
        names = tuple(image_ids) if image_ids is not None else ("",) * n
        lengths = {
            "probabilities": len(scores),
            "embeddings": len(vectors),
            "sample_ids": len(samples),
            "image_ids": len(names),
        }
        for name, length in lengths.items():
            if length != n:
                raise HeldOutError(f"{name} has {length} entries for {n} held-out images.")
        if scores.ndim != 2:
            raise HeldOutError(f"Probabilities must have the shape (images, classes), got {scores.shape}.")
        try:
            centres = fit_centres(training_embeddings, training_labels, scores.shape[1])
            distances = centres.distance(vectors)
        except ValueError as error:
            raise HeldOutError(
                f"The distance from the training classes cannot be measured: {error}."
            ) from None
        keep = _at_most(index, maximum_per_class, seed)
        return cls(
            probabilities=scores[keep],
            truth=index[keep],
            sample_ids=tuple(str(samples[i]) for i in keep),
            image_ids=tuple(str(names[i]) for i in keep),
            distances=distances[keep],
            centres=centres,
        )

    def to_bytes(self) -> bytes:
        """Return the content of ``heldout.npz``; equal contents give equal bytes."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "schema_version": np.asarray(1, np.int64),
            "probabilities": self.probabilities,
            "truth": self.truth,
            "sample_ids": texts(self.sample_ids),
            "image_ids": texts(self.image_ids),
            "distances": self.distances,
            "centres": self.centres.centres,
            "whitening": self.centres.whitening,
        }
        return to_bytes(arrays)

    def save(self, path: Path) -> Path:
        """Write it in one step (to ``heldout.npz`` when `path` is a folder) and return its file."""
        target = path / FILE_NAME if path.is_dir() else path
        return save(self.to_bytes(), target)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from its file, or from the bundle folder that holds it.

        Raises
        ------
        HeldOutError
            When the file is missing, is something else, is damaged, or would hold more than 256 MB.
        """
        file = path / FILE_NAME if path.is_dir() else path
        arrays = _read(file)
        try:
            return cls(
                probabilities=arrays["probabilities"].astype(np.float32),
                truth=arrays["truth"].astype(np.int64),
                sample_ids=tuple(map(str, arrays["sample_ids"])),
                image_ids=tuple(map(str, arrays["image_ids"])),
                distances=arrays["distances"].astype(np.float32),
                centres=ClassCentres(
                    arrays["centres"].astype(np.float32), arrays["whitening"].astype(np.float32)
                ),
            )
        except HeldOutError as error:
            raise _damaged(file, str(error)) from None


def _fault(held: HeldOut) -> str:
    """Return what is wrong, or nothing."""
    scores, truth = held.probabilities, held.truth
    n = len(truth)
    if scores.ndim != 2 or scores.shape[0] != n or scores.shape[1] < 2:
        return f"Probabilities must have the shape (images, classes), got {scores.shape} for {n} images."
    for name, length in (
        ("sample_ids", len(held.sample_ids)),
        ("image_ids", len(held.image_ids)),
        ("distances", len(held.distances)),
    ):
        if length != n:
            return f"{name} has {length} entries for {n} images."
    if not np.isfinite(scores).all() or (scores < 0).any() or (abs(scores.sum(axis=1) - 1) > 1e-3).any():
        return "Some probabilities are not between 0 and 1 or do not sum to 1."
    if (truth < -1).any() or (truth >= scores.shape[1]).any():
        return f"A true class is none of the {scores.shape[1]} of the model."
    if not (truth >= 0).any():
        return "No held-out image is of a class that the model knows."
    if not np.isfinite(held.distances).all() or (held.distances < 0).any():
        return "Some distances are no distances."
    centres, whitening = held.centres.centres, held.centres.whitening
    if centres.ndim != 2 or whitening.ndim != 2 or not centres.size or centres.shape[1] != whitening.shape[1]:
        return f"The class centres {centres.shape} do not fit their scale {whitening.shape}."
    if not (np.isfinite(centres).all() and np.isfinite(whitening).all()):
        return "The class centres hold what is no number."
    return ""


def _at_most(truth: npt.NDArray[np.int64], maximum: int, seed: int) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    kept = []
    for label in np.unique(truth):
        rows = np.flatnonzero(truth == label)
        kept.append(rows if len(rows) <= maximum else rng.choice(rows, size=maximum, replace=False))
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)


def _damaged(file: Path, reason: str) -> HeldOutError:
    return HeldOutError(
        f"{file.name} in {file.parent} cannot be used to correct counts: {reason.rstrip('.')}. "
        "Take the model bundle again from where it came from, or rebuild it by retraining."
    )


def _read(file: Path) -> Arrays:
    if not file.is_file():
        raise HeldOutError(
            f"There is no {FILE_NAME} in {file.parent}: the model came without its held-out images."
        )
    try:
        arrays = read_arrays(file, _MAXIMUM_BYTES, {name: kind for name, (kind, _) in _ARRAYS.items()})
        need(arrays, _ARRAYS)
    except ArraysError as error:
        raise _damaged(file, str(error)) from None
    for name, (_, dimensions) in _ARRAYS.items():
        if arrays[name].ndim != dimensions:
            raise _damaged(file, f"{name} holds {arrays[name].dtype} of shape {arrays[name].shape}")
    if int(arrays["schema_version"]) != 1:
        raise _damaged(
            file, f"it was written as version {int(arrays['schema_version'])}, this Tidelab reads version 1"
        )
    return arrays
