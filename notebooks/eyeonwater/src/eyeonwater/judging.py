"""Accept or reject a photo, with a reason that its author can act on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from eyeonwater.forel_ule import BLUEST_DEG

Verdict = Literal["accepted", "rejected", "undecided"]

GOOD: Final = "water_good"
BAD_WATER: Final = "water_bad"
NOT_WATER: Final = "bad"

DARK: Final = 40.0
"""Mean grey value (0-255) below which a photo is called dark."""

BRIGHT: Final = 215.0
"""Mean grey value (0-255) above which it is called overexposed."""

LEAST_USABLE: Final = 0.6
"""Part of the middle that must be neither burnt out nor black."""

SPREAD_DEG: Final = 25.0
"""Standard deviation of the hue within the middle above which more than water is seen there."""

MAGENTA_DEG: Final = 300.0
"""Hue angle up to which a colour beyond the scale is called blue or purple, and above which red: between magenta (272) and crimson (337)."""

NOT_MEASURED: Final = "Its colour was not measured: the measurement failed (failed_files.csv says why)."


@dataclass(frozen=True)
class Judgement:
    """What is said of one photo.

    Parameters
    ----------
    verdict
        `undecided` where the model was not sure enough and nobody has looked.
    reason
        A sentence; empty for an accepted photo.
    """

    verdict: Verdict
    reason: str


def judge(label: str, measured: Mapping[str, float]) -> Judgement:
    """Judge a photo by the class in force (the model's or a person's) and explain it by what was measured.

    The class alone decides, as in the published module (`water_good` is accepted); the measurements only say why. A photo that is
    accepted and shows something that measurements speak against is accepted with that remark.

    Parameters
    ----------
    label
        `water_good`, `water_bad`, `bad`, or empty: not sure enough.
    measured
        `brightness` of the statistics and `usable_share`, `hue_angle_deg`, `hue_angle_sd_deg`, `forel_ule` of `eyeonwater.colour.measure`;
        NaN: not measured, which the reason then says.
    """
    hints = _hints(measured)
    missing = [] if all(math.isfinite(value) for value in measured.values()) else [NOT_MEASURED]
    if label == GOOD:
        return Judgement("accepted", " ".join(hints[:1] + missing))
    if label == BAD_WATER:
        why = (
            hints[0]
            if hints
            else "Something besides open water is in the way: shore, bottom, boat, foam or sky."
        )
        return Judgement("rejected", " ".join([f"Taken for water that is not usable. {why}", *missing]))
    if label == NOT_WATER:
        return Judgement("rejected", "This does not look like a photo of water. Fill the picture with water.")
    return Judgement("undecided", "The model is not sure enough. Please look at it and name it yourself.")


def _hints(measured: Mapping[str, float]) -> list[str]:
    found = []
    if measured["brightness"] < DARK:
        found.append("It is very dark; take it in daylight.")
    if measured["brightness"] > BRIGHT:
        found.append("It is overexposed; turn away from the sun.")
    if measured["usable_share"] < LEAST_USABLE:
        found.append(
            f"Only {round(100 * measured['usable_share'])} % of its middle has colour; the rest is sun glint or black. Turn away from the sun."
        )
    if measured["hue_angle_sd_deg"] > SPREAD_DEG:
        found.append(
            "Its middle has more than one colour: shore, bottom, boat or sky. Fill the picture with water."
        )
    if measured["forel_ule"] == 0 and not found:
        found.append(_off_the_scale(measured["hue_angle_deg"]))
    return found


def _off_the_scale(hue_deg: float) -> str:
    """Say why a measured photo has no Forel-Ule colour; a hue angle of 0 stands for *too grey to have one*."""
    if hue_deg == 0:
        return "It is too grey to have a colour: fog, overcast sky mirrored in the water, or a photo without colours."
    beyond = "bluer or more purple" if BLUEST_DEG < hue_deg <= MAGENTA_DEG else "redder"
    return (
        f"Its hue angle of {hue_deg:.0f} degrees is off the scale: it is {beyond} than any of the 21 colours of natural water. The camera's "
        "white balance may be wrong."
    )
