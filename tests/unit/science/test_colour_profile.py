"""Embedded colour profiles: known colours, sRGB left alone, and profiles that are none."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.icc_profiles import ADOBE_RGB, DISPLAY_P3, SRGB, in_display_p3
from tidelab.science.colour_profile import LARGEST_PROFILE, other_space, to_srgb

# Red and orange of sRGB as the documentation of coloraide gives them in Display P3 (https://facelessuser.github.io/coloraide/colors/display_p3/):
# 0.91749 0.20029 0.13856 and 0.94965 0.6629 0.23297, times 255. White and grey are the same in both.
PAIRS = [
    ((255, 0, 0), (234, 51, 35)),
    ((255, 165, 0), (242, 169, 59)),
    ((255, 255, 255), (255, 255, 255)),
    ((128, 128, 128), (128, 128, 128)),
]


def picture(
    pixels: npt.NDArray[np.uint8], profile: bytes | None, kind: str = "PNG", mode: str = "RGB"
) -> Image.Image:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, icc_profile=profile)
    return Image.open(io.BytesIO(stream.getvalue()))


def plain(*colour: int) -> npt.NDArray[np.uint8]:
    return np.full((4, 5, 3), colour, np.uint8)


@pytest.mark.parametrize(("srgb", "p3"), PAIRS)
def test_display_p3_is_turned_into_srgb(srgb: tuple[int, ...], p3: tuple[int, ...]) -> None:
    found = np.asarray(to_srgb(picture(plain(*p3), DISPLAY_P3)))
    assert np.abs(found.astype(int) - srgb).max() <= 2
    # The helper that draws photos in Display P3 agrees with the published pairs, and it knows nothing of Little CMS.
    assert np.abs(in_display_p3(np.array(srgb, np.uint8)).astype(int) - p3).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_muted_colour_comes_back(kind: str, mode: str) -> None:
    colours = np.random.default_rng(1).integers(60, 200, (40, 40, 3), np.uint8)
    image = picture(in_display_p3(colours), DISPLAY_P3, kind, mode)
    found = np.asarray(to_srgb(image).convert("RGB"))
    assert np.abs(found.astype(int) - colours).max() <= 2


def test_transparency_stays() -> None:
    image = Image.new("RGBA", (3, 2), (100, 120, 90, 77))
    image.info["icc_profile"] = DISPLAY_P3
    assert np.asarray(to_srgb(image))[..., 3].tolist() == [[77] * 3] * 2


def test_a_transparent_colour_stays_transparent() -> None:
    image = Image.new("RGB", (3, 2), (234, 51, 35))
    image.info |= {"icc_profile": DISPLAY_P3, "transparency": (234, 51, 35)}
    assert np.asarray(to_srgb(image))[..., 3].max() == 0


def test_a_profile_of_srgb_changes_nothing() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (30, 30, 3), np.uint8)
    image = picture(pixels, SRGB)
    assert to_srgb(image) is image
    assert other_space(image) == ""


def test_another_space_is_called_by_its_name() -> None:
    assert other_space(picture(plain(1, 2, 3), DISPLAY_P3)) == "made for a test"
    assert other_space(picture(plain(1, 2, 3), ADOBE_RGB)) == "made for a test"
    assert other_space(picture(plain(1, 2, 3), None)) == ""


def test_adobe_rgb_is_no_srgb() -> None:
    found = np.asarray(to_srgb(picture(plain(60, 140, 150), ADOBE_RGB)))[0, 0]
    # Its green lies further out, so the same numbers are a stronger colour: less red in sRGB.
    assert found[0] < 30
    assert abs(int(found[1]) - 140) <= 6


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "CMYK", "1"])
def test_other_pictures_keep_their_values(mode: str) -> None:
    image = Image.new(mode, (4, 4), 1)
    image.info["icc_profile"] = DISPLAY_P3
    assert to_srgb(image) is image


@pytest.mark.parametrize(
    "profile", [b"", b"\0" * 200, DISPLAY_P3[:200], b"x" * (LARGEST_PROFILE + 1), "text", None]
)
def test_what_is_no_profile_is_ignored(profile: object) -> None:
    image = Image.new("RGB", (4, 4), (10, 200, 30))
    image.info["icc_profile"] = profile
    assert to_srgb(image) is image
    assert other_space(image) == ""


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(DISPLAY_P3) - 1), st.integers(0, 255))
def test_a_profile_with_a_wrong_byte_does_no_harm(at: int, value: int) -> None:
    broken = bytearray(DISPLAY_P3)
    broken[at] = value
    image = Image.new("RGB", (4, 4), (10, 200, 30))
    image.info["icc_profile"] = bytes(broken)
    assert to_srgb(image).size == (4, 4)
    assert len(other_space(image)) <= 60
