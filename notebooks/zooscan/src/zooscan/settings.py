"""How a ZooScan picture is processed: the legacy software's configuration, with the same defaults."""

import math
from dataclasses import dataclass
from typing import Final

MM_PER_INCH: Final = 25.4
_LEGACY_PI: Final = 3.1416
"""The legacy software's pi, which decides the last pixel of the size limits."""


class SettingsError(ValueError):
    """A configuration file says something that cannot be used; the message names field, value and what was expected."""


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of one scan.

    Attributes
    ----------
    dpi : int
        Resolution of the scan, pixels per inch.
    upper_threshold : int
        Grey level (0 to 255); a pixel at or below it belongs to an object.
    min_esd_mm, max_esd_mm : float
        Limits of the equivalent spherical diameter of objects, in mm.
    od_range : float
        Range of optical density kept by the conversion to 8 bits.
    ratio : float
        How far above the median grey level white is.
    adjust_levels : bool
        Whether black and white points follow the median (lut.txt: ``yes``), or are `level_min` and `level_max`.
    level_min, level_max : int
        Fixed 16-bit black and white points, used when `adjust_levels` is False.
    border_share : float
        Share of the central grey level below which a picture's edge is the scanner's frame (``greytaux``).
    max_side_ratio : float
        Boxes longer than this many times their shorter side are lines, not objects.
    max_bw_ratio : float
        Pixels at or below the threshold over those above it, beyond which the scan is called too dense. 0.25 is a fifth of the picture.
    scale_bar_mm : float
        Length of a vignette's scale bar in mm (``longline_mm``).
    """

    dpi: int = 2400
    upper_threshold: int = 243
    min_esd_mm: float = 0.3
    max_esd_mm: float = 100.0
    od_range: float = 1.8
    ratio: float = 1.15
    adjust_levels: bool = True
    level_min: int = 0
    level_max: int = 65536
    border_share: float = 0.9
    max_side_ratio: float = 40.0
    max_bw_ratio: float = 0.25
    scale_bar_mm: float = 1.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("dpi", self.dpi, 50, 19200),
            ("upper_threshold", self.upper_threshold, 0, 254),
            ("min_esd_mm", self.min_esd_mm, 0.0, 1000.0),
            ("max_esd_mm", self.max_esd_mm, self.min_esd_mm, 1000.0),
            ("od_range", self.od_range, 0.1, 5.0),
            ("ratio", self.ratio, 1.0, 10.0),
            ("level_min", self.level_min, 0, 65535),
            ("level_max", self.level_max, self.level_min + 1, 65536),
            ("border_share", self.border_share, 0.0, 1.0),
            ("max_side_ratio", self.max_side_ratio, 1.0, 1e6),
            ("max_bw_ratio", self.max_bw_ratio, 0.0, 1.0),
            ("scale_bar_mm", self.scale_bar_mm, 0.01, 100.0),
        ):
            if not (math.isfinite(value) and low <= value <= high):
                raise SettingsError(f"{name} is {value}; expected a number from {low:g} to {high:g}.")

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel in mm."""
        return MM_PER_INCH / self.dpi

    @property
    def min_area_px(self) -> int:
        """Smallest area of an object in pixels, holes filled: 631 at 2400 dpi and 0.3 mm."""
        return self._area_px(self.min_esd_mm)

    @property
    def max_area_px(self) -> int:
        """Largest area of an object in pixels, holes filled: 70,120,652 at 2400 dpi and 100 mm."""
        return self._area_px(self.max_esd_mm)

    def _area_px(self, esd_mm: float) -> int:
        return math.floor(_LEGACY_PI / 4 * esd_mm**2 / self.pixel_mm**2 + 0.5)

    @classmethod
    def from_config(cls, config: str, lut: str | None = None) -> "ProcessSettings":
        """Read the legacy software's two text files.

        Parameters
        ----------
        config : str
            Text of ``process_install_both_config.txt``, lines of ``name= value``; unknown names are passed over.
        lut : str, optional
            Text of ``lut.txt``, one value a line: black, white, gamma, order, adjust (yes or no), OD range, ratio, ...

        Raises
        ------
        SettingsError
            When a known field holds something else than a usable number.
        """
        fields = dict(_pairs(config))
        given: dict[str, float | int | bool] = {}
        for name, field, kind in _CONFIG:
            if field in fields:
                given[name] = _number(field, fields[field], kind)
        if lut is not None:
            given |= _lut(lut)
        return cls(**given)  # type: ignore[arg-type]  # each value was read by the kind of its field


_CONFIG: Final = (
    ("dpi", "resolution", int), ("upper_threshold", "upper", int), ("min_esd_mm", "minsizeesd_mm", float),
    ("max_esd_mm", "maxsizeesd_mm", float), ("border_share", "greytaux", float), ("scale_bar_mm", "longline_mm", float),
)  # fmt: skip


def _pairs(text: str) -> list[tuple[str, str]]:
    lines = (line.partition("=") for line in text.splitlines() if "=" in line)
    return [(name.strip().lower(), value.strip()) for name, _, value in lines]


def _number(field: str, text: str, kind: type[int] | type[float]) -> float | int:
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{field}= {text!r} in the configuration is not a number.") from None
    if kind is int:
        if not value.is_integer():
            raise SettingsError(f"{field}= {text!r} in the configuration is not a whole number.")
        return int(value)
    return value


def _lut(text: str) -> dict[str, float | int | bool]:
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) < 7:
        raise SettingsError(
            f"lut.txt has {len(lines)} lines; expected at least 7 (black, white, gamma, order, adjust, OD range, ratio)."
        )
    if lines[4].lower() not in ("yes", "no"):
        raise SettingsError(
            f"lut.txt line 5 is {lines[4]!r}; expected yes or no (levels follow the median grey level)."
        )
    return {
        "level_min": _number("lut.txt line 1", lines[0], int), "level_max": _number("lut.txt line 2", lines[1], int),
        "adjust_levels": lines[4].lower() == "yes",
        "od_range": _number("lut.txt line 6", lines[5], float), "ratio": _number("lut.txt line 7", lines[6], float),
    }  # fmt: skip
