"""How good a classifier is sample by sample: what an ecologist reads off is a count per sample, not a name per image.

Errors that cancel out among ten thousand images need not cancel out in each bottle. The Bray-Curtis distance of predicted to true counts
(Bray and Curtis, Ecological Monographs 27, 1957) is 0 where every class is counted rightly and 1 where none is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class SampleScores:
    """Scores of every sample, in the order of their names.

    Parameters
    ----------
    samples
        Names.
    n_images
        Test images of each, int64 ``(s,)``.
    accuracy
        Share named rightly, float64 ``(s,)``.
    count_error
        Bray-Curtis distance of predicted to true counts, 0 to 1.
    share_error
        Mean over the classes of the absolute difference of predicted and true share.
    """

    samples: tuple[str, ...]
    n_images: npt.NDArray[np.int64]
    accuracy: npt.NDArray[np.float64]
    count_error: npt.NDArray[np.float64]
    share_error: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.samples)


def sample_scores(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, samples: Sequence[str], n_labels: int
) -> SampleScores | None:
    """Score each sample; None where no image says which sample it comes from.

    Parameters
    ----------
    truth, predicted
        Class indices, shape ``(n,)``.
    samples
        Sample of each image; images with an empty name are left out.
    n_labels
        Number of classes.
    """
    true, named = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if not len(true) == len(named) == len(samples):
        raise ValueError(f"expected equally many images: {len(true)}, {len(named)}, {len(samples)}")
    where = np.asarray(samples, dtype=str)
    names = sorted(set(where.tolist()) - {""})
    if not names:
        return None
    rows = []
    for name in names:
        here = where == name
        actual = np.bincount(true[here], minlength=n_labels)
        counted = np.bincount(named[here], minlength=n_labels)
        off, n = np.abs(actual - counted), int(here.sum())
        rows.append((n, (true[here] == named[here]).mean(), off.sum() / (2 * n), off.mean() / n))
    n_images, accuracy, count_error, share_error = (np.array(column) for column in zip(*rows, strict=True))
    return SampleScores(tuple(names), n_images.astype(np.int64), accuracy, count_error, share_error)
