"""When and where a photo was taken: by hand, damaged, and through a run's own reading of files."""

import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from eyeonwater.told import COLUMNS, read, told
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational as Part

from tests.support.icc_profiles import DISPLAY_P3
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collect import collect
from tidelab.runs.limits import Limits

NOTHING = dict.fromkeys(COLUMNS, "")
TEXEL = {1: "N", 2: (52, 59, Part(5412, 100)), 3: "E", 4: (4, 46, 12.0)}


def photo(
    gps: dict[int, Any] | None = None,
    taken: str = "",
    offset: str = "",
    kind: str = "JPEG",
    padding: int = 0,
    profile: bytes = b"",
) -> bytes:
    exif = Image.Exif()
    if gps:
        exif.get_ifd(0x8825).update(gps)
    if taken:
        exif.get_ifd(0x8769).update({0x9003: taken, **({0x9011: offset} if offset else {})})
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    more: dict[str, Any] = {"comment": b"x" * min(padding, 60_000)} if padding else {}
    Image.fromarray(noise).save(
        stream, kind, exif=exif, **more, **({"icc_profile": profile} if profile else {})
    )
    return stream.getvalue()


def test_a_position_and_a_time_by_hand() -> None:
    """52 degrees 59 minutes 54.12 seconds north: 52 + 59/60 + 54.12/3600 = 52.998367."""
    found = told(photo({**TEXEL, 0x1F: Part(4731, 1000)}, "2024:07:01 14:03:05", "+02:00"))
    assert found == {
        "taken": "2024-07-01T14:03:05+02:00",
        "latitude_deg": 52.998367,
        "longitude_deg": 4.77,
        "position_error_m": 4.7,
        "colour_space": "",
    }


def test_another_colour_space_is_named() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20)).save(stream, "JPEG", icc_profile=DISPLAY_P3)
    assert told(stream.getvalue()) == NOTHING | {"colour_space": "made for a test"}


def test_a_profile_whose_name_cannot_be_read_costs_no_position(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(image: Image.Image) -> str:
        raise UnicodeDecodeError("utf-16", b"", 0, 1, "damaged description")

    monkeypatch.setattr("eyeonwater.told.other_space", damaged)
    found = told(photo(TEXEL, profile=DISPLAY_P3))
    assert (found["latitude_deg"], found["longitude_deg"]) == (52.998367, 4.77)
    assert found["colour_space"] == "a colour space without a name"


@settings(max_examples=60)
@given(st.integers(0, len(DISPLAY_P3) - 1), st.integers(0, 255))
def test_no_damage_of_a_profile_costs_the_position(at: int, value: int) -> None:
    broken = bytearray(DISPLAY_P3)
    broken[at] = value
    found = told(photo(TEXEL, profile=bytes(broken)))
    assert (found["latitude_deg"], found["longitude_deg"]) == (52.998367, 4.77)


def test_damaged_exif_costs_no_colour_space(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(image: Image.Image) -> Image.Exif:
        raise SyntaxError("not a TIFF file")

    content = photo(TEXEL, profile=DISPLAY_P3)
    monkeypatch.setattr(Image.Image, "getexif", damaged)
    assert told(content) == NOTHING | {"colour_space": "made for a test"}


def test_south_and_west_are_negative_and_a_time_without_zone_has_none() -> None:
    found = told(photo({1: "S", 2: (33, 30, 0), 3: "W", 4: (70, 15, 0)}, "2024:07:01 14:03:05"))
    assert (found["latitude_deg"], found["longitude_deg"]) == (-33.5, -70.25)
    assert found["taken"] == "2024-07-01T14:03:05"


@pytest.mark.parametrize(
    "gps",
    [
        None,
        {1: "N", 2: (52, 0, 0)},
        {**TEXEL, 1: "X"},
        {**TEXEL, 2: (91, 0, 0)},
        {**TEXEL, 4: (180, 0, 1)},
        {**TEXEL, 2: (52, 60, 0)},
        {**TEXEL, 2: (Part(1, 0), 0, 0)},
        {1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)},
    ],
)
def test_what_is_no_position_stays_empty(gps: dict[int, Any] | None) -> None:
    assert told(photo(gps)) == NOTHING


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_block_is_no_failure(at: int, value: int) -> None:
    broken = bytearray(photo(TEXEL, "2024:07:01 14:03:05"))
    broken[at] = value
    found = told(bytes(broken))
    assert tuple(found) == COLUMNS
    for name, limit in (("latitude_deg", 90), ("longitude_deg", 180)):
        assert found[name] == "" or (math.isfinite(float(found[name])) and abs(float(found[name])) <= limit)


def test_the_reader_tells_it_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(TEXEL, "2024:07:01 14:03:05", "+02:00"))
    (tmp_path / "b.png").write_bytes(photo(kind="PNG"))
    (tmp_path / "empty.jpg").touch()
    context = cast(ReaderContext, SimpleNamespace(stop_if_cancelled=int, progress=print))
    found = collect([tmp_path], Limits(), lambda given, collection: read(given, collection, context))
    rows = {source.name: cast(Any, source).measurements for source in found.sources}
    assert rows["a.jpg"]["latitude_deg"] == 52.998367
    assert rows["b.png"] == rows["empty.jpg"] == NOTHING
