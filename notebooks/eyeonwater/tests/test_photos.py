"""Photos as telephones and cameras write them: orientation, kinds of pixels. The water is always the same."""

import hashlib
import io
import math

import numpy as np
import numpy.typing as npt
import pytest
from eyeonwater import synthetic
from eyeonwater.colour import WaterColour, water_colour
from PIL import Image

from tests.support.icc_profiles import ADOBE_RGB, DISPLAY_P3, SRGB, in_display_p3
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


@pytest.mark.parametrize("colour", [1, 5, 7, 9, 13, 17, 19, 21])
def test_a_photo_in_display_p3_shows_the_same_water(colour: int) -> None:
    water = synthetic.water(np.random.default_rng(colour), colour)
    plain, telephone = photo(water), photo(in_display_p3(water), icc_profile=DISPLAY_P3)
    assert telephone.forel_ule == plain.forel_ule == colour
    assert math.isclose(telephone.hue_deg, plain.hue_deg, abs_tol=1.0)
    assert math.isclose(telephone.purity, plain.purity, rel_tol=0.03)


@pytest.mark.parametrize(("colour", "off_by_deg"), [(7, 5.0), (9, 3.0), (21, 2.0)])
def test_leaving_the_profile_out_would_be_an_error(colour: int, off_by_deg: float) -> None:
    """What is mended here is no trifle: the same bytes read as sRGB have another hue."""
    water = in_display_p3(synthetic.water(np.random.default_rng(colour), colour))
    read, misread = photo(water, icc_profile=DISPLAY_P3), photo(water)
    assert abs(read.hue_deg - misread.hue_deg) > off_by_deg
    assert misread.purity < read.purity


def test_a_profile_of_srgb_and_none_are_the_same() -> None:
    water = synthetic.water(np.random.default_rng(3), 11)
    assert photo(water) == photo(water, icc_profile=SRGB) == photo(water, icc_profile=b"no profile")


def test_adobe_rgb_is_honoured() -> None:
    water = synthetic.water(np.random.default_rng(4), 9)
    assert photo(water, icc_profile=ADOBE_RGB).purity > photo(water).purity * 1.1


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
