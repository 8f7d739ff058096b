"""Differences in image statistics, in the words of a person who looks at the pictures."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.verdict import StatisticTest
from tidelab.drift.detectors import ks_tests
from tidelab.drift.looks import Look, matched_weights
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.science.image_statistics import STATISTICS
from tidelab.science.two_sample import one_sided_ks_distances, weighted_ks_distance

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "width_px": ("are wider", "are narrower"),
    "height_px": ("are taller", "are less tall"),
    "aspect": ("are more elongated", "are less elongated"),
    "brightness": ("are brighter", "are darker"),
    "background": ("have a brighter background", "have a darker background"),
    "contrast": ("have more contrast", "have less contrast"),
    "sharpness": ("are sharper", "are more blurred"),
    "saturation": ("are more colourful", "are less colourful"),
    "red_minus_blue": ("are redder", "are bluer"),
    "green_excess": ("are greener", "are less green"),
}


_MOSTLY: Final = 0.5
"""A difference is a shift when the one-sided distance against its direction is below this part of the other; else it is a spread."""


def compare_statistics(
    statistics: npt.NDArray[np.float64],
    names: Sequence[str],
    labels: Sequence[str],
    reference: Reference,
    settings: DriftSettings,
    looks: Mapping[str, Look] | None = None,
) -> list[StatisticTest]:
    """Compare each image statistic with the reference; the largest distance comes first.

    Parameters
    ----------
    statistics
        Shape ``(n, len(names))``.
    names
        Names of statistics that the reference holds too.
    labels
        Predicted label of each image. A bloom of one large class makes images larger without any change of the camera, so
        a difference is only named when it is still there with the reference weighted to the same class shares.
    reference, settings
        Distances up to ``settings.ks_distance``, and corrected p-values above ``settings.p_value``, are called equal.
    looks
        The same beside what known samples show: a difference is named only where it goes beyond that. None, or a statistic that is
        not among them: there is nothing to judge it by, and the other conditions decide.
    """
    if not names:
        return []
    distances, p_values = ks_tests(statistics, reference, names)
    weights = matched_weights(np.asarray(labels, dtype=np.str_), np.asarray(reference.labels, dtype=np.str_))
    tests = []
    for column, name in enumerate(names):
        here, there = statistics[:, column], reference.statistic(name)
        title = STATISTICS[name].title if name in STATISTICS else name
        matched = weighted_ks_distance(here, there, weights)
        effect = min(float(distances[column]), matched)
        look = (looks or {}).get(name)
        differs = bool(effect > settings.ks_distance and p_values[column] <= settings.p_value)
        differs = differs and (look is None or look.beyond)
        tests.append(
            StatisticTest(
                name=name,
                title=title,
                statistic=round(float(distances[column]), 4),
                matched=round(matched, 4),
                p_value=float(f"{p_values[column]:.4g}"),
                reference_median=float(np.median(there)),
                median=float(np.median(here)),
                shift=None if look is None else round(look.shift, 4),
                known_p_value=None if look is None else float(f"{look.p_value:.4g}"),
                differs=differs,
                plain=f"your images {_difference(name, title, here, there)}"
                if differs
                else f"{title}: no difference seen",
            )
        )
    return sorted(tests, key=lambda test: -test.statistic)


def is_strong(tests: Sequence[StatisticTest], settings: DriftSettings) -> bool:
    """Whether one image statistic alone is so far off that a person should look, whatever the model sees."""
    return any(
        test.differs and min(test.statistic, test.matched or 0.0) >= settings.appearance_distance
        for test in tests
    )


def in_words(tests: Sequence[StatisticTest], most: int = 3) -> str:
    """Return the largest differences as a clause: 'your images are darker (...) and are more blurred (...)', or ''."""
    found = {test.name: test.plain.removeprefix("your images ") for test in tests if test.differs}
    if not found:
        return ""
    merged = _size(tests)
    if merged and found.keys() >= {"width_px", "height_px"}:
        # One size is told once, at the place of the larger of the two differences.
        first, second = (name for name in found if name in ("width_px", "height_px"))
        found[first] = merged
        del found[second]
    phrases = list(found.values())[:most]
    together = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return f"your images {together}"


def _size(tests: Sequence[StatisticTest]) -> str:
    """Return one phrase for width and height when both grew or both shrank, else ''."""
    by_name = {test.name: test for test in tests}
    if not by_name.keys() >= {"width_px", "height_px"}:
        return ""
    wide, high = by_name["width_px"], by_name["height_px"]
    for word, sign in (("larger", 1), ("smaller", -1)):
        if min(sign * (test.median - test.reference_median) for test in (wide, high)) > 0:
            return (
                f"are {word} (median {wide.median:.0f} × {high.median:.0f} px "
                f"against {wide.reference_median:.0f} × {high.reference_median:.0f} px)"
            )
    return ""


def _difference(name: str, title: str, here: npt.NDArray[np.float64], there: npt.NDArray[np.float64]) -> str:
    median, reference_median = float(np.median(here)), float(np.median(there))
    above, below = one_sided_ks_distances(here, there)
    step = median - reference_median
    if step and min(above, below) < _MOSTLY * max(above, below) and (above > below) == (step > 0):
        higher, lower = _WORDS.get(name, (f"have a higher {title}", f"have a lower {title}"))
        unit = " px" if name.endswith("_px") else ""
        words = higher if step > 0 else lower
        return f"{words} (median {title} {_numbers(median, reference_median, unit)})"
    spread, reference_spread = _spread(here), _spread(there)
    if spread != reference_spread:
        return f"vary {'more' if spread > reference_spread else 'less'} in {title}"
    return f"differ in {title}"


def _spread(values: npt.NDArray[np.float64]) -> float:
    low, high = np.percentile(values, [25, 75])
    return float(high - low)


def _numbers(here: float, there: float, unit: str) -> str:
    """Return both numbers with as few decimals as keep them apart: '92 against 141', '0.12 against 0.31'."""
    for decimals in range(5):
        first, second = f"{here:.{decimals}f}", f"{there:.{decimals}f}"
        if first != second and max(abs(here), abs(there)) * 10**decimals >= 10:
            break
    return f"{first}{unit} against {second}{unit}"
