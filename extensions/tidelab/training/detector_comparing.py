"""Two detectors on the same test pictures: the difference in average precision with its interval, and whether one is recommended.

Average precision is no mean over pictures, so its interval comes from the bootstrap: whole samples (or single pictures, where samples
are not known) are drawn again and again with replacement, and both models are measured on each draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.decision import Decision, GroupDecision, GroupState, Measured
from tidelab.science.detection_metrics import COCO_IOUS, Matches, match
from tidelab.science.metrics import Interval
from tidelab.science.recommendation import DEFAULT
from tidelab.training.comparing import NothingToCompareError
from tidelab.training.detector_evaluation import LEAST_OBJECTS, DetectorEvaluation

DRAWS: Final = 400
FEW_SAMPLES: Final = 6
_RECALLS: Final = np.linspace(0, 1, 101)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DetectorComparison:
    """Two detectors on the same pictures.

    Parameters
    ----------
    challenger, champion
        Their evaluations on the pictures that are compared.
    labels
        Classes that both know and that occur.
    values
        ``(2, k)``: AP50-95 of each model and class.
    draws
        ``(b, k)``: differences (challenger minus champion) in each draw of the bootstrap.
    left_out
        Test pictures left out because one of the two had learned from them.
    n_samples
        Samples the pictures come from; 0: not known.
    look
        Which look at these pictures it is.
    """

    challenger: DetectorEvaluation
    champion: DetectorEvaluation
    labels: tuple[str, ...]
    values: Floats
    draws: Floats
    left_out: int
    n_samples: int
    look: int = 1

    @property
    def difference(self) -> Interval:
        """Of the mean AP50-95, with its 95 % interval."""
        return _interval(float(np.nanmean(self.values[0] - self.values[1])), np.nanmean(self.draws, axis=1))

    def of_class(self, k: int) -> Interval:
        """Of one class's AP50-95, with its 95 % interval."""
        return _interval(float(self.values[0, k] - self.values[1, k]), self.draws[:, k])

    @property
    def p_value(self) -> float:
        """One-sided, of "the challenger is not better": the share of draws without an advantage, never below one in the draws."""
        means = np.nanmean(self.draws, axis=1)
        return float((np.sum(means <= 0) + 1) / (len(means) + 1))

    def decision(self, champion_words: str = "") -> Decision:
        """Return whether the challenger is recommended, with reasons and the figures behind it."""
        level = DEFAULT.level(self.look)
        groups = tuple(self._group(k) for k in range(len(self.labels)))
        reasons = self._reasons(groups, level)
        interval = self.difference
        first, second = (float(np.nanmean(row)) for row in self.values)
        praise = f"Better: mAP50-95 {first:.3f} against {second:.3f} (p = {self.p_value:.2g}). No class is shown to be worse."
        return Decision(
            recommended=not reasons,
            reasons=tuple(reasons) or (praise,),
            cautions=tuple(self.cautions),
            challenger=self.challenger.model,
            champion=self.champion.model,
            champion_words=champion_words,
            primary=_measured("mAP50-95", first, second, interval),
            compared=self.labels,
            p_value=self.p_value,
            level=level,
            margin=DEFAULT.margin,
            groups=groups,
            n_images=len(self.challenger),
            n_samples=self.n_samples,
            left_out=self.left_out,
            look=self.look,
        )

    @property
    def cautions(self) -> list[str]:
        """What a reader of the figures must know."""
        found = []
        if self.left_out:
            found.append(
                f"{self.left_out} test picture(s) are left out: one of the two models had learned from them. {len(self.challenger)} are compared."
            )
        if self.champion.learned_from is None:
            found.append(
                f"Which pictures {self.champion.name} learned from is not known. If test pictures are among them, it looks better than it is."
            )
        if not self.n_samples:
            found.append(
                "Which pictures were taken together is not known, so each counts as independent; the comparison may be too sure of itself."
            )
        elif self.n_samples < FEW_SAMPLES:
            found.append(f"The test pictures come from {self.n_samples} samples only; the interval is rough.")
        return found

    def _reasons(self, groups: Sequence[GroupDecision], level: float) -> list[str]:
        interval, reasons = self.difference, []
        if self.n_samples == 1:
            reasons.append(
                "All test pictures come from one sample, so nothing is known of other days and places."
            )
        if not (interval.low > 0 and self.p_value < level):
            reasons.append(
                f"Not shown to be better: difference of mAP50-95 {interval.value:+.3f} (95 % interval {interval.low:+.3f} to "
                f"{interval.high:+.3f}; p = {self.p_value:.2g}, at look number {self.look} it had to be below {level:.2g})."
            )
        unknown = sorted((self.champion.known & set(self.challenger.images.labels)) - self.challenger.known)
        if unknown:
            reasons.append(f"It does not know {', '.join(unknown)}, which the champion finds.")
        for one in groups:
            if one.state == "worse":
                (measured,) = one.measures
                reasons.append(
                    f"The class {one.name} lost: AP50-95 {measured.champion:.2f} to {measured.challenger:.2f} ({one.n_images} objects)."
                )
        return reasons

    def _group(self, k: int) -> GroupDecision:
        objects = int(self.challenger.precision.truth[self.challenger.labels.index(self.labels[k])])
        interval, first, second = self.of_class(k), float(self.values[0, k]), float(self.values[1, k])
        collapsed = second >= 0.2 and first < 0.05
        state: GroupState = "not testable"
        if objects >= LEAST_OBJECTS:
            state = (
                "worse"
                if interval.high < 0 or collapsed
                else "kept"
                if interval.low > -DEFAULT.margin
                else "open"
            )
        return GroupDecision(
            name=self.labels[k], kind="class", n_images=objects, state=state, collapsed=collapsed,
            measures=(_measured("AP50-95", first, second, interval),),
        )  # fmt: skip


def compare_detectors(
    challenger: DetectorEvaluation,
    champion: DetectorEvaluation,
    *,
    look: int = 1,
    seed: int = 0,
    draws: int = DRAWS,
) -> DetectorComparison:
    """Compare two evaluations of the same pictures; pictures that either model has learned from are left out.

    Raises
    ------
    NothingToCompareError
        Where no picture or no common class with objects is left.
    """
    rows, others, left_out = _common(challenger, champion)
    ours, theirs = challenger.subset(rows), champion.subset(others)
    labels = tuple(
        label
        for k, label in enumerate(ours.labels)
        if label in ours.known and label in theirs.known and ours.precision.truth[k]
    )
    if not labels:
        raise NothingToCompareError(
            f"{challenger.name} and {champion.name} know no common class with objects in the test pictures, so they cannot be compared."
        )
    matched = [_matched(one, labels) for one in (ours, theirs)]
    objects = _objects(ours, labels)
    once = np.ones(len(ours))
    values = np.array([_precisions(each, objects, once) for each in matched])
    samples = [one.sample_id for one in ours.images.pictures]
    known = all(samples)
    groups = np.unique(samples if known else [str(k) for k in range(len(ours))], return_inverse=True)[1]
    found = _bootstrap(matched, objects, groups, np.random.default_rng(seed), draws)
    return DetectorComparison(
        ours, theirs, labels, values, found, left_out, len(set(samples)) if known else 0, look
    )


def _matched(one: DetectorEvaluation, labels: Sequence[str]) -> list[Matches]:
    every = match(one.found, one.truth, len(one.labels), ious=COCO_IOUS)
    return [every[one.labels.index(label)] for label in labels]


def _objects(one: DetectorEvaluation, labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the true objects of each picture and class, ``(n, k)``, crowds not counted."""
    places = [one.labels.index(label) for label in labels]
    return np.array(
        [
            [int(((t.labels == place) & ~_crowd(t.crowd, len(t.labels))).sum()) for place in places]
            for t in one.truth
        ]
    )


def _precisions(matched: Sequence[Matches], objects: npt.NDArray[np.int64], weights: Floats) -> Floats:
    return np.array([weighted_precision(one, objects[:, k], weights) for k, one in enumerate(matched)])


def _bootstrap(
    matched: Sequence[Sequence[Matches]],
    objects: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    rng: np.random.Generator,
    draws: int,
) -> Floats:
    """Return the differences of the classes, first model minus second, in each draw of whole groups of pictures."""
    found = np.empty((draws, objects.shape[1]))
    count = int(groups.max()) + 1
    for draw in range(draws):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        weights = drawn[groups].astype(np.float64)
        first, second = (_precisions(each, objects, weights) for each in matched)
        found[draw] = first - second
    return found


def weighted_precision(matches: Matches, objects: npt.NDArray[np.int64], weights: Floats) -> float:
    """Return AP50-95 of a class where each picture counts as often as its weight says; NaN where none of its objects counts.

    Parameters
    ----------
    matches
        At the ten IoU thresholds of COCO.
    objects
        ``(n,)``: its true objects in each picture.
    weights
        ``(n,)``: 1 for each gives the ordinary AP.
    """
    truth = float(objects @ weights)
    if not truth:
        return float("nan")
    each = weights[matches.pictures] if len(matches.scores) else np.zeros(0)
    right = np.cumsum(matches.hit * each, axis=1)
    wrong = np.cumsum((~matches.hit & ~matches.ignored) * each, axis=1)
    values = []
    for good, bad in zip(right, wrong, strict=True):
        precision = np.maximum.accumulate((good / np.maximum(good + bad, np.spacing(1)))[::-1])[::-1]
        places = np.searchsorted(good / truth, _RECALLS, side="left")
        reached = places < len(good)
        at = np.zeros(len(_RECALLS))
        at[reached] = precision[places[reached]]
        values.append(at.mean())
    return float(np.mean(values))


def _common(challenger: DetectorEvaluation, champion: DetectorEvaluation) -> tuple[list[int], list[int], int]:
    places = {one.digest: row for row, one in enumerate(champion.images.pictures)}
    seen = frozenset[str]().union(
        *(one.learned_from.digests for one in (challenger, champion) if one.learned_from is not None)
    )
    digests = [one.digest for one in challenger.images.pictures]
    shared = [row for row, digest in enumerate(digests) if digest in places]
    rows = [row for row in shared if digests[row] not in seen]
    if not rows:
        raise NothingToCompareError(
            f"No test picture is new to both {challenger.name} and {champion.name}, so they cannot be compared. Add pictures that neither has seen."
        )
    every = len(set(digests) | set(places)) + max(challenger.left_out, champion.left_out)
    return rows, [places[digests[row]] for row in rows], every - len(rows)


def _crowd(crowd: npt.NDArray[np.bool_] | None, count: int) -> npt.NDArray[np.bool_]:
    return np.zeros(count, np.bool_) if crowd is None else crowd


def _interval(value: float, draws: Floats) -> Interval:
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (-1.0, 1.0)
    return Interval(value, float(low), float(high))


def _measured(name: str, challenger: float, champion: float, interval: Interval) -> Measured:
    return Measured(
        measure=name, challenger=round(challenger, 4), champion=round(champion, 4), difference=round(interval.value, 4),
        low=round(interval.low, 4), high=round(interval.high, 4),
    )  # fmt: skip
