"""How numbers are written for people. Every view writes them here, so they read the same on all faces."""

import math

from tidelab.domain.results import SCORE_DECIMALS

_DASH = "–"


def count(value: int) -> str:
    """Return a whole number with thousands set apart: ``12,345``."""
    return f"{int(value):,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 image``, ``1,200 images``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def share(part: float, whole: float) -> str:
    """Return `part` of `whole` in per cent with one decimal, a dash when there is no whole.

    >>> share(1, 3), share(1, 0)
    ('33.3 %', '–')
    """
    return f"{100 * part / whole:.1f} %" if whole else _DASH


def score(value: float | None, decimals: int = 2) -> str:
    """Return a probability; a dash when there is none. Cut, not rounded, at 1: 0.9996 must not read as certainty.

    >>> score(0.9996), score(0.5), score(None)
    ('0.99', '0.50', '–')
    """
    if value is None or math.isnan(value):
        return _DASH
    if decimals > SCORE_DECIMALS:
        raise ValueError(f"probabilities are kept with {SCORE_DECIMALS} decimals, asked for {decimals}")
    if value < 1:
        value = min(value, 1 - 10**-decimals)
    return f"{value:.{decimals}f}"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def significant(value: float) -> str:
    """Return a measured number with three significant digits, as a person writes it.

    >>> significant(0.5), significant(22.84), significant(122004), significant(3.989e7), significant(4.2e-5)
    ('0.5', '22.8', '122,000', '3.99 × 10⁷', '4.2 × 10⁻⁵')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.3g}")
    if 1e-3 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
    mantissa, _, exponent = f"{rounded:.2e}".partition("e")
    return f"{float(mantissa):g} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def duration(seconds: float) -> str:
    """Return a time span a person reads at a glance.

    >>> duration(4.2), duration(75), duration(4000)
    ('4 s', '1 min 15 s', '1 h 6 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: int) -> str:
    """Return a file size in decimal units: ``12.3 MB``."""
    value = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
