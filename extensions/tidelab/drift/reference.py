"""The drift reference of a model: what its held-out images look like, to the model and to the eye.

It belongs to one model version and travels in its bundle as ``reference.npz``. The file holds arrays of plain numbers and
text only (no pickle): a bundle may come from someone else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.prediction import Prediction
from tidelab.drift.selection import keep
from tidelab.formats.arrays import Arrays, ArraysError, need, read_arrays, save, texts, to_bytes

FILE_NAME: Final = "reference.npz"
VERSION: Final = 2
"""Of the file. 1: a random choice of images; 2: chosen by sample, with the class counts of each sample."""
MAXIMUM_IMAGES: Final = 1000
"""Images a reference keeps: enough for stable nearest-neighbour distances and for forty samples, small enough to travel with every
model."""
_MINIMUM_IMAGES: Final = 2
_MAXIMUM_BYTES: Final = 256 * 2**20
_DTYPES: Final = {
    "schema_version": "i", "embeddings": "f", "statistics": "f", "statistic_names": "U", "labels": "U", "sample_ids": "U",
    "thumbnails": "u", "thumbnail_offsets": "i", "count_labels": "U", "counts": "i",
    "count_samples": "U", "sample_counts": "i",
}  # fmt: skip
_DIMENSIONS: Final = {"schema_version": 0, "embeddings": 2, "statistics": 2, "sample_counts": 2}
_SINCE_2: Final[dict[str, npt.NDArray[Any]]] = {
    "count_samples": np.empty(0, dtype="U1"), "sample_counts": np.zeros((0, 0), dtype=np.int64),
}  # fmt: skip


class ReferenceFileError(ValueError):
    """A reference that cannot be used; the text says what is wrong with it and what to do."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Held-out images as one model version saw them.

    Parameters
    ----------
    embeddings
        float32 of shape ``(n, d)``.
    statistics
        float64 of shape ``(n, s)``, columns in the order of `statistic_names`.
    statistic_names
        Names of ``tidelab.science.image_statistics``.
    labels
        The model's own label for each image: predicted, not true, because new images have no true label either.
    sample_ids
        Sample that each image comes from; empty where unknown.
    thumbnails
        JPEG bytes for each image; empty where there is none.
    label_counts
        Predicted label -> images, over *all* held-out images, also those that were not kept.
    sample_counts
        Sample -> predicted label -> images, the same way; samples that are not known are left out.
    """

    embeddings: npt.NDArray[np.float32]
    statistics: npt.NDArray[np.float64]
    statistic_names: tuple[str, ...]
    labels: tuple[str, ...]
    sample_ids: tuple[str, ...]
    thumbnails: tuple[bytes, ...]
    label_counts: Mapping[str, int] = field(default_factory=dict)
    sample_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def dimension(self) -> int:
        """Length of one embedding."""
        return int(self.embeddings.shape[1])

    def statistic(self, name: str) -> npt.NDArray[np.float64]:
        """Return one statistic of every reference image, shape ``(n,)``; `KeyError` when it is not kept."""
        if name not in self.statistic_names:
            raise KeyError(name)
        return self.statistics[:, self.statistic_names.index(name)]

    @classmethod
    def build(
        cls,
        embeddings: npt.ArrayLike,
        statistics: pd.DataFrame | Sequence[Mapping[str, float]],
        labels: Sequence[str],
        sample_ids: Sequence[str] | None = None,
        thumbnails: Sequence[bytes] | None = None,
        *,
        maximum: int = MAXIMUM_IMAGES,
        seed: int = 20240501,
    ) -> Self:
        """Make a reference of held-out images; at most `maximum` of them are kept, drawn by sample with `seed` (`selection.keep`).

        Parameters
        ----------
        embeddings
            Shape ``(n, d)``. Of images the model was *not* trained on: it has seen the others, so they look closer to one
            another than new ones ever can.
        statistics
            One row, or one mapping, for each image.
        labels
            Predicted label of each image.
        sample_ids, thumbnails
            One for each image, or None. Without samples every verdict stays grey: nobody can tell how much normal ones differ.
        maximum, seed
            Size and seed of the choice; class counts are kept of all images.

        Raises
        ------
        ReferenceFileError
            When lengths disagree, a number is not finite, or fewer than two images are given.
        """
        vectors = np.asarray(embeddings, dtype=np.float32)
        table = pd.DataFrame(statistics) if not isinstance(statistics, pd.DataFrame) else statistics
        n = len(vectors)
        samples = tuple(sample_ids) if sample_ids is not None else ("",) * n
        pictures = tuple(thumbnails) if thumbnails is not None else (b"",) * n
        for name, length in (
            ("statistics", len(table)), ("labels", len(labels)), ("sample_ids", len(samples)), ("thumbnails", len(pictures)),
        ):  # fmt: skip
            if length != n:
                raise ReferenceFileError(
                    f"A drift reference needs one entry of {name} for each embedding: got {length} for {n} images."
                )
        kept = keep(labels, samples, maximum, seed)
        return cls(
            embeddings=vectors[kept],
            statistics=table.to_numpy(dtype=np.float64).reshape(n, -1)[kept],
            statistic_names=tuple(str(name) for name in table.columns),
            labels=tuple(str(labels[i]) for i in kept),
            sample_ids=tuple(str(samples[i]) for i in kept),
            thumbnails=tuple(pictures[i] for i in kept),
            label_counts=dict(sorted(Counter(str(label) for label in labels).items())),
            sample_counts=_count_samples(samples, labels),
        )

    @classmethod
    def from_predictions(
        cls,
        predictions: Sequence[Prediction],
        labels: Sequence[str],
        sample_ids: Sequence[str] | None = None,
        *,
        maximum: int = MAXIMUM_IMAGES,
        seed: int = 20240501,
    ) -> Self:
        """Make a reference of what a predictor said of held-out images.

        Parameters
        ----------
        predictions
            One for each held-out image.
        labels
            Label order of the model card.
        sample_ids, maximum, seed
            As in :meth:`build`.
        """
        if not predictions:
            raise ReferenceFileError("A drift reference needs at least 2 held-out images, got none.")
        return cls.build(
            np.stack([prediction.embedding for prediction in predictions]),
            [prediction.statistics for prediction in predictions],
            [labels[int(np.argmax(prediction.probabilities))] for prediction in predictions],
            sample_ids,
            [prediction.thumbnail for prediction in predictions],
            maximum=maximum,
            seed=seed,
        )

    def to_bytes(self) -> bytes:
        """Return the content of ``reference.npz``; equal references give equal bytes, so their digest can be compared."""
        names = tuple(self.sample_counts)
        table = [[self.sample_counts[name].get(label, 0) for label in self.label_counts] for name in names]
        lengths = [len(thumbnail) for thumbnail in self.thumbnails]
        arrays: dict[str, npt.NDArray[Any]] = {
            "schema_version": np.asarray(VERSION, dtype=np.int64),
            "embeddings": self.embeddings,
            "statistics": self.statistics,
            "statistic_names": texts(self.statistic_names),
            "labels": texts(self.labels),
            "sample_ids": texts(self.sample_ids),
            "thumbnails": np.frombuffer(b"".join(self.thumbnails), dtype=np.uint8),
            "thumbnail_offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            "count_labels": texts(tuple(self.label_counts)),
            "counts": np.asarray(list(self.label_counts.values()), dtype=np.int64),
            "count_samples": texts(names),
            "sample_counts": np.asarray(table, dtype=np.int64).reshape(len(names), len(self.label_counts)),
        }
        return to_bytes(arrays)

    def save(self, path: Path) -> Path:
        """Write the reference in one step (to ``reference.npz`` when `path` is a folder) and return its file."""
        target = path / FILE_NAME if path.is_dir() else path
        return save(self.to_bytes(), target)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a reference from its file, or from the bundle folder that holds it.

        Raises
        ------
        ReferenceFileError
            When the file is missing, is not a reference, is damaged, or would hold more than 256 MB.
        """
        file = path / FILE_NAME if path.is_dir() else path
        arrays = _read_arrays(file)
        offsets, blob = arrays["thumbnail_offsets"], arrays["thumbnails"].tobytes()
        if (
            len(offsets) == 0
            or offsets[0] != 0
            or offsets[-1] != len(blob)
            or bool(np.any(np.diff(offsets) < 0))
        ):
            raise _damaged(file, "its pictures and their positions do not fit together")
        if len(arrays["count_labels"]) != len(arrays["counts"]):
            raise _damaged(file, "its class counts do not fit its class names")
        if arrays["sample_counts"].shape != (len(arrays["count_samples"]), len(arrays["count_labels"])):
            raise _damaged(file, "its counts by sample do not fit its samples and classes")
        try:
            return cls(
                embeddings=arrays["embeddings"].astype(np.float32),
                statistics=arrays["statistics"].astype(np.float64),
                statistic_names=tuple(map(str, arrays["statistic_names"])),
                labels=tuple(map(str, arrays["labels"])),
                sample_ids=tuple(map(str, arrays["sample_ids"])),
                thumbnails=tuple(
                    blob[start:end]
                    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
                ),
                label_counts=dict(
                    zip(map(str, arrays["count_labels"]), map(int, arrays["counts"]), strict=True)
                ),
                sample_counts=_sample_counts(arrays),
            )
        except ReferenceFileError as error:
            raise _damaged(file, str(error)) from None


def _count_samples(samples: Sequence[str], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for sample, label in zip(samples, labels, strict=True):
        if sample:
            counts.setdefault(str(sample), Counter())[str(label)] += 1
    return {name: dict(sorted(counts[name].items())) for name in sorted(counts)}


def _sample_counts(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, int]]:
    labels = list(map(str, arrays["count_labels"]))
    return {
        str(name): {label: count for label, count in zip(labels, row, strict=True) if count}
        for name, row in zip(arrays["count_samples"], arrays["sample_counts"].tolist(), strict=True)
    }


def _damaged(file: Path, reason: str) -> ReferenceFileError:
    return ReferenceFileError(
        f"{file.name} in {file.parent} cannot be used as a drift reference: {reason.rstrip('.')}. "
        "Take the model bundle again from where it came from, or rebuild it by retraining."
    )


def _read_arrays(file: Path) -> Arrays:
    if not file.is_file():
        raise ReferenceFileError(
            f"There is no drift reference at {file}: expected the file {FILE_NAME} of a model bundle."
        )
    try:
        # Version 1 knew nothing of the counts by sample; it is read without them.
        arrays = {**_SINCE_2, **read_arrays(file, _MAXIMUM_BYTES, _DTYPES)}
        need(arrays, _DTYPES)
    except ArraysError as error:
        raise _damaged(file, str(error)) from None
    for name in _DTYPES:
        if arrays[name].ndim != _DIMENSIONS.get(name, 1):
            raise _damaged(file, f"{name} holds {arrays[name].dtype} of shape {arrays[name].shape}")
    if int(arrays["schema_version"]) not in range(1, VERSION + 1):
        raise _damaged(
            file,
            f"it was written as version {int(arrays['schema_version'])}, this Tidelab reads versions 1 to {VERSION}",
        )
    if not len(arrays["count_samples"]):
        arrays["sample_counts"] = np.zeros((0, len(arrays["count_labels"])), dtype=np.int64)
    return arrays


def _check(reference: Reference) -> None:
    vectors, statistics = reference.embeddings, reference.statistics
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise ReferenceFileError(f"Embeddings must have the shape (images, numbers), got {vectors.shape}.")
    n = len(vectors)
    if n < _MINIMUM_IMAGES:
        raise ReferenceFileError(
            f"A drift reference needs at least {_MINIMUM_IMAGES} held-out images, got {n}."
        )
    if statistics.shape != (n, len(reference.statistic_names)):
        raise ReferenceFileError(
            f"Statistics must have the shape ({n}, {len(reference.statistic_names)}), got {statistics.shape}."
        )
    for name in ("labels", "sample_ids", "thumbnails"):
        if len(getattr(reference, name)) != n:
            raise ReferenceFileError(f"{name} has {len(getattr(reference, name))} entries for {n} images.")
    for name, numbers in (("embeddings", vectors), ("statistics", statistics)):
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(bad):
            raise ReferenceFileError(
                f"{name} of image {bad[0]} are not finite numbers (of {len(bad)} such images)."
            )
    counts = [reference.label_counts, *reference.sample_counts.values()]
    if any(count < 0 for one in counts for count in one.values()):
        raise ReferenceFileError("A class count is negative.")
    bad_pictures = [
        i for i, picture in enumerate(reference.thumbnails) if picture and picture[:2] != b"\xff\xd8"
    ]
    if bad_pictures:
        raise ReferenceFileError(f"The picture of image {bad_pictures[0]} is not a JPEG.")
