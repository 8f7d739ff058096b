"""The split of a notebook says in words what limits its figures."""

import dataclasses

import numpy as np
import pytest

from tidelab.training.splitting import split_images


def without_samples(images):
    return dataclasses.replace(images, sample_ids=("",) * len(images))


def doubled(images):
    """Return the images with the first ten once more, as if a file had been copied."""
    again = images.subset(range(10))
    return dataclasses.replace(
        images, names=images.names + tuple(f"copy/{name}" for name in again.names), pixels=images.pixels + again.pixels,
        truth=np.concatenate([images.truth, again.truth]), sample_ids=("",) * (len(images) + 10), digests=images.digests + again.digests,
    )  # fmt: skip


def test_whole_samples_stay_together(images):
    found = split_images(images, seed=1)
    for sample in set(images.sample_ids):
        rows = [k for k, one in enumerate(images.sample_ids) if one == sample]
        assert len(set(found.parts[rows])) == 1
    assert "12 samples" in found.how
    assert found.leaks == ()


def test_unknown_samples_are_a_caution(images):
    found = split_images(without_samples(images), seed=1)
    assert any("not known which images come from the same water sample" in one for one in found.cautions)


def test_too_few_samples_are_a_caution_and_the_split_works_all_the_same(images):
    two = dataclasses.replace(images, sample_ids=tuple("ab"[k % 2] for k in range(len(images))))
    found = split_images(two, seed=1)
    assert any("2 sample(s) only" in one for one in found.cautions)
    assert len(found.rows("test")) == pytest.approx(24, abs=4)


def test_twins_never_straddle_our_own_split(images):
    twice = doubled(images)
    for seed in range(4):
        found = split_images(twice, seed=seed)
        assert len(found.pairs) == 10
        assert found.leaks == ()


def test_twins_in_given_splits_are_named(images):
    twice = doubled(images)
    given = dataclasses.replace(twice, given_parts=("train",) * 120 + ("test",) * 10)
    found = split_images(given, seed=1)
    assert found.parts.tolist() == list(given.given_parts)
    assert {(pair.first, pair.second) for pair in found.leaks} == {(k, 120 + k) for k in range(10)}


def test_few_test_images_of_a_class_are_named(images):
    found = split_images(without_samples(images), seed=1)
    assert any("Fewer than 10 test images of Actinoptychus" in one for one in found.cautions)


def test_table_counts_every_image_once(images):
    found = split_images(images, seed=1)
    table = found.table(images)
    assert table[["train", "validation", "test"]].to_numpy().sum() == len(images)
    assert table["label"].tolist() == list(images.labels)
