"""What a verdict says: sentences for a person who counts plankton, not for one who tests hypotheses."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from tidelab.domain.verdict import StatisticTest, VerdictState
from tidelab.drift.causes import in_words
from tidelab.drift.decision import Judged
from tidelab.drift.evidence import Evidence
from tidelab.drift.known import CLASS_IMAGES, SAMPLE_IMAGES, KnownSamples
from tidelab.drift.matched import DRAWS
from tidelab.drift.reference import Reference
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
    evidence: Evidence,
    judged: Judged,
    known: KnownSamples,
    tests: Sequence[StatisticTest],
    shares: Shares,
    settings: DriftSettings,
    *,
    demo: bool,
) -> list[str]:
    """Return a few sentences, the most important first.

    Parameters
    ----------
    state
        What the figures say (of a demonstration model too).
    evidence, judged
        Of all images, and of each sample of a run that holds several.
    known
        What they were judged by.
    tests, shares, settings
        Differences of image statistics and of class shares, and the parameters they were judged with.
    demo
        A demonstration model gives no advice on what to do with its numbers.
    """
    found = [] if known.effects is not None else [_no_samples(known, settings)]
    found.append(_unlike(evidence, known))
    if evidence.seen_otherwise and not evidence.too_many_unlike:
        found.append(
            "Within their classes the images lie elsewhere for the model than those of a normal sample "
            f"(discrepancy {evidence.seen:.3f} at {known.size} images; normal samples stay below {evidence.seen_limit:.3f})."
        )
    if _hardly_known(evidence, settings):
        found.append(
            f"Most of them are named as classes of which the known images hold fewer than {CLASS_IMAGES}, "
            "so this can be a change of the catch: look at them."
        )
    causes = in_words(tests)
    if causes:
        found.append(f"Compared with the images the model was tested on, {causes}.")
    if judged.standing_out:
        found.append(_standing_out(judged))
    if shares.differs:
        found.append(_mix(shares))
    if state in _NEXT and not demo:
        found.append(_NEXT[state])
    return found


def _no_samples(known: KnownSamples, settings: DriftSettings) -> str:
    need = f"{settings.minimum_samples} samples with at least {SAMPLE_IMAGES} images each"
    why = "so nobody can tell how much normal samples differ"
    if not known.names:
        return (
            f"The model's reference does not say which samples its images come from, {why}. Retrain with a samples.csv "
            f"that names them: images of {need} have to be held out."
        )
    return (
        f"The model's reference holds {len(known.names)} such {'sample' if len(known.names) == 1 else 'samples'}, "
        f"and {need} are needed, {why}. Retrain with images of more samples."
    )


def _unlike(evidence: Evidence, known: KnownSamples) -> str:
    n, unlike = evidence.n, evidence.unlike
    low, high = evidence.interval
    if unlike == 0:
        start = f"None of the {n} images is unlike the known ones (95 % interval 0 to {_percent(high)})"
    else:
        verb = "is" if unlike == 1 else "are"
        start = f"{unlike} of {n} images ({_percent(unlike / n)}, 95 % interval {_percent(low)} to {_percent(high)}) {verb} unlike the known ones"
    if evidence.most_unlike is None:
        return f"{start}."
    return f"{start}; among {len(known.names)} known samples, 0 to {_percent(evidence.most_unlike / n)} would be normal for so many images."


def _hardly_known(evidence: Evidence, settings: DriftSettings) -> bool:
    return (
        evidence.too_many_unlike
        and evidence.share >= settings.amber_share
        and evidence.sure_unlike < evidence.unlike / 2
    )


def _standing_out(judged: Judged) -> str:
    out = judged.standing_out
    named = ", ".join(f"{one.sample_id} ({one.words})" for one in out[:2])
    more = f" and {len(out) - 2} more" if len(out) > 2 else ""
    verb = "stands" if len(out) == 1 else "stand"
    return f"{len(out)} of {len(judged.samples)} samples {verb} out: {named}{more}."


def _percent(share: float) -> str:
    """Return '3.1 %' below ten per cent, '31 %' above."""
    return f"{share:.1%}".replace("%", " %") if 0 < share < 0.0995 else f"{share:.0%}".replace("%", " %")


def _mix(shares: Shares) -> str:
    parts = [
        f"{change.label} {change.share:.0%} here against {change.reference_share:.0%}"
        for change in shares.changes[:2]
    ]
    known = (
        f" (known samples lie {shares.known[0]:.0%} to {shares.known[1]:.0%} apart)"
        if shares.known and shares.distance is not None
        else ""
    )
    return (
        f"Apart from that, the mix of classes is another one ({'; '.join(parts)}; {shares.distance:.0%} of the images in all"
        f"{known}): a change of the catch or of the naming, no fault of the images."
    )


def method(reference: Reference, known: KnownSamples, settings: DriftSettings) -> str:
    """Return how the verdict was reached, with its parameters."""
    judged = (
        f"What a normal sample may show follows from {len(known.names)} known samples, each left out in turn: a normal one is "
        f"called amber with a chance of about {settings.false_alarms:.0%}. "
        if known.effects is not None
        else "There were too few known samples to say what a normal sample may show. "
    )
    compared = (
        f"Discrepancy: unbiased squared MMD (RBF kernel) of {known.size} images, the mean of {DRAWS} draws to the known mix of "
        "classes, against as many known ones of the same classes, each around the mean of its class. "
        if known.discrepancies
        else "The discrepancy (MMD) was not judged: too few known samples have enough images. "
    )
    return (
        f"Each image is compared, as the model sees it (direction of an embedding of {reference.dimension} numbers), with "
        f"{len(reference)} images the model was tested on. An image counts as unlike them when its nearest one is further away, "
        f"relative to what is usual for its class, than {settings.neighbour_quantile:.0%} of them are from their nearest in another "
        f"sample. {judged}From {settings.amber_share:.0%} of unlike images beyond what is normal the verdict is amber, from "
        f"{settings.red_share:.0%} red. {compared}"
        f"Image statistics: Kolmogorov-Smirnov, p-values corrected by Holm (p ≤ {settings.p_value:g}), D > {settings.ks_distance:g} "
        f"also at equal class shares, and within the classes further off than known samples are; amber from "
        f"D ≥ {settings.appearance_distance:g}. The permutation p of the whole set ({settings.permutations} permutations, "
        f"seed {settings.seed}, at most {settings.maximum_images} images) is shown and decides nothing. Class shares: half the sum of "
        f"absolute differences, named from {settings.class_distance:g}, by permutation; they never change the state. "
        f"Computed with Frouros {version('frouros')}."
    )
