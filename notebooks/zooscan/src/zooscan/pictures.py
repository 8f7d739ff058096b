"""Vignettes as pictures: for the model, for people and for EcoTaxa, all drawn by one function."""

import io

import numpy as np
from PIL import Image

from tidelab.runs.inputs.pixels import Rgb
from zooscan.objects import Grey, Mask
from zooscan.settings import ProcessSettings
from zooscan.vignette import vignette_of


def rgb(crop: Grey, mask: Mask, settings: ProcessSettings) -> Rgb:
    """Return the vignette of an object, three equal channels."""
    return np.repeat(vignette_of(crop, mask, settings)[..., None], 3, axis=2)


def png(crop: Grey, mask: Mask, settings: ProcessSettings) -> bytes:
    """Return the vignette of an object as a grey PNG."""
    stream = io.BytesIO()
    Image.fromarray(vignette_of(crop, mask, settings)).save(stream, "PNG", compress_level=6)
    return stream.getvalue()
