"""Size of a TIFF from its header: half a gigabyte is not opened to learn two numbers."""

from pathlib import Path
from typing import Final

import tifffile

MAX_PIXELS: Final = 1_000_000_000
"""A full scan at 2400 dpi has 360 million, at 4800 dpi four times that is not made."""


class TiffError(Exception):
    """A TIFF that cannot be used; the text says why, without a full stop."""


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height, pixels.

    Raises
    ------
    TiffError
        When it is missing, no TIFF, not one grey page, or impossibly large.
    """
    try:
        if path.stat().st_size < 16:
            raise TiffError(
                f"it is empty or nearly so ({path.stat().st_size} bytes); copy it again from the scanner's computer"
            )
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            shape, kind = tuple(page.shape), page.dtype
    except TiffError:
        raise
    except OSError as error:
        raise TiffError(f"it cannot be read ({error.strerror or type(error).__name__})") from None
    except Exception as error:  # tifffile raises what its parsing meets
        raise TiffError(f"it is no TIFF that can be read ({str(error)[:80]})") from None
    if len(shape) != 2 or kind is None or kind.kind != "u":
        raise TiffError(f"it is not one grey picture (shape {shape}, {kind}); expected 8 or 16 bit grey")
    if not 0 < shape[0] * shape[1] <= MAX_PIXELS:
        raise TiffError(
            f"it says of itself to have {shape[1]} x {shape[0]} px; expected at most {MAX_PIXELS:,} pixels"
        )
    return shape[1], shape[0]
