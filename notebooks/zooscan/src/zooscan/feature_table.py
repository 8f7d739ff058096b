"""The columns of the legacy software's measurement table: name, unit, digits, and how well each is reproduced here."""

from dataclasses import dataclass
from typing import Final, Literal

Reached = Literal["exact", "rounding", "untested", "constant"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column.

    Attributes
    ----------
    name : str
        As the legacy table writes it; EcoTaxa's is ``object_`` and this in lower case.
    unit : str
        ``px``, ``px2``, ``grey`` (0 to 255), ``deg``, or empty.
    decimals : int
        Digits of the legacy table (``*_meas.txt``).
    ecotaxa_decimals : int or None
        Digits of the legacy EcoTaxa table; None: all digits.
    integer : bool
        Whether the value is a whole number.
    reached : Reached
        exact: the same integer; rounding: the same to the last digit; untested: the references hold only a value
        (0) that tells no formula from another; constant: the legacy software always writes 0.
    derived : bool
        Whether only the EcoTaxa table has it.
    """

    name: str
    unit: str = ""
    decimals: int = 3
    ecotaxa_decimals: int | None = 3
    integer: bool = False
    reached: Reached = "rounding"
    derived: bool = False


def _whole(name: str, unit: str, reached: Reached = "exact") -> Feature:
    return Feature(name, unit, 0, 0, integer=True, reached=reached)


def _real(name: str, unit: str, ecotaxa: int, reached: Reached = "rounding") -> Feature:
    return Feature(name, unit, 3, ecotaxa, reached=reached)


def _derived(name: str, unit: str = "", reached: Reached = "rounding") -> Feature:
    return Feature(name, unit, 3, None, reached=reached, derived=True)


MEASURED: Final = (
    _whole("Area", "px2"), _real("Mean", "grey", 2), _real("StdDev", "grey", 3), _whole("Mode", "grey"),
    _whole("Min", "grey"), _whole("Max", "grey"),
    _real("X", "px", 2), _real("Y", "px", 2), _real("XM", "px", 2), _real("YM", "px", 2), _real("Perim.", "px", 2),
    _whole("BX", "px"), _whole("BY", "px"), _whole("Width", "px"), _whole("Height", "px"),
    _real("Major", "px", 1), _real("Minor", "px", 1), _real("Angle", "deg", 1), _real("Circ.", "", 3),
    _real("Feret", "px", 1), _whole("IntDen", "grey px2"), _whole("Median", "grey"), _real("Skew", "", 3), _real("Kurt", "", 3),
    _real("%Area", "%", 2), _whole("XStart", "px"), _whole("YStart", "px"), _whole("Area_exc", "px2"),
    _real("Fractal", "", 3), _whole("Skelarea", "px2"), _real("Slope", "", 3),
    _whole("Histcum1", "grey"), _whole("Histcum2", "grey"), _whole("Histcum3", "grey"),
    _whole("XMg5", "px", "constant"), _whole("YMg5", "px", "constant"),
    _whole("Nb1", ""), _whole("Nb2", ""), _whole("Nb3", "", "constant"),
    _whole("Compentropy", "", "constant"), _whole("Compmean", "", "constant"), _whole("Compslope", "", "constant"),
    _whole("CompM1", "", "constant"), _whole("CompM2", "", "constant"), _whole("CompM3", "", "constant"),
    _real("Symetrieh", "", 3), _real("Symetriev", "", 3),
    _real("Symetriehc", "", 0), _real("Symetrievc", "", 0),
    _whole("Convperim", "px"), _whole("Convarea", "px2"),
    _real("Fcons", "", 3), _real("ThickR", "", 3), _whole("Tag", "", "constant"),
)  # fmt: skip
"""Columns of ``*_meas.txt`` in its order, from Area on."""

DERIVED: Final = (
    _derived("esd", "px"), _derived("elongation"), _derived("range", "grey"), _derived("meanpos"), _derived("centroids", "px", "untested"),
    _derived("cv", "%"), _derived("sr", "%"), _derived("perimareaexc"), _derived("feretareaexc"), _derived("perimferet"),
    _derived("perimmajor"), _derived("circex"), _derived("cdexc", "", "untested"),
)  # fmt: skip
"""What the legacy EcoTaxa table computes from the others, in its order."""

FEATURES: Final = MEASURED + DERIVED
