"""Annotated pictures for tests: hand-made, drawn by hypothesis, and pictures of a size on the disk."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tidelab.formats.annotations import AnnotatedImage, Annotation, Dataset, Mask
from tidelab.formats.annotations.geometry import turned
from tidelab.formats.annotations.rle import mask_of

WIDTH, HEIGHT = 320, 240
LABELS = ("Sparus aurata", "Diplodus", "été ñ 鱼", "=1+1", "a,b\"c'")


def picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Write a grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 128).save(path)
    return path


def pictures(folder: Path, names: Iterable[str], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Write one grey picture of each kind and a link to it for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        one = folder.parent / f"{folder.name}-one{Path(name).suffix}"
        if not one.exists():
            picture(one, size)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(one)
    return folder


def one_image(*annotations: Annotation, name: str = "a.png", **values: Any) -> Dataset:
    """Return a dataset of one picture."""
    labels = tuple(dict.fromkeys(one.label for one in annotations)) or ("fish",)
    given = {"width": WIDTH, "height": HEIGHT, **values}
    return Dataset((AnnotatedImage(name, annotations=annotations, **given),), labels)


def box(
    left: float, top: float, right: float, bottom: float, label: str = "fish", **values: Any
) -> Annotation:
    """Return a box."""
    return Annotation(label, "box", ((left, top), (right, bottom)), **values)


def _hundredths(low: int, high: int) -> st.SearchStrategy[float]:
    # What two digits behind the point can say, so that equal can mean equal.
    return st.integers(low * 100, high * 100).map(lambda n: n / 100)


def points(least: int, most: int) -> st.SearchStrategy[tuple[tuple[float, float], ...]]:
    """Draw different points in the picture."""
    return st.lists(
        st.tuples(_hundredths(0, WIDTH), _hundredths(0, HEIGHT)), min_size=least, max_size=most, unique=True
    ).map(tuple)


@st.composite
def boxes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a box of at least a pixel."""
    left, top = draw(_hundredths(0, WIDTH - 2)), draw(_hundredths(0, HEIGHT - 2))
    right, bottom = (
        draw(_hundredths(math.ceil(left) + 1, WIDTH)),
        draw(_hundredths(math.ceil(top) + 1, HEIGHT)),
    )
    return {"shape": "box", "points": ((left, top), (right, bottom))}


@st.composite
def rotated_boxes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a box of a turn that shows, around the middle of the picture."""
    width, height = draw(st.integers(10, 90)), draw(st.integers(10, 90))
    angle = draw(st.integers(1, 359).filter(lambda n: n % 90))
    ring = turned(160 - width, 120 - height / 2, 160, 120 + height / 2, angle)
    return {"shape": "rotated_box", "points": ring}


@st.composite
def polygons(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an outline that does not cross itself: corners around a middle."""
    count = draw(st.integers(3, 12))
    radii = draw(st.lists(st.integers(5, 90), min_size=count, max_size=count))
    ring = tuple(
        (
            round(160 + r * math.cos(2 * math.pi * k / count), 2),
            round(120 + r * math.sin(2 * math.pi * k / count), 2),
        )
        for k, r in enumerate(radii)
    )
    return {"shape": "polygon", "points": ring}


@st.composite
def masks(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a few pixels."""
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(draw(st.integers(1, 4))):
        x, y = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
        pixels[y : y + draw(st.integers(1, 60)), x : x + draw(st.integers(1, 60))] = True
    return {"shape": "mask", "mask": mask_of(pixels)}


@st.composite
def ellipses(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an ellipse whose axes lie anywhere."""
    a, b, angle = (
        draw(st.integers(5, 100)),
        draw(st.integers(5, 100)),
        math.radians(draw(st.integers(0, 359))),
    )
    across, down = (a * math.cos(angle), a * math.sin(angle)), (-b * math.sin(angle), b * math.cos(angle))
    ends = ((160 - across[0], 120 - across[1]), (160 + across[0], 120 + across[1]))
    return {
        "shape": "ellipse",
        "points": (*ends, (160 - down[0], 120 - down[1]), (160 + down[0], 120 + down[1])),
    }


def places() -> st.SearchStrategy[dict[str, Any]]:
    """Draw shape and points of anything."""
    circles = st.tuples(points(1, 1), _hundredths(1, 100)).map(
        lambda v: {"shape": "circle", "points": v[0], "radius_px": v[1]}
    )
    return st.one_of(
        boxes(),
        rotated_boxes(),
        polygons(),
        masks(),
        ellipses(),
        circles,
        points(2, 6).map(lambda p: {"shape": "polyline", "points": p}),
        points(1, 1).map(lambda p: {"shape": "point", "points": p}),
        st.just({"shape": "tag"}),
    )


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Draw pictures with anything in them: names with blanks, letters of the world and folders; scores, tracks, attributes."""
    names = draw(
        st.lists(
            st.sampled_from(["a.png", "b b.png", "sub/c.png", "sub/d-é.png", "魚/e.png", "f'.png", "=g.png"]),
            min_size=1, max_size=4, unique=True,
        )
    )  # fmt: skip
    images = []
    for frame, name in enumerate(names):
        found = []
        for _ in range(draw(st.integers(0, 3))):
            found.append(
                Annotation(
                    draw(st.sampled_from(LABELS)),
                    score=draw(st.none() | st.integers(0, 1000).map(lambda n: n / 1000)),
                    track_id=draw(st.none() | st.integers(0, 3)),
                    attributes=draw(st.sampled_from([{}, {"occluded": True}, {"note": "a, \"b\""}])),
                    **draw(places()),
                )
            )  # fmt: skip
        images.append(AnnotatedImage(name, WIDTH, HEIGHT, tuple(found), frame))
    return Dataset(tuple(images), LABELS)


def small_mask(*pixels: tuple[int, int]) -> Mask:
    """Return a mask of single pixels (x, y)."""
    array = np.zeros((HEIGHT, WIDTH), bool)
    for x, y in pixels:
        array[y, x] = True
    return mask_of(array)
