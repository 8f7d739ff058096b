"""Between the key frames of a CVAT track: as CVAT's own code interpolates, worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.annotated import box
from tidelab.formats.annotations import AnnotatedImage, Annotation, Dataset, read, write
from tidelab.formats.annotations.cvat_tracks import Key, between, spread
from tidelab.formats.annotations.geometry import turned, unturned

META = (
    "<annotations><version>1.1</version><meta><task><size>6</size><mode>interpolation</mode><start_frame>0</start_frame>"
    "<stop_frame>{stop}</stop_frame><frame_filter>{filter}</frame_filter><labels><label><name>cod</name></label></labels>"
    "<original_size><width>100</width><height>50</height></original_size></task></meta>"
)


def shape(frame: int, left: float, *, outside: int = 0, keyframe: int = 1) -> str:
    return f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" xtl="{left}" ytl="0" xbr="{left + 10}" ybr="10"/>'


def video(tmp_path: Path, *shapes: str, stop: int = 5, step: str = "") -> Dataset:
    text = (
        META.format(stop=stop, filter=step)
        + '<track id="4" label="cod">'
        + "".join(shapes)
        + "</track></annotations>"
    )
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    return read(tmp_path / "a.xml")


def lefts(dataset: Dataset) -> dict[int | None, float | None]:
    return {
        image.frame: image.annotations[0].points[0][0] if image.annotations else None
        for image in dataset.images
    }


def test_a_box_moves_in_a_straight_line_and_stays_to_the_end(tmp_path: Path) -> None:
    found = video(tmp_path, shape(0, 0), shape(3, 30))
    assert found.format == "cvat-video"
    assert lefts(found) == {0: 0, 1: 10, 2: 20, 3: 30, 4: 30, 5: 30}
    assert {one.track_id for image in found.images for one in image.annotations} == {4}
    assert (found.images[2].file_name, found.images[2].size) == ("frame_000002.png", (100, 50))


def test_outside_hides_until_the_next_key_frame(tmp_path: Path) -> None:
    found = video(tmp_path, shape(0, 0), shape(2, 20, outside=1), shape(4, 40), shape(5, 40, outside=1))
    assert lefts(found) == {0: 0, 1: 10, 2: None, 3: None, 4: 40, 5: None}


def test_frames_that_stand_there_are_taken_as_they_are(tmp_path: Path) -> None:
    assert lefts(video(tmp_path, shape(0, 0), shape(1, 7, keyframe=0), shape(2, 20))) == {
        0: 0,
        1: 7,
        2: 20,
        3: 20,
        4: 20,
        5: 20,
    }


def test_every_second_frame_of_the_video(tmp_path: Path) -> None:
    assert lefts(video(tmp_path, shape(0, 0), shape(4, 40), stop=4, step="step=2")) == {0: 0, 2: 20, 4: 40}


def test_faulty_shapes_cost_themselves(tmp_path: Path) -> None:
    found = video(
        tmp_path, shape(0, 0), shape(0, 9), '<box frame="x" xtl="0" ytl="0" xbr="1" ybr="1"/>', shape(3, 30)
    )
    assert lefts(found)[3] == 30
    assert [fault.field for fault in found.faults] == ["frame", "frame"]


def test_a_box_turns_the_shorter_way() -> None:
    first = Annotation("a", "rotated_box", turned(0, 0, 20, 10, 350))
    second = Annotation("a", "rotated_box", turned(0, 0, 20, 10, 30))
    assert unturned(between(first, second, 0.25).points)[4] == pytest.approx(0, abs=1e-9)
    assert unturned(between(first, second, 0.5).points) == pytest.approx((10, 5, 20, 10, 10))


def test_one_point_moves_several_stay() -> None:
    one = [Annotation("a", "point", ((x, 0),)) for x in (0, 10)]
    assert between(*one, 0.5).points == ((5, 0),)
    several = [Annotation("a", "point", ((x, 0), (x, 5))) for x in (0, 10)]
    assert between(*several, 0.5) == several[0]


def test_polygons_of_equal_corners_move_corner_by_corner() -> None:
    square = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
    first = Annotation("a", "polygon", square)
    second = Annotation("a", "polygon", tuple((x + 8, y) for x, y in square))
    assert between(first, second, 0.5).points == tuple((x + 4, y) for x, y in square)


def test_a_polygon_that_gains_a_corner() -> None:
    # The new corner lies at an eighth of the outline; its nearest partner is the first corner.
    first = Annotation("a", "polygon", ((0, 0), (10, 0), (10, 10), (0, 10)))
    second = Annotation("a", "polygon", ((0, 0), (4, 0), (10, 0), (10, 10), (0, 10)))
    assert between(first, second, 0.5).points == ((0, 0), (2, 0), (10, 0), (10, 10), (0, 10))


def test_masks_keep_their_place_and_attributes_follow() -> None:
    keys = [Key(0, box(0, 0, 1, 1, attributes={"sex": "F"}), False), Key(2, box(2, 0, 3, 1), True)]
    assert [(frame, dict(one.attributes)) for frame, one in spread(keys, range(4))] == [
        (0, {"sex": "F"}),
        (1, {"sex": "F"}),
    ]


def test_a_track_with_a_gap_is_written_and_read_as_one(tmp_path: Path) -> None:
    frames = {0: 0.0, 1: 3.0, 4: 9.0}
    images = tuple(
        AnnotatedImage(
            f"{n}.png", 100, 50, (box(frames[n], 0, frames[n] + 5, 5, track_id=9),) if n in frames else (), n
        )
        for n in range(6)
    )
    notes = write(Dataset(images, ("fish",)), tmp_path / "a.xml", "cvat-video")
    found = read(tmp_path / "a.xml")
    assert lefts(found) == {0: 0, 1: 3, 2: None, 3: None, 4: 9, 5: None}
    assert np.all([one.track_id == 9 for image in found.images for one in image.annotations])
    assert notes == ("Names of pictures are lost or changed: 6: CVAT for video 1.1 has no place for that.",)
