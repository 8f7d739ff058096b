"""ICC profiles of RGB colour spaces, written from their definition, for pictures whose true colour is known.

A matrix profile holds the primaries adapted to the white of the profile connection space (D50) and the curve of a channel (ICC.1:2010, sections
7 to 10): nothing that needs a library, and so an answer that does not come from the one under test.
"""

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Point = tuple[float, float]

SRGB_PRIMARIES: Final = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES: Final = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_PRIMARIES: Final = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
D65: Final[Point] = (0.3127, 0.3290)
_D50: Final = np.array([0.9642, 1.0, 0.8249])
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: tuple[Point, Point, Point], white: Point = D65) -> Matrix:
    """Return the matrix ``(3, 3)`` from linear RGB to CIE XYZ of a colour space with the given chromaticities."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    return columns * np.linalg.solve(columns, _xyz(white))


def srgb_curve() -> bytes:
    """Return the curve of sRGB and Display P3 as a parametric curve of type 3."""
    return (
        b"para"
        + bytes(4)
        + struct.pack(">HH", 3, 0)
        + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    )


def power_curve(exponent: float) -> bytes:
    """Return a curve that is a power."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def rgb_profile(primaries: tuple[Point, Point, Point], curve: bytes, white: Point = D65) -> bytes:
    """Return a display profile of version 4."""
    to_d50 = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ _xyz(white)))
    adapted = np.linalg.inv(_BRADFORD) @ to_d50 @ _BRADFORD @ to_xyz(primaries, white)
    tags = {b"desc": _words("made for a test"), b"cprt": _words("CC0"), b"wtpt": _colour(_D50)}
    tags |= {name: _colour(adapted[:, at]) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    start, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    head = (
        struct.pack(">I4xI", 128 + len(body), 0x04300000)
        + b"mntrRGB XYZ "
        + struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    )
    return (head + b"acsp" + bytes(28) + _fixed(*_D50)).ljust(128, b"\0") + body


def in_display_p3(srgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pixels ``(..., 3)`` of sRGB as Display P3 writes the same colours: two matrices and the curve both share."""
    value = srgb / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = light @ (np.linalg.inv(to_xyz(P3_PRIMARIES)) @ to_xyz(SRGB_PRIMARIES)).T
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.rint(coded * 255), 0, 255), np.uint8)


def _xyz(white: Point) -> Matrix:
    x, y = white
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _colour(values: Matrix) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _words(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded


DISPLAY_P3: Final = rgb_profile(P3_PRIMARIES, srgb_curve())
ADOBE_RGB: Final = rgb_profile(ADOBE_PRIMARIES, power_curve(563 / 256))
SRGB: Final = rgb_profile(SRGB_PRIMARIES, srgb_curve())
