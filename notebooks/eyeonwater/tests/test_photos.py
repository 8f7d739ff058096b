"""Photos as telephones and cameras write them: orientation, kinds of pixels. The water is always the same."""

import hashlib
import io

import numpy as np
import numpy.typing as npt
import pytest
from eyeonwater import synthetic
from eyeonwater.colour import WaterColour, water_colour
from PIL import Image

from tidelab.runs.inputs.decode import decode
from tidelab.runs.inputs.source import Payload
from tidelab.runs.limits import Limits

Pixels = npt.NDArray[np.uint8]


def photo(pixels: Pixels, mode: str = "RGB", kind: str = "JPEG", **options: object) -> WaterColour:
    """Write a photo, read it as a run does, and measure it."""
    stream = io.BytesIO()
    how = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    Image.fromarray(pixels).convert(mode).save(stream, kind, **how, **options)
    content = stream.getvalue()
    payload = Payload(content, hashlib.sha256(content).hexdigest(), len(content), kind)
    return water_colour(decode(payload, 0, Limits()))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_held_upright_is_measured_as_it_is_seen(orientation: int) -> None:
    water = synthetic.water(np.random.default_rng(5), 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert photo(water, exif=exif).forel_ule == 6


def test_a_grey_photo_has_no_colour() -> None:
    assert photo(synthetic.water(np.random.default_rng(6), 6), mode="L").forel_ule == 0


def test_transparent_parts_are_left_out() -> None:
    pixels = np.dstack([synthetic.water(np.random.default_rng(7), 12), np.full((240, 320), 255, np.uint8)])
    pixels[100:140, 100:220, 3] = 0
    found = photo(pixels, mode="RGBA", kind="PNG")
    assert found.forel_ule == 12
    assert found.used < 0.95


def test_a_photo_for_print_is_read_by_a_plain_rule() -> None:
    """CMYK without its profile: near the colour, and no more is promised."""
    found = photo(synthetic.water(np.random.default_rng(8), 9), mode="CMYK", kind="TIFF")
    assert abs(found.forel_ule - 9) <= 1
