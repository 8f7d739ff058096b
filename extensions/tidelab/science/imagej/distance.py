"""ImageJ's distance map as it was until version 1.42: chamfer distances of 5 x 5 pixels, rounded to whole pixels.

References
----------
.. [1] Borgefors, G. (1986). Distance transformations in digital images. Computer Vision, Graphics, and Image Processing 34, 344-371.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

STEP: Final = 41
"""Units a pixel: a step to a neighbour by side."""

DIAGONAL: Final = 58
"""Units of a step to a neighbour by corner, 41 times the square root of 2."""

KNIGHT: Final = 92
"""Units of a step like a knight's at chess, 41 times the square root of 5."""

Distances = npt.NDArray[np.int32]


def distance_maps(mask: npt.NDArray[np.bool_], most_px: int) -> Distances:
    """Return the distance of each pixel inside a mask to the outside, and of each outside to the mask.

    Parameters
    ----------
    mask : bool array
        Of two sides. What lies beyond the picture counts as neither.
    most_px : int
        Larger distances need not be told apart: they become this plus 1.

    Returns
    -------
    int array, shape (2, height, width)
        Whole pixels, rounded half up; 0 where a pixel is not on the map's side.
    """
    far = (most_px + 1) * STEP
    height, width = mask.shape
    maps = np.full((2, height + 4, width + 4), far, np.int32)
    inner = maps[:, 2:-2, 2:-2]
    # In place all the way: the maps are eight bytes a pixel, and so would be each copy of them.
    inner[0][~mask] = 0
    inner[1][mask] = 0
    _sweep(maps)
    _sweep(maps[:, ::-1, ::-1])
    inner += STEP // 2
    inner //= STEP
    return inner


def _sweep(maps: Distances) -> None:
    """Lower each distance to that by way of neighbours above and to the left, in place; both maps at once."""
    width = maps.shape[2] - 4
    run = np.arange(width, dtype=np.int32) * STEP
    for row in range(2, maps.shape[1] - 2):
        here, above, higher = maps[:, row, 2:-2], maps[:, row - 1], maps[:, row - 2]
        reached = np.minimum(here, above[:, 2:-2] + STEP)
        np.minimum(reached, np.minimum(above[:, 1:-3], above[:, 3:-1]) + DIAGONAL, out=reached)
        knight = np.minimum(
            np.minimum(above[:, :-4], above[:, 4:]), np.minimum(higher[:, 1:-3], higher[:, 3:-1])
        )
        np.minimum(reached, knight + KNIGHT, out=reached)
        # Along the row each pixel takes the least of all to its left plus the way from there.
        here[...] = np.minimum.accumulate(reached - run, axis=1) + run
