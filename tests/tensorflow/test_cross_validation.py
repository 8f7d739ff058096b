"""Repeated cross-validation: every image tested on as often as repeats, groups whole, models paired, progress told."""

import dataclasses
import re

import numpy as np
import pytest

from tests.tensorflow.conftest import QUICK
from tidelab.training import steps
from tidelab.training.cross_validating import cross_validate
from tidelab.training.cross_validation import offered

SMALL = dataclasses.replace(QUICK, epochs=1, trees=10)


def test_every_image_is_tested_once_a_repeat_and_samples_stay_whole(images, split):
    told = []
    found = cross_validate(
        ["forest", "network"],
        images,
        split.groups,
        SMALL,
        folds=3,
        repeats=1,
        on_fold=lambda fold, total: told.append((fold.kind, total)),
    )
    assert told == [("forest", 6)] * 3 + [("network", 6)] * 3
    for kind in found.kinds:
        assert sorted(np.concatenate([one.rows for one in found.of(kind)])) == list(range(240))
    for first, second in zip(found.of("forest"), found.of("network"), strict=True):
        np.testing.assert_array_equal(first.rows, second.rows)
        rest = np.setdiff1d(np.arange(240), first.rows)
        assert not {images.sample_ids[k] for k in first.rows} & {images.sample_ids[k] for k in rest}
    assert found.macro_f1("forest").value > 0.5, "a guess would reach 0.17"
    difference = found.difference("forest", "network")
    assert difference.value == pytest.approx(found.macro_f1("forest").value - found.macro_f1("network").value)
    recall, support = found.per_class("forest")
    assert support.tolist() == list(images.counts.values())
    assert np.nanmean(recall) > 0.5


def test_an_interrupted_run_goes_on(images, split):
    whole = cross_validate(["forest"], images, split.groups, SMALL, folds=3, repeats=1)
    told = []
    again = cross_validate(
        ["forest"],
        images,
        split.groups,
        SMALL,
        folds=3,
        repeats=1,
        done=whole.results[:2],
        on_fold=lambda fold, total: told.append(fold.number),
    )
    assert told == [2]
    assert [one.predicted.tolist() for one in again.of("forest")] == [
        one.predicted.tolist() for one in whole.of("forest")
    ]


def test_it_is_offered_where_images_are_few(images, split, trained, capsys):
    assert "240 images are few" in offered(images, split)
    quick = dataclasses.replace(SMALL, trees=2)
    found, why = steps.cross_validate([trained["forest"][0], trained["network"][0]], images, split, quick)
    assert found.kinds == ("forest",), "the network only when asked for"
    assert len(found.results) == 25
    assert "240 images are few" in why
    said = capsys.readouterr().out
    assert re.match(r"Forest: 25 trainings, at most about \d+ min\.", said), (
        "said before, from the time one training took"
    )
    assert "Forest: 25 of 25 trainings" in said
    assert steps.cross_validate([trained["forest"][0]], images, split, quick, "off")[0] is None


def test_too_few_groups_are_said(images, split, trained):
    few = dataclasses.replace(split, groups=np.arange(240) % 3)
    found, why = steps.cross_validate([trained["forest"][0]], images, few, SMALL)
    assert found is None
    assert "there are 3" in why
