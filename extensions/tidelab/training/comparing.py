"""Two models on the same test images, in numbers and in words, and whether the first is recommended as champion."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from tidelab.domain.decision import Decision, GroupDecision, Measured
from tidelab.models import ResolvedModel
from tidelab.science.comparison import Difference
from tidelab.science.metrics import Interval
from tidelab.science.recommendation import DEFAULT, Group, Judgement, judge
from tidelab.training.evaluation import SMALL_TEST, Evaluation

FEW_SAMPLES: Final = 6
"""With fewer samples than this the interval is wide, and says little about the next one."""


class NothingToCompareError(ValueError):
    """Two models that no test image tells apart fairly; the text says why."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models on the same test images.

    Parameters
    ----------
    challenger, champion
        Their evaluations on the images that are compared.
    judgement
        Figures and tests (`tidelab.science.recommendation`).
    left_out
        Test images left out because one of the two had learned from them.
    n_samples
        Water samples the images come from; 0 where unknown.
    look
        Which look at these test images it is.
    """

    challenger: Evaluation
    champion: Evaluation
    judgement: Judgement
    left_out: int
    n_samples: int
    look: int = 1

    @cached_property
    def difference(self) -> Interval:
        """The primary measure's difference with its 95 % interval."""
        return Interval(self.judgement.primary.value, *self.judgement.primary.interval())

    @property
    def decided(self) -> bool:
        """Whether the images tell the two apart: the interval excludes zero, and enough images stand behind it."""
        outside = self.difference.low > 0 or self.difference.high < 0
        return outside and self.judgement.sign_p_value < 0.05

    @property
    def sentences(self) -> list[str]:
        """The result in words: verdict, counts, then what limits it."""
        interval, found = self.difference, self.judgement
        words = f"macro F1 {interval.value:+.3f} (95 % interval {interval.low:+.3f} to {interval.high:+.3f})"
        first, second = self.challenger.name, self.champion.name
        verdict = (
            f"{first} is {'better' if interval.value > 0 else 'worse'} than {second} on these images: {words}."
            if self.decided
            else f"These images do not decide between {first} and {second}: {words}."
        )
        rest = (
            f"{found.only_challenger} image(s) are right only with {first}, {found.only_champion} only with {second}, "
            f"out of {len(self.challenger.truth)} (exact sign test: p = {found.sign_p_value:.2g})."
        )
        return [verdict, rest, *self.cautions]

    @property
    def cautions(self) -> list[str]:
        """What a reader of the figures must know."""
        found = []
        n = len(self.challenger.truth)
        if self.left_out:
            found.append(
                f"{self.left_out} test image(s) are left out: one of the two models had learned from them. {n} are compared."
            )
        for one in (self.challenger, self.champion):
            if one.learned_from is None:
                found.append(
                    f"Which images {one.name} learned from is not known (its bundle carries no list). If test images are among them, it "
                    "looks better here than it is."
                )
        if n < SMALL_TEST:
            found.append(f"{n} test images are few: a handful of other images could turn the result round.")
        found += _sample_cautions(self.n_samples)
        for one in (self.challenger, self.champion):
            unknown = sorted(set(self.challenger.images.labels) - _known(one))
            if unknown:
                found.append(
                    f"{one.name} does not know {', '.join(unknown)}; it names those images wrongly, and macro F1 is the mean over the "
                    f"{len(self.judgement.compared)} classes both know."
                )
        return found

    def decision(self, champion_words: str = "") -> Decision:
        """Return whether the challenger is recommended, with reasons and every figure behind it."""
        found, reasons = self.judgement, _reasons(self)
        return Decision(
            recommended=not reasons,
            reasons=tuple(reasons) or (_praise(self),),
            cautions=tuple(self.cautions),
            challenger=self.challenger.model,
            champion=self.champion.model,
            champion_words=champion_words,
            primary=_measured("macro F1", found.primary),
            compared=found.compared,
            p_value=found.p_value,
            level=found.level,
            only_challenger=found.only_challenger,
            only_champion=found.only_champion,
            margin=DEFAULT.margin,
            groups=tuple(_group(one) for one in found.groups if one.n_images),
            n_images=len(self.challenger.truth),
            n_samples=self.n_samples,
            left_out=self.left_out,
            look=self.look,
        )


def compare(challenger: Evaluation, champion: Evaluation, *, look: int = 1, seed: int = 0) -> Comparison:
    """Compare two evaluations of the same test images, paired image by image.

    Images that either model has learned from are left out.

    Raises
    ------
    NothingToCompareError
        Where no image or no common class is left.
    """
    rows, others, left_out = _common(challenger, champion)
    challenger, champion = challenger.subset(rows), champion.subset(others)
    labels = tuple(dict.fromkeys([*challenger.labels, *champion.labels]))
    truth = [labels.index(challenger.labels[k]) for k in challenger.truth]
    both = [
        label
        for label in challenger.images.labels
        if label in _known(challenger) and label in _known(champion)
    ]
    if not {labels.index(label) for label in both} & set(truth):
        raise NothingToCompareError(
            f"{challenger.name} and {champion.name} know no common class with test images, so they cannot be compared."
        )
    samples = challenger.images.sample_ids
    known, sites = all(samples), challenger.images.sites
    found = judge(
        truth, [labels.index(challenger.labels[k]) for k in challenger.predicted],
        [labels.index(champion.labels[k]) for k in champion.predicted], labels,
        samples=samples if known else None, sites=sites or None, compared=both, look=look, seed=seed,
    )  # fmt: skip
    return Comparison(challenger, champion, found, left_out, len(set(samples)) if known else 0, look)


def no_comparison(reason: str, challenger: Evaluation, champion_words: str = "") -> Decision:
    """Return the decision where nothing can be compared: not recommended, and why."""
    return Decision(
        recommended=False, reasons=(reason,), challenger=challenger.model, champion_words=champion_words
    )


def nothing_to_compare(champion: ResolvedModel | str) -> str:
    """Return the reason where there is no champion that a model could be measured against; a text says why there is none."""
    why = f" {champion}" if isinstance(champion, str) else ""
    return f"There is no model to compare it with, so nothing is known but its own figures; a maintainer decides by those.{why}"


def _common(challenger: Evaluation, champion: Evaluation) -> tuple[list[int], list[int], int]:
    """Return the rows of both that are compared, in the same order, and how many images are left out."""
    places = {one: row for row, one in enumerate(_keys(champion))}
    seen = frozenset[str]().union(
        *(one.learned_from.digests for one in (challenger, champion) if one.learned_from is not None)
    )
    keys = _keys(challenger)
    shared = [row for row, one in enumerate(keys) if one in places]
    if not shared:
        raise NothingToCompareError(
            f"{challenger.name} and {champion.name} were evaluated on different images; evaluate both on the same test set."
        )
    rows = [row for row in shared if challenger.images.digests[row] not in seen]
    every = len(set(keys) | set(places))
    if not rows:
        raise NothingToCompareError(
            f"All {every} test images are among those that {challenger.name} or {champion.name} learned from, so the two cannot be "
            "compared. Add images that neither has seen."
        )
    return rows, [places[keys[row]] for row in rows], every - len(rows)


def _known(evaluation: Evaluation) -> frozenset[str]:
    return evaluation.known or frozenset(evaluation.labels)


def _keys(evaluation: Evaluation) -> list[tuple[str, str]]:
    return list(zip(evaluation.images.names, evaluation.images.digests, strict=True))


def _reasons(found: Comparison) -> list[str]:
    """Return why the challenger is not recommended; empty where it is."""
    judged, reasons = found.judgement, []
    if found.n_samples == 1:
        reasons.append(
            "All test images come from one water sample, so nothing is known of other days and places. Add images of other samples."
        )
    if not judged.better:
        low, high = found.difference.low, found.difference.high
        reasons.append(
            f"Not shown to be better: macro F1 {judged.primary.challenger:.3f} against {judged.primary.champion:.3f} (difference "
            f"{judged.primary.value:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}; p = {judged.p_value:.2g}, at look number {found.look} "
            f"at these test images it had to be below {judged.level:.2g})."
        )
    tested = set(found.challenger.images.labels)
    unknown = sorted((_known(found.champion) & tested) - _known(found.challenger))
    if unknown:
        reasons.append(f"It does not know {', '.join(unknown)}, which the champion finds.")
    for one in judged.worse:
        if one.name in unknown:
            continue
        lost = " and ".join(
            f"{name} {value.champion:.2f} → {value.challenger:.2f}" for name, value in one.differences.items()
        )
        what = "collapsed" if one.collapsed else f"lost more than {100 * DEFAULT.margin:.0f} points"
        reasons.append(f"The {one.kind} {one.name} {what}: {lost} ({one.n_images} test images).")
    return reasons


def _praise(found: Comparison) -> str:
    judged = found.judgement
    tested = [one for one in judged.groups if one.state != "not testable"]
    kept = sum(one.state == "kept" for one in tested)
    return (
        f"Better: macro F1 {judged.primary.challenger:.3f} against {judged.primary.champion:.3f} (p = {judged.p_value:.2g}). No tested class "
        f"or site is shown to be worse; for {kept} of {len(tested)} a loss beyond {100 * DEFAULT.margin:.0f} points is excluded, "
        f"{len(judged.groups) - len(tested)} could not be tested."
    )


def _sample_cautions(n_samples: int) -> Sequence[str]:
    if n_samples == 0:
        return [
            "Which water sample each test image comes from is not known, so images count as independent; where they come from few "
            "samples the comparison is too sure of itself."
        ]
    if n_samples == 1:
        return [
            "All test images come from one water sample: how the models do on other days or places is not known."
        ]
    if n_samples < FEW_SAMPLES:
        return [f"The test images come from {n_samples} water samples only; the interval is rough."]
    return []


def _group(one: Group) -> GroupDecision:
    return GroupDecision(
        name=one.name, kind=one.kind, n_images=one.n_images, n_samples=one.n_samples, state=one.state, collapsed=one.collapsed,
        measures=tuple(_measured(name, value) for name, value in one.differences.items()),
    )  # fmt: skip


def _measured(name: str, found: Difference) -> Measured:
    low, high = found.interval()
    rounded = {"challenger": found.challenger, "champion": found.champion, "low": low, "high": high}
    return Measured(
        measure=name,
        difference=round(found.value, 4),
        **{key: round(float(np.clip(value, -9, 9)), 4) for key, value in rounded.items()},
    )
