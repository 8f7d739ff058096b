"""What a verdict says: sentences for a person who counts plankton, not for one who tests hypotheses."""

from collections.abc import Sequence
from typing import Final

from tidelab.domain.verdict import StatisticTest, VerdictState
from tidelab.drift.causes import in_words
from tidelab.drift.settings import DriftSettings
from tidelab.drift.shares import Shares

DEMO: Final = "This is a demonstration model: its numbers are for trying Tidelab out, not for science."
STATE_WORDS: Final[dict[VerdictState, str]] = {
    "green": "Fit",
    "amber": "Take care",
    "red": "Not fit",
    "grey": "Cannot tell",
}
"""A state is never shown by its colour alone."""
_HEADLINES: Final[dict[VerdictState, str]] = {
    "green": "These images look like those the model was tested on.",
    "amber": "These images differ in part from those the model was tested on.",
    "red": "Many of these images do not look like those the model was tested on.",
    "grey": "Whether the model is fit for these images cannot be told.",
}
_NEXT: Final[dict[VerdictState, str]] = {
    "amber": "Look at the images shown here and check some of each class by eye before you use the counts.",
    "red": "Do not use the counts before a person has checked them; the model may need retraining on images like yours.",
}


def headline(state: VerdictState) -> str:
    """Return the sentence that stands for a state."""
    return _HEADLINES[state]


def reasons(
    state: VerdictState,
    unlike: int,
    n: int,
    whole_differs: bool,
    tests: Sequence[StatisticTest],
    shares: Shares,
    settings: DriftSettings,
    *,
    demo: bool,
) -> list[str]:
    """Return at most four sentences, the most important first.

    Parameters
    ----------
    state
        What the figures say (of a demonstration model too).
    unlike, n
        Images that are unlike the reference, and all images.
    whole_differs
        The images as a whole differ from the reference by more than chance (MMD).
    tests, shares, settings
        Differences of image statistics and of class shares, and the parameters they were judged with.
    demo
        A demonstration model gives no advice on what to do with its numbers.
    """
    found = [_unlike(state, unlike, n, whole_differs, settings)]
    causes = in_words(tests)
    if causes:
        found.append(f"Compared with the images the model was tested on, {causes}.")
    if shares.differs:
        found.append(_mix(shares))
    if state in _NEXT and not demo:
        found.append(_NEXT[state])
    return found


def _unlike(state: VerdictState, unlike: int, n: int, whole_differs: bool, settings: DriftSettings) -> str:
    expected = max(1, round(n * (1 - settings.neighbour_quantile)))
    if unlike == 0:
        start = f"Each of the {n} images has a close neighbour among the images the model was tested on"
    else:
        verb = "has" if unlike == 1 else "have"
        start = (
            f"{unlike} of {n} images ({unlike / n:.0%}) {verb} no close neighbour among the images the model was tested on; "
            f"about {expected} would be expected"
        )
    if state != "green":
        return f"{start}."
    if unlike / n >= settings.amber_share:
        return f"{start}, but that can still be chance with so few images."
    if whole_differs:
        return f"{start}; taken together the images differ from them by more than chance, which a change of the catch can explain."
    return f"{start}."


def _mix(shares: Shares) -> str:
    parts = [
        f"{change.label} {change.share:.0%} here against {change.reference_share:.0%}"
        for change in shares.changes[:2]
    ]
    return f"The mix of classes differs from that of the test images ({'; '.join(parts)}): a change of the catch or of the naming."
