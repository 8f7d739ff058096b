"""Outlines as formats write them."""

from tidelab.formats.annotations.model import Ring


def opened(ring: Ring) -> Ring:
    """Return an outline without a last point that repeats the first: that closes it, which goes without saying here."""
    return ring[:-1] if len(ring) > 3 and ring[0] == ring[-1] else ring


def plain(value: float, decimals: int = 2) -> str:
    """Return a number with at most so many digits behind the point, and none that say nothing."""
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
