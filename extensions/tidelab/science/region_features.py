"""Shape and grey-level features of the particle in a crop: the classical description of a plankton image.

The particle is what differs from the background (median of the picture's edge) by more than Otsu's threshold [1]_; its largest
connected part, holes filled, is measured. The same kind of features (area, elongation, circularity, grey level) has sorted
plankton images since ZooProcess [2]_, and they carry what a resized picture has lost: the size.

References
----------
.. [1] Otsu, N. (1979). A threshold selection method from gray-level histograms. IEEE Trans. SMC 9(1), 62-66.
.. [2] Gorsky, G. et al. (2010). Digital zooplankton image analysis using the ZooScan integrated system. J. Plankton Res. 32(3).
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import euler_number, label, moments_hu, perimeter_crofton, regionprops

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

NAMES: Final = (
    "image_width_px", "image_height_px", "log_area_px", "log_perimeter_px", "circularity", "eccentricity", "solidity", "extent",
    "log_major_axis_px", "log_minor_axis_px", "elongation", "feret_over_diameter", "filled_share", "log_parts", "euler_number",
    "thickness_over_diameter", "coverage", "touches_edge", "background_grey", "darkness_mean", "darkness_sd", "darkness_p10",
    "darkness_p50", "darkness_p90", "opaque_share", "edge_strength", "texture_fine", "texture_coarse", "asymmetry",
    "hu_1", "hu_2", "hu_3", "hu_4",
)  # fmt: skip
"""Names in the order of `region_features`; lengths in pixels of the original crop, darkness as a share of the background."""

LONGEST_SIDE_PX: Final = 512
"""Larger crops are averaged down to this before they are measured (lengths are reported in original pixels)."""


def grey(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Return the luma (ITU-R BT.601) of an RGB image, 0 to 255."""
    luma: npt.NDArray[np.float64] = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return luma


def particle_mask(luma: npt.NDArray[np.float64]) -> Mask:
    """Return True where the particle is: the largest connected part that differs from the edge's median, holes filled.

    A picture without any contrast gives an empty mask.
    """
    difference = ndimage.gaussian_filter(np.abs(luma - _edge_median(luma)), 0.7)
    if difference.max() < 4:  # grey levels: camera noise alone
        return np.zeros(luma.shape, bool)
    raw = difference > max(4.0, float(threshold_otsu(difference)) * 0.8)
    parts = label(raw, connectivity=2)
    if parts.max() == 0:
        return np.zeros(luma.shape, bool)
    largest = np.argmax(np.bincount(parts.ravel())[1:]) + 1
    filled: Mask = ndimage.binary_fill_holes(parts == largest)
    return filled


def region_features(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Measure the particle in one crop.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB.

    Returns
    -------
    numpy.ndarray
        float32 of shape ``(len(NAMES),)``, all finite; zeros for shape and darkness where no particle was found.
    """
    height, width = pixels.shape[:2]
    shrink = max(1.0, max(height, width) / LONGEST_SIDE_PX)
    if shrink > 1:
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    luma = grey(pixels)
    values = dict.fromkeys(NAMES, 0.0)
    background = _edge_median(luma)
    values |= {
        "image_width_px": float(width),
        "image_height_px": float(height),
        "background_grey": background,
    }
    mask = particle_mask(luma)
    if mask.any():
        values |= _shape(mask, shrink)
        values |= _darkness(luma, mask, background)
    vector = np.array([values[name] for name in NAMES], np.float64)
    return np.nan_to_num(vector, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _edge_median(luma: npt.NDArray[np.float64]) -> float:
    return float(np.median(np.concatenate([luma[0], luma[-1], luma[1:-1, 0], luma[1:-1, -1]])))


def _shape(mask: Mask, shrink: float) -> dict[str, float]:
    region: Any = regionprops(mask.astype(np.uint8))[0]
    area = float(region.area)
    # Crofton's formula: the perimeter of a digital disc comes out within about one per cent.
    perimeter = max(float(perimeter_crofton(mask, 4)), 1.0)
    diameter = 2 * np.sqrt(area / np.pi)
    major, minor = max(float(region.axis_major_length), 1.0), max(float(region.axis_minor_length), 1.0)
    hu = moments_hu(region.moments_normalized)[:4]
    edge = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    flipped = region.image_filled[::-1, ::-1]
    values = {
        "log_area_px": np.log(area * shrink**2),
        "log_perimeter_px": np.log(perimeter * shrink),
        "circularity": 4 * np.pi * area / perimeter**2,
        "eccentricity": region.eccentricity,
        "solidity": region.solidity,
        "extent": region.extent,
        "log_major_axis_px": np.log(major * shrink),
        "log_minor_axis_px": np.log(minor * shrink),
        "elongation": major / minor,
        "feret_over_diameter": region.feret_diameter_max / diameter,
        "thickness_over_diameter": 2
        * float(ndimage.distance_transform_edt(np.pad(mask, 1)).max())
        / diameter,
        "coverage": area / mask.size,
        "touches_edge": float(edge.mean()),
        "asymmetry": float((flipped != region.image_filled).mean()),
    }
    values |= {
        f"hu_{k + 1}": float(np.sign(value) * np.log1p(1e4 * abs(value))) for k, value in enumerate(hu)
    }
    return {name: float(value) for name, value in values.items()}


def _darkness(luma: npt.NDArray[np.float64], mask: Mask, background: float) -> dict[str, float]:
    darkness = (background - luma) / max(background, 1.0)
    inside = darkness[mask]
    p10, p50, p90 = np.percentile(inside, [10, 50, 90])
    detail = luma - ndimage.gaussian_filter(luma, 1.0)
    coarse = ndimage.gaussian_filter(luma, 1.0) - ndimage.gaussian_filter(luma, 3.0)
    solid = mask & (np.abs(darkness) > 0.08)
    return {
        "darkness_mean": float(inside.mean()),
        "darkness_sd": float(inside.std()),
        "darkness_p10": float(p10),
        "darkness_p50": float(p50),
        "darkness_p90": float(p90),
        "opaque_share": float((inside > 0.6).mean()),
        "filled_share": float(solid.sum() / mask.sum()),
        "log_parts": float(np.log1p(label(solid, connectivity=2).max())),
        "euler_number": float(np.clip(euler_number(solid, connectivity=2), -50, 50)),
        "edge_strength": float(np.percentile(ndimage.gaussian_gradient_magnitude(luma, 1.0)[mask], 90) / 255),
        "texture_fine": float(detail[mask].std() / 255),
        "texture_coarse": float(coarse[mask].std() / 255),
    }
