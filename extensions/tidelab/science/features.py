"""Named, versioned feature extractors: a model card names one, and a name never changes its meaning.

A changed calculation gets a new version beside the old one, or models trained with the old one would be fed other numbers.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from skimage.feature import hog

from tidelab.science import region_features as regions
from tidelab.science.preprocessing import Pixels, resize, square

Extractor = Callable[[Pixels], npt.NDArray[np.float32]]

HOG_SIDE_PX: Final = 64


def hog_region_features(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Describe a crop by histograms of oriented gradients and the region features.

    Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) over the padded square of 64 x 64 pixels: 8 orientations, cells of
    16 x 16 pixels, blocks of 2 x 2 cells with L2-Hys normalisation, 288 numbers; then `region_features.NAMES`.

    Returns
    -------
    numpy.ndarray
        float32 of shape ``(288 + len(NAMES),)``.
    """
    luma = regions.grey(resize(square(pixels, "pad-square"), HOG_SIDE_PX, "area"))
    gradients = hog(
        luma, orientations=8, pixels_per_cell=(16, 16), cells_per_block=(2, 2), block_norm="L2-Hys"
    )
    return np.concatenate([gradients.astype(np.float32), regions.region_features(pixels)])


EXTRACTORS: Final[dict[str, Extractor]] = {
    "tidelab.science.region_features:1": regions.region_features,
    "tidelab.science.features.hog_region_features:1": hog_region_features,
}
"""What ``card.input.features`` may name."""

REGION: Final = "tidelab.science.region_features:1"
HOG_REGION: Final = "tidelab.science.features.hog_region_features:1"


def extractor(name: str) -> Extractor:
    """Return the extractor called `name`, or raise `ValueError` with the known names."""
    try:
        return EXTRACTORS[name]
    except KeyError:
        raise ValueError(
            f"feature extractor {name!r} is not known to this version of Tidelab; known: {', '.join(EXTRACTORS)}"
        ) from None
