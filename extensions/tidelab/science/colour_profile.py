"""Colours of a picture as its embedded ICC profile means them.

The numbers of a photo are colours only together with the colour space they were written in. Telephones write Display P3, cameras can be set to
Adobe RGB, and both put a profile into the file; read as if it were sRGB, such a photo is too pale and its hues are wrong. Measured on
generated water, leaving the profile out turns the hue angle by up to 6 degrees (Display P3) or 15 degrees (Adobe RGB), which is one colour
of the Forel-Ule scale.

References
----------
.. [1] ISO 15076-1:2010, Image technology colour management (ICC.1:2010): profile format.
.. [2] IEC 61966-2-1:1999, sRGB.
"""

import io
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

LARGEST_PROFILE: Final = 4 * 2**20
"""Bytes; profiles of RGB cameras have a few hundred to some ten thousand, and a larger one is not opened."""

SAME_LEVELS: Final = 2
"""A profile that moves no colour by more than this (of 255) is sRGB as somebody else wrote it: the pixels are kept as they are."""

_MODES: Final = ("RGB", "RGBA")
_PROBE: Final = np.linspace(0, 255, 9).round().astype(np.uint8)


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture in sRGB, converted when it carries another RGB profile.

    Only 8-bit RGB, with or without transparency, is converted. Grey pictures keep their values, because densities are measured on them as they
    were scanned; palettes and CMYK are left to Pillow. Colours that sRGB cannot show are cut to its edge. A profile that is damaged, of
    another colour space or enormous is ignored, as if it were not there.

    Parameters
    ----------
    image
        Loaded, or to be loaded; not changed.

    Returns
    -------
    Image.Image
        The same object when nothing is to be converted.
    """
    profile = _profile(image)
    if profile and "transparency" in image.info:
        image = image.convert("RGBA")  # one colour that means *nothing here*, which the conversion would move
    transform = _transform(profile, image.mode) if profile else None
    return transform.apply(image) if transform else image


def other_space(image: Image.Image) -> str:
    """Return what the colour space of a picture is called that `to_srgb` would convert; empty where it would change nothing.

    Parameters
    ----------
    image
        Its header is enough.
    """
    profile = _profile(image)
    if not profile:
        return ""
    name = str(ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description or "")
    printable = "".join(letter for letter in name if letter.isprintable()).strip()
    return printable[:60] or "a colour space without a name"


def _profile(image: Image.Image) -> bytes:
    """Return the profile of a picture that is to be converted; empty where there is none, or none that changes anything."""
    profile = image.info.get("icc_profile")
    if image.mode not in _MODES or not isinstance(profile, bytes) or not 0 < len(profile) <= LARGEST_PROFILE:
        return b""
    return profile if _transform(profile, image.mode) else b""


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from a profile to sRGB; None where there is none, or nothing to do."""
    try:
        # Relative colorimetric: what sRGB can show keeps its colour; perceptual tables would shift all of them.
        made = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            mode,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return made if _moves(made, mode) else None


def _moves(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    colours = np.stack(np.meshgrid(_PROBE, _PROBE, _PROBE), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(colours).convert(mode)
    found = np.asarray(transform.apply(probe).convert("RGB"))
    return int(np.abs(found.astype(np.int16) - colours).max()) > SAME_LEVELS
