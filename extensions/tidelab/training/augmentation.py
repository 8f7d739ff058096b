"""Show the network each training image in many guises.

A FlowCam particle tumbles: there is no up, so every rotation and mirror image is as likely as the one recorded. Light and focus differ
a little between instruments and days, so do brightness and contrast; size carries meaning, so the zoom stays small.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.science.preprocessing import border_colour

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed.

    Parameters
    ----------
    rotation_degrees
        Rotated by any angle up to this, either way; 180 for particles without an up.
    flip
        Whether mirror images are shown.
    zoom
        Enlarged or shrunk by up to this share.
    brightness, contrast
        Multiplied by up to one plus or minus this.
    """

    rotation_degrees: float = 180.0
    flip: bool = True
    zoom: float = 0.1
    brightness: float = 0.12
    contrast: float = 0.15


def augment(pixels: Pixels, settings: Augmentation, rng: np.random.Generator) -> Pixels:
    """Return one changed copy of a square RGB image, same shape; corners take the colour of the border."""
    side = pixels.shape[0]
    angle = np.deg2rad(rng.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    scale = 1 + rng.uniform(-settings.zoom, settings.zoom)
    mirror = -1.0 if settings.flip and rng.random() < 0.5 else 1.0
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    centre = side / 2  # Pillow counts from the corner of a pixel
    a, b, d, e = mirror * cos, -sin, mirror * sin, cos
    matrix = (a, b, centre - a * centre - b * centre, d, e, centre - d * centre - e * centre)
    fill = tuple(int(value) for value in border_colour(pixels))
    turned = Image.fromarray(pixels).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill
    )
    values = np.asarray(turned, np.float32)
    gain = 1 + rng.uniform(-settings.contrast, settings.contrast)
    level = 1 + rng.uniform(-settings.brightness, settings.brightness)
    mean = values.mean()
    changed: Pixels = np.clip(np.rint(((values - mean) * gain + mean) * level), 0, 255).astype(np.uint8)
    return changed


def augment_batch(batch: Pixels, settings: Augmentation, rng: np.random.Generator) -> Pixels:
    """Return one changed copy of each image of ``(n, side, side, 3)``."""
    return np.stack([augment(one, settings, rng) for one in batch])
