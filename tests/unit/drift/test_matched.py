"""Discrepancy and looks at one number of images: what does not move them, and what does."""

import numpy as np
import pytest
from drift_factory import CLASSES, batch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.drift import DriftSettings, matched
from tidelab.drift.known import fixed_size
from tidelab.drift.looks import KnownLook
from tidelab.drift.matched import Cloud
from tidelab.science.two_sample import unit_vectors, weighted_ks_distance, weighted_ks_distances


def cloud(*arguments, **keywords):
    made = batch(*arguments, **keywords)
    return Cloud(unit_vectors(made.embeddings), np.asarray(made.labels))


KNOWN = cloud(600, seed=1)
SIGMA = matched.width(KNOWN)


def value(images, size=30, known=KNOWN):
    taken = matched.quota(images, known, size, matched.shares(known.labels))
    return matched.discrepancy(images, known, taken, SIGMA, seed=1) if taken else None


def test_it_does_not_grow_with_the_number_of_images():
    """Halves of one set: the mean over many draws is the same whether 60 or 600 images are drawn from."""
    large = cloud(1200, seed=2, moved=0.3)
    small = large.part(np.arange(1200) < 60)
    assert value(small) == pytest.approx(value(large), abs=0.04)


def test_a_bloom_leaves_it_where_it_was_and_a_shift_does_not():
    mixed, bloom = cloud(300, seed=3), cloud(300, seed=3, shares=[0.9, 0.05, 0.05])
    shifted = cloud(300, seed=3, moved=np.eye(16)[0] * 3.0)
    assert abs(value(bloom)) < 0.05
    assert abs(value(mixed)) < 0.05
    assert value(shifted) > 0.12


def test_it_is_frouros_value_of_the_drawn_images():
    """One draw, computed by hand from the definition (Gretton et al. 2012, eq. 3)."""
    images = cloud(40, seed=4, moved=0.5)
    taken = matched.quota(images, KNOWN, 20, matched.shares(KNOWN.labels))
    rng = np.random.default_rng(7)
    here, there = (
        np.concatenate([rng.permutation(cloud.by_class[name])[:n] for name, n in taken.items()])
        for cloud in (images, KNOWN)
    )
    assert len(set(here.tolist())) == len(set(there.tolist())) == 20
    centres = {name: KNOWN.vectors[KNOWN.labels == name].mean(axis=0) for name in CLASSES}
    x = np.stack([images.vectors[i] - centres[images.labels[i]] for i in here]).astype(float)
    y = np.stack([KNOWN.vectors[i] - centres[KNOWN.labels[i]] for i in there]).astype(float)

    def mean_kernel(a, b, same):
        k = np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=2) / (2 * SIGMA**2))
        return (k.sum() - len(a)) / (len(a) * (len(a) - 1)) if same else k.mean()

    expected = mean_kernel(x, x, True) + mean_kernel(y, y, True) - 2 * mean_kernel(x, y, False)
    assert matched.discrepancy(images, KNOWN, taken, SIGMA, seed=7, draws=1) == pytest.approx(
        expected, abs=1e-5
    )


def test_images_without_known_ones_of_their_class_cannot_be_matched():
    strange = Cloud(KNOWN.vectors[:40], np.asarray(["new"] * 40))
    assert value(strange) is None
    mixed = Cloud(KNOWN.vectors[:40], np.asarray(["new"] * 20 + KNOWN.labels[20:40].tolist()))
    assert value(mixed, size=30) is None
    assert value(mixed, size=15) is not None


def test_images_are_chosen_to_the_mix_of_the_known_ones():
    mix = matched.shares(KNOWN.labels)
    bloom = cloud(300, seed=3, shares=[0.9, 0.05, 0.05])
    taken = matched.quota(bloom, KNOWN, 25, mix)
    assert sum(taken.values()) == 25
    assert matched.mix_distance(taken, mix) < 0.03
    small = matched.quota(bloom.part(np.arange(300) < 30), KNOWN, 25, mix)
    assert sum(small.values()) == 25
    assert matched.mix_distance(small, mix) > 0.3  # 27 of 30 are of one class: nothing to choose from
    assert matched.mix_distance({"a": 3, "b": 1}, {"a": 0.5, "c": 0.5}) == pytest.approx(0.5)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_fast_distances_are_the_slow_ones(seed):
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, 8, (4, 9)).astype(float)  # many ties
    second = rng.integers(0, 8, 30).astype(float)
    weights = rng.integers(0, 3, 30).astype(float) + np.eye(30)[0]
    fast = weighted_ks_distances(draws, second, weights)
    slow = [weighted_ks_distance(row, second, weights) for row in draws]
    np.testing.assert_allclose(fast, slow, atol=1e-12)


MIX = {"big": 0.5, "small": 0.5}


def known_look(seed=5):
    """Two classes far apart, twelve samples of 40 images that differ a little."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(["big", "small"], 480)
    values = (
        np.where(labels == "big", 10.0, 0.0) + rng.normal(size=480) + np.repeat(rng.normal(0, 0.2, 12), 40)
    )
    samples = np.repeat([f"s{i}" for i in range(12)], 40)
    return rng, KnownLook.make(values, labels, samples, np.ones(480, dtype=bool))


def test_a_look_is_judged_within_the_classes():
    rng, known = known_look()
    bloom = np.asarray(["big"] * 200)
    same = known.judge(10.1 + rng.normal(size=200), bloom, MIX, 1.0, 0.01)
    moved = known.judge(11.5 + rng.normal(size=200), bloom, MIX, 1.0, 0.01)
    wider = known.judge(10.0 + 3 * rng.normal(size=200), bloom, MIX, 1.0, 0.01)
    assert (same.beyond, moved.beyond, wider.beyond) == (False, True, True)
    assert abs(same.shift) < 2.5 < moved.shift
    assert abs(wider.shift) < 2.5


def test_what_normal_samples_do_is_not_beyond():
    """New samples as the known ones are: at 5 % about one in twenty is beyond, with 30 images as with 1,000."""
    for n in (30, 1000):
        found = []
        for seed in range(60):
            rng, known = known_look(seed)
            values = rng.normal(size=n) + rng.normal(0, 0.2)
            found.append(known.judge(values, np.asarray(["small"] * n), MIX, 1.0, 0.05).beyond)
        assert np.mean(found) < 0.15


def test_a_class_that_is_hardly_known_says_little():
    rng, known = known_look()
    values = 2.0 + rng.normal(size=60)
    sure = known.judge(values, np.asarray(["small"] * 60), MIX, 1.0, 0.01)
    unsure = known.judge(values, np.asarray(["never seen"] * 60), MIX, 1.0, 0.01)
    assert sure.beyond
    assert unsure.p_value > sure.p_value


def test_a_statistic_that_is_always_the_same_is_left_out():
    zeros = np.zeros(40)
    assert KnownLook.make(zeros, np.asarray(["a"] * 40), np.repeat(list("abcd"), 10), zeros == 0) is None


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([40] * 12, 25),
        ([20] * 12, 20),
        ([12] * 3 + [24] * 12, 24),
        ([8] * 12, 0),
        ([40] * 9, 0),
        ([], 0),
        ([5] * 2 + [11] * 10, 11),
    ],
)
def test_the_fixed_number_is_one_that_most_samples_have(sizes, expected):
    assert fixed_size(sizes, DriftSettings()) == expected


def test_the_fixed_number_is_never_above_what_a_run_may_have():
    assert fixed_size([40] * 12, DriftSettings(minimum_images=20)) == 0
