"""Generated scans with known objects: what a program finds can be compared with what was drawn.

A scan is an empty glass with uneven light and noise, a dark frame at its edges, and objects: ellipses of known area, some with a
hole, some as touching pairs, some that reach over the frame's edge, and specks below the size limit. Scans are written in bands of
rows, so that a full one (14,500 x 24,300 px) needs little memory. Everything follows from the seed.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import tifffile

Kind = Literal["single", "holed", "pair", "speck", "edge"]
Grey16 = npt.NDArray[np.uint16]

EMPTY_GREY: Final = 53_400
"""16-bit grey level of the empty glass, as in real scans."""
FRAME_GREY: Final = 30_000
OBJECT_GREY: Final = 26_000
NOISE_SD: Final = 110.0
VIGNETTING: Final = 0.06
"""Share by which the corners are darker than the middle."""
_BAND_ROWS: Final = 512


@dataclass(frozen=True, slots=True)
class Ellipse:
    """One drawn ellipse, in px of the scan as it is stored.

    Attributes
    ----------
    x, y : float
        Centre; a pixel's centre is at whole numbers.
    half_width, half_height : float
        Semi-axes along the picture's sides.
    hole : float
        Semi-axes of a concentric hole as a share of the ellipse's; 0: none.
    """

    x: float
    y: float
    half_width: float
    half_height: float
    hole: float = 0.0

    def inside(
        self, rows: npt.NDArray[Any], columns: npt.NDArray[Any], share: float = 1.0
    ) -> npt.NDArray[np.bool_]:
        """Return which pixel centres lie within `share` times the ellipse."""
        distance = ((columns - self.x) / (self.half_width * share)) ** 2 + (
            (rows - self.y) / (self.half_height * share)
        ) ** 2
        drawn: npt.NDArray[np.bool_] = distance <= 1
        return drawn

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First and after-last column, first and after-last row of its pixels (or some more)."""
        return (
            math.floor(self.x - self.half_width), math.ceil(self.x + self.half_width) + 1,
            math.floor(self.y - self.half_height), math.ceil(self.y + self.half_height) + 1,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """One thing that was drawn: the truth.

    Attributes
    ----------
    kind : Kind
        single, holed, pair (two ellipses that touch), speck (below the limit), edge (over the frame's edge).
    ellipses : sequence of Ellipse
        One, or two of a pair.
    area_px : int
        Pixels, holes filled.
    """

    kind: Kind
    ellipses: Sequence[Ellipse]
    area_px: int


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """A scan to be drawn.

    Attributes
    ----------
    width, height : int
        Size of the scan as stored, px.
    frame_px : int
        Width of the dark frame at its edges.
    drawn : sequence of Drawn
        What lies on the glass.
    seed : int
        Of noise and places.
    """

    width: int
    height: int
    frame_px: int
    drawn: Sequence[Drawn]
    seed: int

    @property
    def countable(self) -> int:
        """How many objects a program should find: singles, holed ones and pairs (as one each)."""
        return sum(drawn.kind in ("single", "holed", "pair") for drawn in self.drawn)

    def truth(self) -> str:
        """Return everything that was drawn as JSON."""
        return json.dumps(asdict(self), indent=1)


def plan_scan(
    width: int, height: int, *, counts: dict[Kind, int], min_area_px: int, seed: int = 1, frame_px: int = 40
) -> ScanPlan:
    """Return a plan: objects in cells of a grid, so that only pairs touch.

    Parameters
    ----------
    width, height : int
        Size of the scan, px.
    counts : dict
        How many of each kind; edge objects lie on the frame's inner edge.
    min_area_px : int
        Limit of size: specks stay below 0.7 of it, all others above 1.4.
    seed : int
        Of the plan.
    frame_px : int
        Width of the dark frame.

    Raises
    ------
    ValueError
        When they do not fit.
    """
    random = np.random.default_rng(seed)
    smallest = math.sqrt(min_area_px / math.pi)
    cell = math.ceil(smallest * 16)
    columns, rows = (width - 2 * frame_px - cell) // cell, (height - 2 * frame_px - cell) // cell
    wanted = [kind for kind, count in counts.items() if kind != "edge" for _ in range(count)]
    if len(wanted) > columns * rows:
        raise ValueError(
            f"{len(wanted)} objects do not fit on {width} x {height} px; there is room for {max(columns * rows, 0)}."
        )
    cells = random.permutation(columns * rows)[: len(wanted)]
    drawn = [
        _draw(
            kind,
            frame_px + (index % columns + 1) * cell,
            frame_px + (index // columns + 1) * cell,
            smallest,
            random,
        )
        for kind, index in zip(wanted, cells.tolist(), strict=True)
    ]
    drawn += [
        _on_edge(width, height, frame_px, smallest, random, number) for number in range(counts.get("edge", 0))
    ]
    return ScanPlan(width, height, frame_px, drawn, seed)


def _draw(kind: Kind, x: int, y: int, smallest: float, random: np.random.Generator) -> Drawn:
    center_x, center_y = x + random.uniform(-0.4, 0.4), y + random.uniform(-0.4, 0.4)
    if kind == "speck":
        radius = smallest * random.uniform(0.2, 0.8)
        return _drawn(kind, Ellipse(center_x, center_y, max(radius, 1.0), max(radius, 1.0)))
    half_width, half_height = smallest * random.uniform(1.3, 2.6, 2)
    if kind == "pair":
        # Overlapping by a tenth: they touch in a neck a third of the ellipses' height.
        other = Ellipse(center_x + 1.9 * half_width, center_y, half_width, half_height)
        return _drawn(kind, Ellipse(center_x, center_y, half_width, half_height), other)
    hole = 0.5 if kind == "holed" else 0.0
    return _drawn(kind, Ellipse(center_x, center_y, half_width, half_height, hole))


def _on_edge(
    width: int, height: int, frame: int, smallest: float, random: np.random.Generator, number: int
) -> Drawn:
    along = random.uniform(0.2, 0.8)
    x, y = [
        (frame, along * height),
        (width - frame, along * height),
        (along * width, frame),
        (along * width, height - frame),
    ][number % 4]
    return _drawn("edge", Ellipse(float(x), float(y), smallest * 2, smallest * 2))


def _drawn(kind: Kind, *ellipses: Ellipse) -> Drawn:
    left, right = min(one.box[0] for one in ellipses), max(one.box[1] for one in ellipses)
    top, bottom = min(one.box[2] for one in ellipses), max(one.box[3] for one in ellipses)
    rows, columns = np.arange(top, bottom)[:, None], np.arange(left, right)[None, :]
    area = np.logical_or.reduce([one.inside(rows, columns) for one in ellipses])
    return Drawn(kind, ellipses, int(area.sum()))


def glass(width: int, rows: range, height: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return rows of the empty glass: brightest in the middle, with noise."""
    down = ((np.arange(rows.start, rows.stop) / height - 0.5) * 2)[:, None] ** 2
    across = ((np.arange(width) / width - 0.5) * 2)[None, :] ** 2
    light = (EMPTY_GREY * (1 - VIGNETTING * (down + across) / 2)).astype(np.float32)
    light += random.standard_normal(light.shape, dtype=np.float32) * np.float32(NOISE_SD)
    return light


def write_scan(
    path: Path,
    plan: ScanPlan,
    *,
    dpi: int = 2400,
    after: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a plan as a 16-bit TIFF, in bands of rows."""
    random = np.random.default_rng([plan.seed, 1])
    ordered = sorted(
        (ellipse for drawn in plan.drawn for ellipse in drawn.ellipses), key=lambda one: one.box[2]
    )

    def band(rows: range) -> Grey16:
        light = glass(plan.width, rows, plan.height, random)
        _frame(light, rows, plan)
        for ellipse in ordered:
            _paint(light, rows, ellipse)
        after(rows.stop, plan.height)
        return np.clip(light, 0, 65535).astype(np.uint16)

    _write(path, plan.width, plan.height, dpi, band)


def write_blank(path: Path, width: int, height: int, *, dpi: int = 2400, seed: int = 1) -> None:
    """Write a scan of the empty glass as a 16-bit TIFF, in bands of rows."""
    random = np.random.default_rng([seed, 2])
    _write(
        path,
        width,
        height,
        dpi,
        lambda rows: np.clip(glass(width, rows, height, random), 0, 65535).astype(np.uint16),
    )


def _write(path: Path, width: int, height: int, dpi: int, band: Callable[[range], Grey16]) -> None:
    bands = (band(range(start, min(start + _BAND_ROWS, height))) for start in range(0, height, _BAND_ROWS))
    tifffile.imwrite(
        path, bands, shape=(height, width), dtype=np.uint16, rowsperstrip=_BAND_ROWS, photometric="minisblack",
        resolution=(dpi, dpi), resolutionunit="INCH", metadata=None,
    )  # fmt: skip


def _frame(light: npt.NDArray[np.float32], rows: range, plan: ScanPlan) -> None:
    if plan.frame_px:
        light[:, : plan.frame_px] = FRAME_GREY
        light[:, -plan.frame_px :] = FRAME_GREY
        light[: max(plan.frame_px - rows.start, 0)] = FRAME_GREY
        light[max(plan.height - plan.frame_px - rows.start, 0) :] = FRAME_GREY


def _paint(light: npt.NDArray[np.float32], rows: range, ellipse: Ellipse) -> None:
    left, right, top, bottom = ellipse.box
    top, bottom = max(top, rows.start), min(bottom, rows.stop)
    left, right = max(left, 0), min(right, light.shape[1])
    if top >= bottom or left >= right:
        return
    down, across = np.arange(top, bottom)[:, None], np.arange(left, right)[None, :]
    inside = ellipse.inside(down, across)
    if ellipse.hole:
        inside &= ~ellipse.inside(down, across, ellipse.hole)
    part = light[top - rows.start : bottom - rows.start, left:right]
    part[inside] = OBJECT_GREY


def labelled(folder: Path, count: int, seed: int) -> None:
    """Write drawn vignettes of single and of touching animals to train on; see `zooscan.drawings.labelled`."""
    from zooscan import drawings

    drawings.labelled(folder, count, seed)
