"""The rule behind "recommended as champion": better in one primary measure, worse in no class and at no site.

The primary measure is the **macro F1 over the classes both models know**: every class counts the same, missed and falsely named images
both cost, and it is one number, so that nobody can choose afterwards the measure that came out well.

Each class and each site with enough test images is tested against a margin, in both directions:

- *kept*: the loss is shown to be smaller than the margin (non-inferiority);
- *worse*: the loss is beyond chance, and larger than the margin;
- *open*: these images cannot tell.

For a class both recall and F1 are tested: recall sees a class that is missed, F1 also one that is drowned in false names. For a site it
is the share of images named rightly. "Kept" is not demanded of every class, because that rule refuses many models that are truly
better everywhere (``bench/promotion.py`` shows both). P-values are adjusted for the number of tests (Holm, 1979).

A test set is used up by looking at it. The first look may spend four fifths of the accepted share of false recommendations, each later
one a fifth of what the look before it could; together they never spend more than all of it, however often somebody looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tidelab.science.comparison import Difference, Paired, holm, paired_f1, paired_share_right

State = Literal["kept", "worse", "open", "not testable"]


@dataclass(frozen=True)
class Rule:
    """What is demanded.

    Parameters
    ----------
    false_recommendations
        Accepted share of recommendations among models that are only as good as the champion, over all looks at a test set.
    margin
        Loss of F1 (class) or of the share named rightly (site) that is accepted.
    minimum_images
        Test images that a class or site needs to be tested.
    group_level
        Level of the tests of classes and sites, all together.
    """

    false_recommendations: float = 0.05
    margin: float = 0.05
    minimum_images: int = 40
    group_level: float = 0.05

    def level(self, look: int) -> float:
        """Return the one-sided level of the primary test at the k-th look at the same test images: 4 %, 0.8 %, 0.16 %, ..."""
        if look < 1:
            raise ValueError(f"looks are counted from 1, got {look}")
        return self.false_recommendations * FIRST_LOOK * (1 - FIRST_LOOK) ** (look - 1)


FIRST_LOOK: Final = 0.8
"""Share of the accepted false recommendations that the first look may spend."""
DEFAULT: Final = Rule()
COLLAPSE_IMAGES: Final = 10
COLLAPSE_HITS: Final = 5
COLLAPSE_SHARE: Final = 0.25
"""A class has collapsed where the champion names at least 5 of at least 10 images rightly and the challenger a quarter of them at most."""
SMALLEST_SET: Final = 0.05
"""Level of the exact sign test that a recommendation must pass as well: a bootstrap of a handful of images is too sure of itself."""


@dataclass(frozen=True)
class Group:
    """One class or site in the comparison.

    Parameters
    ----------
    differences
        Measure -> difference: ``recall`` and ``F1`` of a class with test images, ``share right`` of a site.
    state, collapsed
        What the tests say (module text); whether the challenger lost the class altogether.
    """

    name: str
    kind: Literal["class", "site"]
    n_images: int
    n_samples: int
    differences: Mapping[str, Difference]
    state: State
    collapsed: bool = False


@dataclass(frozen=True)
class Judgement:
    """What the rule says of a challenger.

    Parameters
    ----------
    primary
        Macro F1 of both, over `compared` classes.
    level
        One-sided level of the primary test at this look.
    p_value
        Of "the challenger is not better".
    sign_p_value
        Of the exact sign test on the images that only one of the two names rightly.
    groups
        Classes, then sites.
    """

    primary: Difference
    compared: tuple[str, ...]
    level: float
    p_value: float
    sign_p_value: float
    only_challenger: int
    only_champion: int
    groups: tuple[Group, ...]

    @property
    def better(self) -> bool:
        """Whether the primary measure is better beyond chance."""
        return self.p_value < self.level and self.sign_p_value < SMALLEST_SET

    @property
    def worse(self) -> tuple[Group, ...]:
        """Classes and sites that lost."""
        return tuple(one for one in self.groups if one.state == "worse" or one.collapsed)

    @property
    def recommended(self) -> bool:
        """Whether the rule recommends the challenger."""
        return self.better and not self.worse


def judge(
    truth: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike,
    labels: Sequence[str],
    *,
    samples: Sequence[str] | None = None,
    sites: Sequence[str] | None = None,
    compared: Sequence[str] | None = None,
    look: int = 1,
    rule: Rule = DEFAULT,
    resamples: int = 1000,
    seed: int = 0,
) -> Judgement:
    """Apply the rule to two classifiers' names of the same test images.

    Parameters
    ----------
    truth, challenger, champion
        Indices into `labels`, shape ``(n,)``.
    labels
        Class names.
    samples, sites
        Sample and site of each image; an empty site is left out. None where not known.
    compared
        Classes both know; all by default.
    look
        Which look at these test images it is, from 1.
    rule, resamples, seed
        See `Rule` and `tidelab.science.comparison.paired_f1`.
    """
    true, first, second = (np.asarray(one, np.int64) for one in (truth, challenger, champion))
    chosen = tuple(labels) if compared is None else tuple(compared)
    rows = [k for k, label in enumerate(labels) if label in set(chosen)]
    paired = paired_f1(
        true, first, second, len(labels), samples=samples, compared=rows, resamples=resamples, seed=seed
    )
    right = first == true, second == true
    groups = _tested(
        _classes(paired, labels, samples is not None, rule) + _sites(right, samples, sites, rule), rule
    )
    only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    return Judgement(
        primary=paired.macro,
        compared=tuple(labels[k] for k in rows if paired.n_images[k]),
        level=rule.level(look),
        p_value=paired.macro.p_above(0.0),
        sign_p_value=_sign(*only),
        only_challenger=only[0],
        only_champion=only[1],
        groups=groups,
    )


def _classes(paired: Paired, labels: Sequence[str], by_sample: bool, rule: Rule) -> list[Group]:
    found = []
    for k, label in enumerate(labels):
        n, spread = int(paired.n_images[k]), int(paired.n_samples[k])
        measures = {"recall": paired.recall[k], "F1": paired.f1[k]}
        found_here = {name: one for name, one in measures.items() if one is not None}
        testable = n >= rule.minimum_images and (not by_sample or spread >= 2)
        hits, champions = int(paired.hits_challenger[k]), int(paired.hits_champion[k])
        collapsed = n >= COLLAPSE_IMAGES and champions >= COLLAPSE_HITS and hits <= COLLAPSE_SHARE * champions
        state: State = "open" if testable else "not testable"
        found.append(Group(label, "class", n, spread, found_here, state, collapsed))
    return found


def _sites(
    right: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    samples: Sequence[str] | None,
    sites: Sequence[str] | None,
    rule: Rule,
) -> list[Group]:
    if sites is None:
        return []
    where = np.asarray(sites, dtype=str)
    found = []
    for name in sorted(set(where.tolist()) - {""}):
        here = np.flatnonzero(where == name)
        inside = None if samples is None else [samples[k] for k in here]
        spread = 0 if inside is None else len(set(inside))
        difference = paired_share_right(right[0][here], right[1][here], inside)
        testable = len(here) >= rule.minimum_images and (inside is None or spread >= 2)
        state: State = "open" if testable else "not testable"
        found.append(Group(name, "site", len(here), spread, {"share right": difference}, state))
    return found


def _tested(groups: list[Group], rule: Rule) -> tuple[Group, ...]:
    """Return the groups with what the tests say, adjusted for their number."""
    tests = [
        (k, difference)
        for k, one in enumerate(groups)
        if one.state == "open"
        for difference in one.differences.values()
    ]
    lost = holm([one.p_below(0.0) for _, one in tests])
    safe = holm([one.p_above(-rule.margin) for _, one in tests])
    states: dict[int, State] = {}
    for (k, difference), p_lost, p_safe in zip(tests, lost, safe, strict=True):
        if p_lost < rule.group_level and difference.value < -rule.margin:
            states[k] = "worse"
        elif p_safe >= rule.group_level:
            states[k] = "worse" if states.get(k) == "worse" else "open"
        else:
            states.setdefault(k, "kept")
    return tuple(replace(one, state=states.get(k, one.state)) for k, one in enumerate(groups))


def _sign(only_first: int, only_second: int) -> float:
    from tidelab.science.metrics import sign_test

    return sign_test(only_first, only_second)
