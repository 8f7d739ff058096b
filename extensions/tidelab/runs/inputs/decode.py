"""Bytes to pixels. A decoder is the part of a program that strangers reach first: any exception of it is that file's failure.

Pillow decodes; tifffile takes the TIFF files that Pillow does not know. Sizes are read from the header and compared with
the limit before a pixel is decoded; Pillow's own guard stands behind that as the second line. A colour picture that carries another colour space
than sRGB (`tidelab.science.colour_profile`) is converted: the same water then has the same numbers from every camera.
"""

import re
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.pixels import Rgb, array_to_rgb, image_to_rgb
from tidelab.runs.inputs.source import Payload
from tidelab.runs.limits import Limits
from tidelab.science.colour_profile import to_srgb

_FORMATS: Final = ("PNG", "JPEG", "TIFF")
_TRUNCATED: Final = (
    "truncated",
    "unexpected end",
    "broken data stream",
    "not enough",
    "end of file",
    "short read",
    "eof",
)
_BITS: Final = 258
_PHOTOMETRIC: Final = 262
_ORIENTATION: Final = 274
_PLANES: Final = 284


@dataclass(frozen=True)
class Header:
    """What the header of a picture says.

    Parameters
    ----------
    pages
        Images in the file.
    pixels
        Of the largest page.
    """

    pages: int
    pixels: int


def configure_pillow(limits: Limits) -> None:
    """Set Pillow's own guards; they hold for the whole process."""
    Image.MAX_IMAGE_PIXELS = limits.megapixels * 1_000_000
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.filterwarnings("ignore", module="PIL")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_header(payload: Payload, limits: Limits) -> Header:
    """Read size and number of pages without decoding pixels.

    Raises
    ------
    InputError
        Kinds ``too-many-pixels``, ``too-many-pages``, ``animated``, ``truncated``, ``damaged``.
    """
    try:
        with Image.open(payload.open(), formats=_FORMATS) as image:
            _check_size(image.size, limits)
            return _pages(image, payload.picture, limits)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        if payload.picture == "TIFF":
            return _tifffile_header(payload, limits)
        raise _failure(error) from None
    except Exception as error:
        raise _failure(error) from None


def decode(payload: Payload, page: int, limits: Limits) -> Rgb:
    """Return one page as uint8 RGB of shape ``(height, width, 3)``, orientation applied; raises `InputError`."""
    try:
        with Image.open(payload.open(), formats=_FORMATS) as image:
            if page:
                image.seek(page)
            _check_size(image.size, limits)
            if payload.picture == "TIFF" and _misread_by_pillow(image):
                return _tifffile_page(payload, page, limits)
            image.load()
            return image_to_rgb(to_srgb(_upright(image)))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        if payload.picture == "TIFF":
            return _tifffile_page(payload, page, limits)
        raise _failure(error) from None
    except Exception as error:
        if payload.picture == "TIFF" and isinstance(error, KeyError | NotImplementedError):
            return _tifffile_page(payload, page, limits)
        raise _failure(error) from None


def _misread_by_pillow(image: Any) -> bool:
    """Whether Pillow would give wrong values without a word: wide colour in separate planes, wide grey whose zero is white."""
    bits = image.tag_v2.get(_BITS, (1,))
    planes, white_is_zero = image.tag_v2.get(_PLANES) == 2, image.tag_v2.get(_PHOTOMETRIC) == 0
    return max(bits) > 8 and ((planes and len(bits) > 1) or white_is_zero)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Its EXIF block is damaged, its pixels are not: it is used as it is stored.
        return image


def _pages(image: Image.Image, picture: str, limits: Limits) -> Header:
    largest = image.width * image.height
    if picture == "JPEG":
        return Header(1, largest)  # some cameras append a preview; the first picture is the picture
    if picture == "PNG":
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1:
            raise InputError("animated", frames=frames)
        return Header(1, largest)
    pages = 1
    try:
        while pages <= limits.pages:
            image.seek(pages)
            _check_size(image.size, limits)
            largest = max(largest, image.width * image.height)
            pages += 1
    except EOFError:
        return Header(pages, largest)
    raise InputError("too-many-pages", limit=limits.pages)


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.megapixels * 1_000_000:
        raise _too_many(width * height)
    if width < 1 or height < 1:
        raise InputError("damaged", detail="it has no pixels")


def _tifffile_header(payload: Payload, limits: Limits) -> Header:
    import tifffile

    try:
        with payload.open() as stream, tifffile.TiffFile(stream) as tiff:
            pages = len(tiff.pages)
            if pages > limits.pages:
                raise InputError("too-many-pages", limit=limits.pages)
            largest = 0
            for page in tiff.pages:
                height, width = _tifffile_size(page)
                _check_size((width, height), limits)
                largest = max(largest, width * height)
            if not pages:
                raise InputError("damaged", detail="it holds no page")
            return Header(pages, largest)
    except InputError:
        raise
    except Exception as error:
        raise _failure(error) from None


def _tifffile_page(payload: Payload, page: int, limits: Limits) -> Rgb:
    import tifffile

    try:
        with payload.open() as stream, tifffile.TiffFile(stream) as tiff:
            chosen: Any = tiff.pages[page]
            height, width = _tifffile_size(chosen)
            _check_size((width, height), limits)
            if chosen.samplesperpixel > 4:
                raise InputError("pixel-values", detail=f"it has {chosen.samplesperpixel} channels")
            values = _black_is_zero(_channels_last(chosen.asarray(), chosen.axes), chosen)
            return array_to_rgb(_oriented(values, chosen))
    except InputError:
        raise
    except Exception as error:
        raise _failure(error) from None


def _tifffile_size(page: Any) -> tuple[int, int]:
    if page.imagedepth != 1:
        raise InputError("pixel-values", detail="it is a volume, not a picture")
    return int(page.imagelength), int(page.imagewidth)


def _channels_last(values: npt.NDArray[Any], axes: str) -> npt.NDArray[Any]:
    return np.moveaxis(values, 0, -1) if axes == "SYX" else values


def _black_is_zero(values: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    tag = page.tags.get(_PHOTOMETRIC)
    meaning = int(tag.value) if tag else 1
    if meaning in (1, 2):
        return values
    if meaning:
        raise InputError(
            "pixel-values", detail=f"colour space {getattr(page.photometric, 'name', meaning)} is not read"
        )
    if values.dtype.kind == "b":
        return ~values
    if values.dtype.kind != "u" or values.dtype.itemsize > 2:
        raise InputError("pixel-values", detail="white is zero, and which value is black is not known")
    return np.asarray(np.iinfo(values.dtype).max - values)


def _oriented(values: npt.NDArray[Any], page: Any) -> npt.NDArray[Any]:
    tag = page.tags.get(_ORIENTATION)
    turned = {2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1]}
    swapped = values.swapaxes(0, 1)
    turned |= {5: swapped, 6: swapped[:, ::-1], 7: swapped[::-1, ::-1], 8: swapped[::-1]}
    return turned.get(int(tag.value) if tag else 1, values)


def _too_many(pixels: int) -> InputError:
    limit = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
    return InputError("too-many-pixels", megapixels=round(pixels / 1_000_000), limit=limit)


def _failure(error: Exception) -> InputError:
    if isinstance(error, Image.DecompressionBombError) and (number := re.search(r"\d+", str(error))):
        # Pillow refuses at twice the limit, before we can look.
        return _too_many(int(number.group()))
    if isinstance(error, MemoryError):
        return InputError("out-of-memory")
    text = " ".join(str(error).split())
    if isinstance(error, EOFError) or any(word in text.lower() for word in _TRUNCATED):
        return InputError("truncated")
    if isinstance(error, UnidentifiedImageError):
        return InputError("damaged", detail="its header is not readable")
    # The words of a decoder may quote the file: kept short, on one line.
    return InputError("damaged", detail=text[:100] if text and text.isprintable() else type(error).__name__)
