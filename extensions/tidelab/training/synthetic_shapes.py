"""How each plankton class of the demonstration set is drawn.

Shapes follow what FlowCam crops of these groups show: radial sectors of *Actinoptychus*, cells in chains, stalked ciliates, opaque
armoured dinoflagellates, the large translucent and often crumpled *Noctiluca*, the horns of *Tripos*. They are drawings with known
truth, made to try the software with; a model trained on them knows nothing of real plankton.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from tidelab.training.synthetic_canvas import Canvas, Points, arc, circle

Rng = np.random.Generator


def actinoptychus(rng: Rng) -> Canvas:
    """Draw a centric diatom valve: alternating raised and sunken sectors, a rim, sometimes broken or with contents."""
    radius = rng.uniform(26, 44)
    squeeze = rng.uniform(0.8, 1.0)
    canvas = Canvas(radius * 1.25, rng.uniform(0, 2 * np.pi))
    outline = circle(radius, radius * squeeze, rng.uniform(0, 0.012), rng.uniform(0, 6))
    canvas.fill(outline, rng.uniform(0.1, 0.3))
    sectors = 2 * int(rng.integers(3, 7))
    dark = rng.uniform(0.2, 0.55)
    for k in range(sectors):
        angle = np.linspace(k, k + 1, 8) * 2 * np.pi / sectors
        rim = np.stack([radius * np.cos(angle), radius * squeeze * np.sin(angle)], axis=1) * 0.93
        canvas.line([(0, 0), tuple(rim[0])], 1.2, 0.35)
        if k % 2:
            canvas.fill(np.vstack([[0, 0], rim]), dark)
    canvas.line(np.vstack([outline, outline[:1]]), rng.uniform(2, 3.5), rng.uniform(0.6, 1.1))
    canvas.dots(np.zeros((1, 2)), np.array([radius * rng.uniform(0.08, 0.16)]), -0.25)
    inside = canvas.mask(outline)
    for _ in range(int(rng.poisson(1.0))):  # cell contents
        blob = circle(radius * rng.uniform(0.15, 0.4), wobble=0.09, phase=rng.uniform(0, 6))
        canvas.absorbance += (
            rng.uniform(0.3, 1.2) * inside * canvas.mask(rng.normal(0, radius * 0.3, 2) + blob)
        )
    canvas.absorbance = np.maximum(canvas.absorbance, 0)
    canvas.smooth(0.7)
    canvas.texture(rng, rng.uniform(0.7, 1.6), 0.28)
    if rng.random() < 0.35:
        _break(canvas, rng, radius)
    return canvas


def _break(canvas: Canvas, rng: Rng, radius: float) -> None:
    """Cut a jagged piece away, leaving the rest of the valve."""
    direction = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-1.6, 1.6, 12) * radius
    edge = np.stack(
        [np.full(12, rng.uniform(0.1, 0.6) * radius) + rng.normal(0, radius * 0.08, 12), across], axis=1
    )
    piece = np.vstack([edge, [[2 * radius, 1.6 * radius], [2 * radius, -1.6 * radius]]])
    cos, sin = np.cos(direction), np.sin(direction)
    canvas.cut(piece @ np.array([[cos, sin], [-sin, cos]]))


def bacillariophyceae(rng: Rng) -> Canvas:
    """Draw one to five diatom cells in a chain: glassy walls, dark chloroplasts."""
    cells = int(rng.integers(1, 6))
    length, width = rng.uniform(12, 30), rng.uniform(10, 24)
    if cells == 1:
        length = rng.uniform(38, 70)
    length = min(length, 110 / cells)
    canvas = Canvas(length * cells * 0.6 + 16, rng.uniform(0, 2 * np.pi))
    rounded, wall, contents = rng.random() < 0.35, rng.uniform(0.35, 0.9), rng.uniform(0.3, 1.8)
    bend = rng.normal(0, 0.03)
    for k in range(cells):
        x = (k - (cells - 1) / 2) * length
        centre = np.array([x, bend * x * x / 6])
        _cell(canvas, rng, centre, length * 0.94, width, rounded, wall, contents)
    canvas.texture(rng, 0.8, 0.2)
    return canvas


def _cell(
    canvas: Canvas,
    rng: Rng,
    centre: Points,
    length: float,
    width: float,
    rounded: bool,
    wall: float,
    contents: float,
) -> None:
    half = np.array([length / 2, width / 2])
    if rounded:
        outline = centre + circle(half[0], half[1])
    else:
        outline = centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(
            0.95, 1.03, (4, 1)
        )
    canvas.fill(outline, 0.12)
    canvas.line(np.vstack([outline, outline[:1]]), 1.6, wall)
    for _ in range(int(rng.integers(0, 4))):
        blob = circle(
            half[0] * rng.uniform(0.3, 0.75), half[1] * rng.uniform(0.35, 0.8), 0.12, rng.uniform(0, 6)
        )
        canvas.fill(centre + rng.normal(0, 0.2, 2) * half + blob, contents * rng.uniform(0.5, 1))


def ciliophora(rng: Rng) -> Canvas:
    """Draw a stalked ciliate, bell up, with its foot and debris; one in four is a tintinnid in its lorica."""
    if rng.random() < 0.25:
        return _tintinnid(rng)
    stalk, bell = rng.uniform(28, 62), rng.uniform(8, 15)
    canvas = Canvas(stalk * 0.75 + bell * 2.4, rng.uniform(0, 2 * np.pi))
    stem = arc((0, stalk * 0.4), -np.pi / 2, stalk, rng.normal(0, 0.25))
    canvas.line(stem, rng.uniform(1.2, 2.4), rng.uniform(0.4, 0.9))
    top = stem[-1]
    canvas.fill(
        top + circle(bell, bell * rng.uniform(0.85, 1.25), 0.05, rng.uniform(0, 6)), rng.uniform(1.2, 3.0)
    )
    for angle in rng.uniform(-np.pi, 0.2, int(rng.integers(4, 14))):  # cilia
        away = np.array([np.cos(angle), np.sin(angle)])
        canvas.line(
            [tuple(top + away * bell * 0.9), tuple(top + away * bell * rng.uniform(1.25, 1.6))], 1.3, 0.8
        )
    foot = rng.uniform(2, 7)
    canvas.fill(stem[0] + circle(foot, foot * 0.6, 0.1, rng.uniform(0, 6)), rng.uniform(0.5, 1.6))
    if rng.random() < 0.5:
        _specks(canvas, rng, stem[0] if rng.random() < 0.5 else top, bell * 1.1, int(rng.integers(5, 30)))
    canvas.texture(rng, 0.9, 0.2)
    return canvas


def _tintinnid(rng: Rng) -> Canvas:
    length, width = rng.uniform(50, 85), rng.uniform(20, 30)
    canvas = Canvas(length * 0.7, rng.uniform(0, 2 * np.pi))
    y = np.linspace(-length / 2, length / 2, 30)
    half = width / 2 * np.clip(1.1 - ((y + length / 2) / length) ** rng.uniform(2, 5), 0.03, 1)
    outline = np.vstack([np.stack([-half, y], axis=1), np.stack([half, y], axis=1)[::-1]])
    canvas.fill(outline, rng.uniform(0.25, 0.5))
    canvas.line(np.vstack([outline, outline[:1]]), 1.8, rng.uniform(0.5, 0.9))
    body = circle(width * 0.33, length * rng.uniform(0.18, 0.3), 0.08, rng.uniform(0, 6))
    canvas.fill(np.array([0, -length * 0.12]) + body, rng.uniform(0.8, 1.8))
    for x in np.linspace(-width / 2.4, width / 2.4, 7):
        canvas.line([(x, -length / 2), (x * 1.3, -length / 2 - rng.uniform(4, 9))], 1.1, 0.6)
    canvas.texture(rng, 0.7, 0.25)
    return canvas


def dinoflagellata(rng: Rng) -> Canvas:
    """Draw an opaque armoured cell: rounded diamond or shield, girdle notches, sometimes two short spines."""
    radius = rng.uniform(21, 33)
    canvas = Canvas(radius * 1.75, rng.uniform(0, 2 * np.pi))
    corners = np.array([[0, -1.2], [0.95, 0.0], [0.45, 0.95], [-0.45, 0.95], [-0.95, 0.0]])
    if rng.random() < 0.5:
        corners = np.array([[0, -1.2], [0.9, -0.1], [0.05, 1.15], [-0.9, 0.1]])
    shape = corners * radius * rng.uniform(0.9, 1.1, (len(corners), 1))
    canvas.fill(shape, 1.0)
    canvas.smooth(radius * rng.uniform(0.08, 0.2))
    canvas.absorbance = np.clip((canvas.absorbance - 0.35) * 5, 0, 1) * rng.uniform(2.2, 4.0)
    for side in (-1, 1):
        if rng.random() < 0.7:  # girdle
            notch = np.array(
                [[side * radius * 1.05, -3], [side * radius * 0.78, 0], [side * radius * 1.05, 3]]
            )
            canvas.cut(notch)
        if rng.random() < 0.45:  # antapical spine
            base = np.array([side * radius * 0.35, radius * 0.8])
            canvas.taper(
                arc(base, np.pi / 2 - side * 0.2, radius * rng.uniform(0.25, 0.5), 0.0, 8), 4, 1, 2.0
            )
    canvas.texture(rng, 2.0, 0.08)
    return canvas


def noctilucales(rng: Rng) -> Canvas:
    """Draw a large, almost transparent cell: thin wall, veins, tentacle; crumpled or cut by the frame as often as not."""
    radius = rng.uniform(48, 88)
    canvas = Canvas(radius * 1.3, rng.uniform(0, 2 * np.pi))
    crumple = rng.uniform(0.01, 0.1)
    outline = circle(radius, radius * rng.uniform(0.6, 1.0), crumple, rng.uniform(0, 6))
    canvas.fill(outline, rng.uniform(0.08, 0.25))
    canvas.line(np.vstack([outline, outline[:1]]), 1.8, rng.uniform(0.3, 0.8))
    inside = canvas.mask(outline * 0.97)
    before = canvas.absorbance.copy()
    for _ in range(int(rng.integers(5, 20) * (1 + 25 * crumple))):  # veins and folds
        start = rng.normal(0, radius * 0.4, 2)
        fold = arc(start, rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.3, 1.1), rng.normal(0, 1.0))
        canvas.line(fold, rng.uniform(0.7, 1.2 + 25 * crumple), rng.uniform(0.08, 0.4))
    canvas.absorbance = before + (canvas.absorbance - before) * inside
    if rng.random() < 0.6:
        canvas.taper(
            arc((radius * 0.7, 0), 0.4, radius * rng.uniform(0.5, 0.8), rng.uniform(1.5, 3.0)),
            5,
            2,
            rng.uniform(0.4, 0.8),
        )
    if rng.random() < 0.5:
        canvas.fill(
            np.array([radius * 0.5, 0]) + circle(radius * 0.16, wobble=0.15, phase=rng.uniform(0, 6)),
            rng.uniform(0.5, 1.4),
        )
    canvas.texture(rng, 1.0, 0.35)
    if rng.random() < 0.4:  # leaves the frame
        keep = int(canvas.side * rng.uniform(0.5, 0.75))
        canvas.absorbance = np.ascontiguousarray(canvas.absorbance[:, :keep])
    return canvas


def tripos(rng: Rng) -> Canvas:
    """Draw an anchor-shaped *Tripos*, a needle-shaped one, or a broken horn."""
    horn = rng.uniform(38, 75)
    canvas = Canvas(horn * 1.25 + 16, rng.uniform(0, 2 * np.pi))
    body, dark = rng.uniform(6, 11), rng.uniform(1.2, 2.6)
    kind = rng.choice(["anchor", "needle", "horn"], p=[0.6, 0.25, 0.15])
    canvas.taper(arc((0, -body * 0.4), -np.pi / 2, horn, rng.normal(0, 0.12)), body * 0.9, 1.8, dark * 0.8)
    if kind == "horn":
        canvas.fill(circle(body * 0.7, body * 0.9, 0.08, rng.uniform(0, 6)), dark)
        canvas.cut([(-60, body * 0.2), (60, -body * 0.2), (60, 200), (-60, 200)])
    elif kind == "needle":
        canvas.fill(circle(body * 0.75, body * 1.9, 0.04, rng.uniform(0, 6)), dark)
        canvas.taper(
            arc((0, body * 0.8), np.pi / 2, horn * rng.uniform(0.6, 1), rng.normal(0, 0.2)),
            body * 0.8,
            1.4,
            dark * 0.8,
        )
    else:
        canvas.fill(np.array([[-1, -0.5], [1, -0.5], [1.15, 0.5], [0, 0.95], [-1.15, 0.5]]) * body, dark)
        turn = rng.uniform(1.5, 2.6)
        for side in (-1, 1):
            heading = np.pi / 2 - side * rng.uniform(0.7, 1.1)
            side_horn = arc(
                (side * body * 0.7, body * 0.4), heading, horn * rng.uniform(0.5, 1.05), -side * turn
            )
            canvas.taper(side_horn, body * 0.55, 1.5, dark * 0.8)
    canvas.texture(rng, 1.2, 0.12)
    return canvas


def _specks(canvas: Canvas, rng: Rng, centre: Points, spread: float, n: int) -> None:
    canvas.dots(centre + rng.normal(0, spread, (n, 2)), rng.uniform(0.5, 1.8, n), rng.uniform(0.3, 1.0))


def debris(canvas: Canvas, rng: Rng) -> None:
    """Add detritus that touches or floats beside the particle."""
    away = rng.uniform(0, 2 * np.pi)
    spot = np.array([np.cos(away), np.sin(away)]) * canvas.radius * rng.uniform(0.3, 0.7)
    if canvas.absorbance.shape[0] != canvas.absorbance.shape[1]:
        return  # a particle that leaves the frame keeps it
    _specks(canvas, rng, spot, canvas.radius * 0.12, int(rng.integers(2, 9)))
    if rng.random() < 0.4:
        canvas.line(arc(spot, rng.uniform(0, 6), canvas.radius * 0.4, rng.normal(0, 1)), 1.0, 0.5)


SHAPES: Final[dict[str, Callable[[Rng], Canvas]]] = {
    "Actinoptychus": actinoptychus,
    "Bacillariophyceae": bacillariophyceae,
    "Ciliophora": ciliophora,
    "Dinoflagellata": dinoflagellata,
    "Noctilucales": noctilucales,
    "Tripos": tripos,
}
"""Class name -> its drawing, in alphabetical order: the label order of the demonstration model."""
