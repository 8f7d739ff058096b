"""Bytes to pixels: known answers for every kind of picture, and nothing but `InputError` for any bytes."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import configure_pillow, decode, read_header
from tidelab.runs.inputs.pixels import array_to_rgb
from tidelab.runs.inputs.source import FileSource, read_picture
from tidelab.runs.limits import Limits

LIMITS = Limits(megapixels=1, pages=10)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture(autouse=True, scope="module")
def guards() -> None:
    configure_pillow(LIMITS)


def decoded(content: bytes, page: int = 0) -> npt.NDArray[np.uint8]:
    payload = read_picture(io.BytesIO(content), "name", LIMITS)  # type: ignore[arg-type]
    read_header(payload, LIMITS)
    return decode(payload, page, LIMITS)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def tiff(values: npt.NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def planar(values: npt.NDArray[np.generic]) -> bytes:
    return tiff(np.moveaxis(values, 2, 0), photometric="rgb", planarconfig="separate")


GREY = np.array([[0, 100, 255], [7, 8, 9]], np.uint8)
RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


def grey(values: object) -> npt.NDArray[np.uint8]:
    return np.repeat(np.array(values, np.uint8)[:, :, None], 3, axis=2)


def with_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[274] = value
    return saved(Image.fromarray(RGB), "PNG", exif=exif)


KNOWN: dict[str, tuple[Callable[[], bytes], npt.NDArray[np.uint8]]] = {
    "rgb png": (lambda: saved(Image.fromarray(RGB)), RGB),
    "rgb tiff": (lambda: tiff(RGB), RGB),
    "lzw tiff": (lambda: saved(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"), RGB),
    "big tiff": (lambda: tiff(RGB, bigtiff=True), RGB),
    "motorola tiff": (lambda: tiff(GREY, byteorder=">"), grey(GREY)),
    "planar tiff": (lambda: tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"), RGB),
    "grey png": (lambda: saved(Image.fromarray(GREY)), grey(GREY)),
    "1 bit png": (lambda: saved(Image.fromarray(np.array([[True, False]]))), grey([[255, 0]])),
    "palette png": (lambda: saved(Image.fromarray(RGB).quantize(6)), RGB),
    "16 bit png": (lambda: saved(Image.fromarray(np.array([[0, 256, 65535]], np.uint16))), grey([[0, 1, 255]])),
    "16 bit tiff": (lambda: tiff(np.array([[0, 32768, 65535]], np.uint16)), grey([[0, 128, 255]])),
    "12 bit in 16": (lambda: tiff(np.array([[0, 2048, 4095]], np.uint16)), grey([[0, 128, 255]])),
    "8 bit in 16": (lambda: tiff(np.array([[0, 128, 255]], np.uint16)), grey([[0, 128, 255]])),
    "16 bit colour tiff": (lambda: tiff(RGB.astype(np.uint16) * 256 + 99, photometric="rgb"), RGB),
    "16 bit colour tiff, dark": (lambda: tiff(RGB.astype(np.uint16) * 20, photometric="rgb"), (RGB.astype(np.uint16) * 20 >> 8).astype(np.uint8)),
    "planar 16 bit colour tiff": (lambda: planar(RGB.astype(np.uint16) * 256 + 99), RGB),
    "planar 16 bit colour tiff, dark": (lambda: planar(RGB.astype(np.uint16) * 20), (RGB.astype(np.uint16) * 20 >> 8).astype(np.uint8)),
    "8 bit tiff, white is zero": (lambda: tiff(GREY, photometric="miniswhite"), grey(255 - GREY)),
    "16 bit tiff, white is zero": (
        lambda: tiff(np.array([[0, 32767, 65535]], np.uint16), photometric="miniswhite"), grey([[255, 128, 0]]),
    ),
    "16 bit tiff, white is zero, turned": (
        lambda: tiff(np.array([[0, 65535]], np.uint16), photometric="miniswhite", extratags=[(274, "H", 1, 6, True)]),
        grey([[255], [0]]),
    ),
    "32 bit tiff": (lambda: tiff(np.array([[0, 2048, 4095]], np.int32)), grey([[0, 128, 255]])),
    "unsigned 32 bit tiff": (lambda: tiff(np.array([[0, 2048, 4095]], np.uint32)), grey([[0, 128, 255]])),
    "float tiff 0..1": (lambda: tiff(np.array([[0, 0.5, 1]], np.float32)), grey([[0, 128, 255]])),
    "float tiff 0..255": (lambda: tiff(np.array([[0, 127.9, 255]], np.float32)), grey([[0, 127, 255]])),
    "double tiff": (lambda: tiff(np.array([[0, 0.5, 1]], np.float64)), grey([[0, 128, 255]])),
    "alpha on white": (
        lambda: saved(Image.fromarray(np.array([[[9, 9, 9, 0], [9, 9, 9, 255]]], np.uint8))),
        np.array([[[255, 255, 255], [9, 9, 9]]], np.uint8),
    ),
    "grey with alpha": (lambda: saved(Image.new("LA", (2, 1), (50, 0))), grey([[255, 255]])),
    "palette with a transparent colour": (
        lambda: saved(Image.fromarray(RGB).quantize(6), transparency=0),
        np.where((np.array(Image.fromarray(RGB).quantize(6).getpalette()[:3], np.uint8) == RGB).all(2)[..., None], 255, RGB).astype(np.uint8),
    ),
    "turned by its camera (EXIF 6)": (lambda: with_orientation(6), np.rot90(RGB, -1)),
    "mirrored (EXIF 2)": (lambda: with_orientation(2), RGB[:, ::-1]),
    "turned tiff": (lambda: tiff(RGB, extratags=[(274, "H", 1, 8, True)]), np.rot90(RGB, 1)),
    "turned double tiff": (
        lambda: tiff(np.array([[0, 0.5, 1]], np.float64), extratags=[(274, "H", 1, 6, True)]),
        grey([[0], [128], [255]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KNOWN)
def test_known_answers(kind: str) -> None:
    make, expected = KNOWN[kind]
    pixels = decoded(make())
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(pixels, expected)


def test_cmyk_and_jpeg_are_close_to_what_was_meant() -> None:
    red = Image.new("RGB", (32, 32), (200, 30, 30))
    for content in (
        saved(red, "JPEG", quality=95),
        saved(red.convert("CMYK"), "TIFF"),
        saved(red.convert("CMYK"), "JPEG"),
    ):
        np.testing.assert_allclose(decoded(content).mean((0, 1)), (200, 30, 30), atol=6)


@pytest.mark.parametrize("kind", [np.uint64, np.float32, np.int32])
def test_white_is_zero_without_a_known_black_is_refused(kind: type) -> None:
    with pytest.raises(InputError, match="white is zero"):
        decoded(tiff(np.array([[0, 1, 1]], kind), photometric="miniswhite"))


def test_each_page_of_a_tiff_is_an_image() -> None:
    pages = [Image.new("L", (4, 4), value) for value in (10, 20, 30)]
    content = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    payload = read_picture(io.BytesIO(content), "name", LIMITS)  # type: ignore[arg-type]
    assert read_header(payload, LIMITS).pages == 3
    assert [int(decode(payload, page, LIMITS)[0, 0, 0]) for page in range(3)] == [10, 20, 30]


def test_a_damaged_exif_block_costs_its_turn_and_not_the_picture() -> None:
    content = saved(Image.fromarray(RGB), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40, quality=100)
    assert decoded(content).shape == RGB.shape


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((2, 2), -1, np.int16), "negative"),
        (np.full((2, 2), 70_000, np.int32), "values up to 70000"),
        (np.full((2, 2), np.inf, np.float32), "not numbers"),
        (np.zeros((2, 2), np.complex64), "complex64"),
        (np.zeros((2, 2, 5), np.uint8), "2 x 2 x 5"),
    ],
)
def test_values_without_a_rule_are_refused_by_name(values: npt.NDArray[np.generic], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        array_to_rgb(values)
    assert caught.value.kind == "pixel-values"


def test_the_limit_of_pixels_is_taken_before_decoding() -> None:
    for side in (1001, 5000):  # just above the limit, and where Pillow's own guard stands
        with pytest.raises(InputError) as caught:
            decoded(saved(Image.new("1", (side, side))))
        assert caught.value.kind == "too-many-pixels"
        assert caught.value.facts["limit"] == 1


SEEDS = [make() for make, _ in KNOWN.values()] + [saved(Image.fromarray(RGB), "JPEG")]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.sampled_from(SEEDS),
    cut=st.integers(0, 400),
    places=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
)
def test_any_damage_is_an_input_error_or_a_picture(
    seed: bytes, cut: int, places: list[tuple[int, int]]
) -> None:
    content = bytearray(seed[: max(8, len(seed) - cut)])
    for place, value in places:
        content[4 + place % max(1, len(content) - 4)] = (
            value  # the first bytes stay: it is still taken for a picture
        )
    with suppress(InputError):
        payload = read_picture(io.BytesIO(bytes(content)), "name.png", LIMITS)  # type: ignore[arg-type]
        for page in range(min(read_header(payload, LIMITS).pages, 3)):
            pixels = decode(payload, page, LIMITS)
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3


def test_a_large_file_is_read_from_its_own_handle_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidelab.runs.inputs.source.KEEP_IN_MEMORY", 100)
    (tmp_path / "large.png").write_bytes(saved(Image.fromarray(np.tile(RGB, (20, 20, 1)))))
    payload = FileSource("large.png", "large.png", tmp_path / "large.png", tmp_path).read(LIMITS)
    assert not isinstance(payload.content, bytes)
    other = payload.share()
    payload.close()
    np.testing.assert_array_equal(decode(other, 0, LIMITS), np.tile(RGB, (20, 20, 1)))
    other.close()


def test_the_header_names_the_largest_page() -> None:
    pages = [Image.new("L", size) for size in ((3, 4), (30, 40), (5, 6))]
    content = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    header = read_header(read_picture(io.BytesIO(content), "name", LIMITS), LIMITS)  # type: ignore[arg-type]
    assert (header.pages, header.pixels) == (3, 1200)


def test_pages_of_a_large_file_are_decoded_at_the_same_time_without_mixing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidelab.runs.inputs.source.KEEP_IN_MEMORY", 100)
    rng = np.random.default_rng(0)
    pages = [rng.integers(0, 256, (400, 500, 3), dtype=np.uint8) for _ in range(10)]
    first, *rest = map(Image.fromarray, pages)
    for compression in (None, "tiff_lzw"):
        first.save(tmp_path / "large.tif", save_all=True, append_images=rest, compression=compression)
        source = FileSource("large.tif", "large.tif", tmp_path / "large.tif", tmp_path)
        payload = source.read(LIMITS)
        # Two readers of one payload never share a position in the file.
        one, other = payload.open(), payload.share().open()
        one.seek(1000)
        assert other.tell() == 0
        assert other.read(4) == (tmp_path / "large.tif").read_bytes()[:4]
        shared = [payload.share() for _ in pages]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                found = list(pool.map(decode, shared, range(len(pages)), repeat(LIMITS)))
                assert all(np.array_equal(got, wanted) for got, wanted in zip(found, pages, strict=True))
        for each in (one, other, payload, *shared):
            each.close()
