"""When a picture was taken: from its name, from its EXIF block, and nothing guessed."""

import datetime
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tidelab.formats.picture_time import Moment, from_exif, from_name, in_utc, named_zone

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("name", "time", "station", "camera"),
    [
        ("2024-05-01T12-00-00Z.png", "2024-05-01T12:00:00+00:00", "", ""),
        ("clm_s_01_2011-11-27-12-00.jpg", "2011-11-27T12:00:00+00:00", "clm", "s_01"),
        ("OBSEA_cam2_2011-11-27-12-00-30.jpg", "2011-11-27T12:00:30+00:00", "OBSEA", "cam2"),
        ("20240501_120000.jpg", "2024-05-01T12:00:00", "", ""),
        ("IMG_20240501_120000.jpg", "2024-05-01T12:00:00", "", ""),
        ("cam1_2024-05-01T12-30-00Z.jpg", "2024-05-01T12:30:00+00:00", "", "cam1"),
        ("deep/cam-7/20240501T120000Z.tif", "2024-05-01T12:00:00+00:00", "", "cam-7"),
        ("camera_north/2024-05-01 12.00.05.jpg", "2024-05-01T12:00:05", "", "camera_north"),
        ("smartbay_cam1_20240501T120000.250Z.jpg", "2024-05-01T12:00:00.250000+00:00", "smartbay", "cam1"),
        ("x_20240501T140000+0200.jpg", "2024-05-01T14:00:00+02:00", "", ""),
    ],
)
def test_names_of_cameras(name: str, time: str, station: str, camera: str) -> None:
    found = from_name(name)
    assert found.moment is not None
    assert (found.moment.time.isoformat(), found.moment.source) == (time, "file-name")
    assert (found.station, found.camera) == (station, camera)


@pytest.mark.parametrize(
    "name",
    ["a.png", "fish 12.jpg", "20241301_120000.jpg", "20240230_120000.jpg", "20240501_250000.jpg", "99999999_999999.png",
     "12345678901234567890.png", "1234-56-78-90-12.png", "00000501_120000.jpg", "v2_2024-05-01.png"],
)  # fmt: skip
def test_names_that_hold_no_time_give_none(name: str) -> None:
    assert from_name(name).moment is None


@settings(max_examples=150)
@given(st.text(max_size=60))
def test_no_name_raises(name: str) -> None:
    found = from_name(name)
    assert found.moment is None or found.moment.time.year >= 1900


def jpeg(**tags: str) -> bytes:
    image, stream = Image.new("RGB", (8, 8)), io.BytesIO()
    exif = Image.Exif()
    numbers = {"original": 0x9003, "offset": 0x9011, "fraction": 0x9291}
    exif.get_ifd(0x8769).update({numbers[name]: value for name, value in tags.items()})
    image.save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_exif_with_offset_is_a_moment_in_utc() -> None:
    found = from_exif(io.BytesIO(jpeg(original="2024:05:01 14:00:03", offset="+02:00", fraction="5")))
    assert found is not None
    assert found.source == "exif"
    assert in_utc(found) == datetime.datetime(2024, 5, 1, 12, 0, 3, 500_000, UTC)


def test_exif_without_offset_stays_without_a_zone_until_somebody_gives_one() -> None:
    found = from_exif(io.BytesIO(jpeg(original="2024:01:01 12:00:00")))
    assert found is not None
    assert not found.zone_known
    assert in_utc(found) is None
    assert in_utc(found, "Europe/Madrid") == datetime.datetime(2024, 1, 1, 11, tzinfo=UTC)
    assert in_utc(found, "-03:30") == datetime.datetime(2024, 1, 1, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "tags",
    [{}, {"original": "0000:00:00 00:00:00"}, {"original": "yesterday"}, {"original": "2024:13:01 00:00:00"}],
)
def test_exif_that_says_no_time_gives_none(tags: dict[str, str]) -> None:
    assert from_exif(io.BytesIO(jpeg(**tags))) is None


@settings(max_examples=80)
@given(st.data())
def test_damaged_pictures_never_raise(data: st.DataObject) -> None:
    content = bytearray(jpeg(original="2024:05:01 14:00:03", offset="+02:00"))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    from_exif(io.BytesIO(bytes(content[: data.draw(st.integers(0, len(content)))])))


def test_an_offset_of_a_name_that_is_none_leaves_the_zone_unknown() -> None:
    found = from_name("20240501T120000+9900.jpg").moment
    assert found is not None
    assert not found.zone_known


@pytest.mark.parametrize("text", ["Atlantis", "+25:00", "../etc/passwd", "+99", "\x00"])
def test_what_is_no_time_zone_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is no time zone: expected UTC"):
        named_zone(text)


def test_moment_knows_its_zone() -> None:
    assert Moment(datetime.datetime(2024, 1, 1, tzinfo=UTC), "exif").zone_known
