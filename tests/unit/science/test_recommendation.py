"""The rule for a recommendation, and a small version of the simulation that proves it."""

import importlib.util
import sys

import numpy as np
import pytest

from tidelab import paths
from tidelab.science.recommendation import Rule, judge

LABELS = ("a", "b", "c")


def test_the_levels_of_all_looks_sum_to_what_is_accepted():
    levels = [Rule().level(k) for k in range(1, 60)]
    assert levels[:3] == pytest.approx([0.04, 0.008, 0.0016])
    assert sum(levels) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="counted from 1"):
        Rule().level(0)


def names(truth, wrong, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(truth)) < np.asarray(wrong)[truth], (truth + 1) % 3, truth)


def test_a_class_that_lost_refuses_whatever_the_others_gain():
    truth = np.repeat(np.arange(3), 200)
    champion, challenger = names(truth, [0.4, 0.4, 0.1]), names(truth, [0.05, 0.05, 0.35], 1)
    found = judge(truth, challenger, champion, LABELS)
    assert found.better
    assert not found.recommended
    assert [one.name for one in found.worse] == ["c"]


def test_better_everywhere_is_recommended_and_kept():
    truth = np.repeat(np.arange(3), 200)
    found = judge(truth, names(truth, [0.05] * 3), names(truth, [0.2] * 3, 1), LABELS)
    assert found.recommended
    assert {one.state for one in found.groups} == {"kept"}


def test_a_later_look_needs_more_evidence():
    """Nine images more of 180: p lies between the levels of the first and the fifth look."""
    truth = np.repeat(np.arange(3), 60)
    champion = names(truth, [0.2] * 3)
    gained = np.flatnonzero(champion != truth)[::4]
    challenger = champion.copy()
    challenger[gained] = truth[gained]
    first, fifth = (judge(truth, challenger, champion, LABELS, look=k) for k in (1, 5))
    assert first.p_value == fifth.p_value
    assert (first.better, fifth.better) == (True, False)


def test_few_images_are_not_tested_but_a_collapse_is_seen():
    truth = np.repeat(np.arange(3), [200, 200, 12])
    champion = names(truth, [0.4, 0.4, 0.1])
    challenger = np.where(truth == 2, 0, names(truth, [0.05, 0.05, 0.0]))
    found = judge(truth, challenger, champion, LABELS)
    assert found.groups[2].state == "not testable"
    assert found.groups[2].collapsed
    assert not found.recommended


def test_a_class_of_one_sample_cannot_be_tested():
    truth = np.repeat(np.arange(3), 60)
    samples = ["x" if k == 0 else str(row % 6) for row, k in enumerate(truth)]
    found = judge(truth, truth, names(truth, [0.3] * 3), LABELS, samples=samples)
    assert found.groups[0].state == "not testable"


def test_sites_are_tested_beside_classes():
    truth = np.tile(np.arange(3), 100)
    sites = ["north" if k < 150 else "south" for k in range(300)]
    champion = names(truth, [0.1] * 3)
    challenger = np.where(np.array(sites) == "south", (truth + 1) % 3, truth)
    found = {one.name: one for one in judge(truth, challenger, champion, LABELS, sites=sites).groups}
    assert found["south"].state == "worse"
    assert found["south"].kind == "site"
    assert found["north"].state == "kept"


def test_a_handful_of_images_never_recommends():
    truth = np.repeat(np.arange(3), 3)
    champion = np.where(truth == 2, 1, truth)
    found = judge(truth, truth, champion, LABELS)
    assert found.p_value < found.level, "the bootstrap is sure of itself"
    assert found.sign_p_value == pytest.approx(0.25)
    assert not found.recommended


def _bench():
    spec = importlib.util.spec_from_file_location(
        "bench_promotion", paths.checkout() / "bench" / "promotion.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_simulated_challengers():
    """With 40 repeats: equal ones hardly ever, clearly better ones mostly, collapsed ones never (bounds three standard errors wide)."""
    equal, better, *collapsed = _bench().quick(40)
    assert equal.recommended <= 0.15
    assert better.recommended >= 0.6
    assert [one.recommended for one in collapsed] == [0.0, 0.0]
    assert all(one.scenario.at_most == 0.0 for one in collapsed)


@pytest.mark.prove
def test_promotion_bounds_at_full_size():
    bench = _bench()
    broken = [
        one.scenario.name
        for one in (bench.simulate(kind, bench.REPEATS) for kind in bench.SCENARIOS)
        if not one.held
    ]
    assert broken == []
