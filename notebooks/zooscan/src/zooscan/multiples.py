"""Does a vignette show one animal or several that touch? The predictor of the use case.

Classes, in this order: ``multi``, ``single``. Before the network sees a vignette its scale bar is cut off, its grey levels are inverted, it is cut
to what is not black, and padded with black to a square; the card of the model says the rest (side, mean, scale). Training images are prepared by the
same function, so that nothing differs between the two.
"""

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models.classifier import ImageClassifier
from tidelab.models.thumbnail import thumbnail
from zooscan.vignette import FOOTER_PX

LABELS: Final = ("multi", "single")
FAINT: Final = 2
"""A row or column whose inverted grey levels sum up to no more than this is empty."""

_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_MOST_PIXELS: Final = 64_000_000
Rgb = npt.NDArray[np.uint8]


def prepared(pixels: Rgb, footer_px: int = FOOTER_PX) -> Rgb:
    """Return a vignette as the network sees it: square, animal light on black.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)``.
    footer_px
        Height of the strip with the scale bar; 0 for bare crops. A picture that is no higher than it keeps its rows.

    Examples
    --------
    >>> import numpy as np
    >>> sheet = np.full((60, 50, 3), 255, np.uint8); sheet[5:15, 10:14] = 55
    >>> prepared(sheet).shape, int(prepared(sheet).max()), int(prepared(sheet)[:, 0].max())
    ((10, 10, 3), 200, 0)
    """
    bare = pixels[: pixels.shape[0] - footer_px] if 0 < footer_px < pixels.shape[0] else pixels
    light = 255 - bare
    total = light.max(axis=2).astype(np.int64)
    rows, columns = np.nonzero(total.sum(axis=1) > FAINT)[0], np.nonzero(total.sum(axis=0) > FAINT)[0]
    if not len(rows) or not len(columns):
        return np.zeros((16, 16, 3), np.uint8)
    cut = light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(cut.shape[:2])
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - cut.shape[0]) // 2, (side - cut.shape[1]) // 2
    square[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return square


class MultipleClassifier(ImageClassifier):
    """`tidelab.models.classifier.ImageClassifier` of vignettes; the thumbnail is that of the vignette itself.

    The statistics are those of what the network sees, as in the reference that a training leaves: the verdict compares the two.
    """

    INFERENCE_VERSION: ClassVar[str] = "zooscan-2"
    SOURCES: ClassVar[tuple[str, ...]] = (*ImageClassifier.SOURCES, "zooscan.multiples")

    def predict(self, images: Sequence[DecodedImage]) -> list[Prediction]:
        """Classify vignettes; one prediction for each, in their order."""
        ready = [dataclasses.replace(image, pixels=prepared(image.pixels)) for image in images]
        return [
            dataclasses.replace(said, thumbnail=thumbnail(image.pixels))
            for said, image in zip(super().predict(ready), images, strict=True)
        ]


@contextmanager
def training_folder(data: str) -> Iterator[str]:
    """Yield where the images to train on lie while they are read: a folder of vignettes as the network sees them, deleted afterwards.

    ``generated`` stays what it is. Raises what `prepare_folder` raises.
    """
    if data.strip() == "generated":
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="zooscan-training-") as folder:
        prepare_folder(Path(data).expanduser(), Path(folder))
        yield folder


def prepare_folder(source: Path, target: Path) -> int:
    """Write the vignettes of ``multi/`` and ``single/`` below a folder as the network sees them; return how many.

    Raises
    ------
    ValueError
        When a class folder is missing or holds no vignette, or a file is no picture; the text says which.
    """
    count = 0
    for label in LABELS:
        files = sorted(path for path in (source / label).glob("*") if path.suffix.lower() in _SUFFIXES)
        if not files:
            raise ValueError(
                f"{source / label} holds no vignettes; expected PNG or JPEG files in the folders {' and '.join(LABELS)}."
            )
        (target / label).mkdir(parents=True, exist_ok=True)
        for path in files:
            try:
                with Image.open(path, formats=("PNG", "JPEG")) as image:
                    if image.width * image.height > _MOST_PIXELS:
                        raise ValueError(
                            f"{path} has {image.width} x {image.height} px; no vignette is as large."
                        )
                    pixels = np.asarray(image.convert("RGB"))
            except OSError:
                raise ValueError(
                    f"{path} is no picture that can be read. Take it out of the folder."
                ) from None
            Image.fromarray(prepared(pixels)).save(target / label / f"{path.stem}.png")
            count += 1
    table = source / "samples.csv"
    if table.is_file():
        (target / "samples.csv").write_bytes(table.read_bytes())
    return count
