"""From evidence to a state. Each rule needs an effect that matters and one that normal samples do not show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidelab.domain.verdict import SampleVerdict, StatisticTest, VerdictState
from tidelab.drift.causes import is_strong
from tidelab.drift.evidence import Evidence, Images, gather
from tidelab.drift.known import KnownSamples
from tidelab.drift.settings import DriftSettings
from tidelab.science.image_statistics import STATISTICS

_MOST_SAMPLES: Final = 200


def state_of(evidence: Evidence, strong_look: bool, settings: DriftSettings) -> VerdictState:
    """Return what the evidence says; grey when there are no known samples to judge it by.

    Red: more unlike images than a normal sample shows, and ``settings.red_share`` of all even without those of classes that the
    reference hardly knows (a bloom of a rare class is no fault). Amber: the same from ``settings.amber_share``, or a larger
    discrepancy than normal samples show, or a look far off.
    """
    if evidence.most_unlike is None:
        return "grey"
    if evidence.too_many_unlike and evidence.sure_unlike / evidence.n >= settings.red_share:
        return "red"
    amber = evidence.too_many_unlike and evidence.share >= settings.amber_share
    return "amber" if amber or evidence.seen_otherwise or strong_look else "green"


@dataclass(frozen=True)
class Judged:
    """The samples of a run."""

    samples: list[SampleVerdict]

    @property
    def standing_out(self) -> list[SampleVerdict]:
        """Those that are amber or red."""
        return [one for one in self.samples if one.state in ("amber", "red")]


def several(images: Images) -> bool:
    """Whether a run holds more than one sample."""
    return len(set(images.samples.tolist()) - {""}) > 1


def judge_samples(images: Images, known: KnownSamples, settings: DriftSettings, allowed: float) -> Judged:
    """Judge each sample of a run that holds several; with none or one, nothing.

    Parameters
    ----------
    images
        Of the run.
    known, settings
        As in `gather`.
    allowed
        Chance that any of the samples stands out although all are normal: divided by their number (Bonferroni).
    """
    if not several(images) or known.effects is None:
        return Judged([])
    names = sorted(set(images.samples.tolist()) - {""})
    parts = {name: images.part(images.samples == name) for name in names}
    judgeable = [name for name in names if len(parts[name]) >= settings.minimum_images]
    found = []
    for name in names[:_MOST_SAMPLES]:
        part = parts[name]
        if name not in judgeable:
            words = f"fewer than {settings.minimum_images} images"
            found.append(SampleVerdict(sample_id=name, state="grey", n_images=len(part), words=words))
            continue
        evidence = gather(part, known, settings, allowed / len(judgeable))
        found.append(_verdict(name, evidence, settings))
    return Judged(found)


def _verdict(name: str, evidence: Evidence, settings: DriftSettings) -> SampleVerdict:
    beyond = [
        STATISTICS[look].title if look in STATISTICS else look
        for look, one in (evidence.looks or {}).items()
        if one.beyond
    ]
    state = state_of(evidence, bool(beyond), settings)
    low, high = evidence.interval
    words = []
    if evidence.too_many_unlike and evidence.share >= settings.amber_share:
        words.append(f"{evidence.share:.0%} unlike the known images")
    if evidence.seen_otherwise:
        words.append("for the model unlike known samples")
    if beyond:
        words.append(f"looks: {', '.join(beyond[:3])}")
    return SampleVerdict(
        sample_id=name,
        state=state,
        n_images=evidence.n,
        unlike=evidence.unlike,
        unlike_low=round(low, 6),
        unlike_high=round(high, 6),
        words="; ".join(words) if state != "green" else "",
    )


def overall(
    evidence: Evidence, tests: Sequence[StatisticTest], judged: Judged, settings: DriftSettings
) -> VerdictState:
    """Return the state of a run: that of all its images together, and at least amber when one of its samples stands out."""
    state = state_of(evidence, is_strong(tests, settings), settings)
    return "amber" if state == "green" and judged.standing_out else state
