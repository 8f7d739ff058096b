"""Which pictures are good enough to count fish in: explicit rules on plain image statistics.

The statistics are those of `tidelab.science.image_statistics`. A rule names a reason that a person can check by looking; nothing is learned.
What the rules cannot tell: whether the water or the lens is murky (both lower the contrast), and whether a picture that froze was encoded
anew (then its bytes, and so its digest, differ).
"""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

Reason = Literal["frozen", "too-dark", "fouled", "blurred", ""]

REASONS: Final[dict[Reason, str]] = {
    "frozen": "same bytes as an earlier picture of its camera",
    "too-dark": "mean grey value below the limit",
    "fouled": "contrast below the limit: murky water or a fouled lens",
    "blurred": "sharpness below the limit",
}
"""Why a picture is not good, the first that holds; in words."""


@dataclass(frozen=True)
class QualityRules:
    """Limits of a good picture; None: the rule is off.

    Parameters
    ----------
    least_brightness
        Mean grey value, 0-255.
    least_contrast
        Standard deviation of the grey value, 0-255.
    least_sharpness
        Variance of the Laplacian over the variance of the grey value, measured at most 128 px wide
        (`tidelab.science.image_statistics.SHARPNESS_SIDE_PX`).
    drop_frozen
        Whether a picture with the bytes of an earlier one of its camera is left out: a sensor has noise and never gives the same
        bytes twice, so the camera or the transfer stood still.
    """

    least_brightness: float | None = 20.0
    least_contrast: float | None = 6.0
    least_sharpness: float | None = 0.05
    drop_frozen: bool = True

    def words(self) -> str:
        """Return the rules as a part of a sentence."""
        parts = [
            f"{name} at least {value:g}"
            for name, value in (
                ("mean grey value", self.least_brightness),
                ("contrast", self.least_contrast),
                ("sharpness", self.least_sharpness),
            )
            if value is not None
        ]
        parts += ["not the bytes of an earlier picture of the camera"] if self.drop_frozen else []
        return ", ".join(parts) or "no rule"


def quality(pictures: pd.DataFrame, statistics: pd.DataFrame, rules: QualityRules) -> pd.Series:
    """Return the reason why each picture is not good, empty where it is; in the order of the pictures.

    Parameters
    ----------
    pictures
        Columns ``picture``, ``picture_id`` (digest of the bytes), ``camera`` and ``time`` (UTC, NaT where unknown).
    statistics
        Columns ``brightness``, ``contrast`` and ``sharpness``, in the same order.
    rules
        What is asked of a picture.

    Raises
    ------
    ValueError
        Where the tables differ in length or a statistic is missing that a rule asks for: a picture nobody looked at is not good.
    """
    if len(pictures) != len(statistics):
        raise ValueError(f"{len(pictures)} pictures and {len(statistics)} rows of statistics")
    reason = pd.Series("", index=pictures.index, dtype=object)
    limits: tuple[tuple[Reason, str, float | None], ...] = (
        ("blurred", "sharpness", rules.least_sharpness),
        ("fouled", "contrast", rules.least_contrast),
        ("too-dark", "brightness", rules.least_brightness),
    )
    for name, column, least in limits:
        if least is None:
            continue
        if column not in statistics or statistics[column].isna().any():
            raise ValueError(f"statistic {column} is missing, so nobody can say whether a picture is {name}")
        reason[(statistics[column].astype(float) < least).to_numpy()] = name
    if rules.drop_frozen:
        reason[_frozen(pictures)] = "frozen"
    return reason


def _frozen(pictures: pd.DataFrame) -> pd.Series:
    ordered = pictures.sort_values(["time", "picture"], kind="stable", na_position="last")
    again = ordered.assign(camera=ordered["camera"].fillna("")).duplicated(["camera", "picture_id"])
    return again.reindex(pictures.index)
