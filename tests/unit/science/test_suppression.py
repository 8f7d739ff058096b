"""Suppression of double boxes, compared with the rule written out plainly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.suppression import suppress


def plain(boxes, scores, labels, iou, maximum):
    """Return what stays: the rule in plain loops."""
    order = sorted(range(len(scores)), key=lambda k: (-scores[k], *boxes[k], labels[k]))
    kept = []
    for k in order:
        if all(labels[k] != labels[j] or overlap(boxes[k], boxes[j]) <= iou for j in kept):
            kept.append(k)
    return kept[:maximum]


def overlap(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0


def candidates(seed, n, classes):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 12, (n, 2))
    boxes = np.hstack([low, low + rng.integers(0, 9, (n, 2))]).astype(np.float32)
    scores = rng.choice([0.25, 0.5, 0.75, 0.875], n).astype(np.float32)
    return boxes, scores, rng.integers(0, classes, n).astype(np.int64)


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 40),
    st.integers(1, 3),
    st.sampled_from([0.3, 0.45, 0.7]),
    st.sampled_from([1, 5, 300]),
)
def test_equal_to_the_plain_rule(seed, n, classes, iou, maximum):
    boxes, scores, labels = candidates(seed, n, classes)
    kept = suppress(boxes, scores, labels, iou=iou, maximum=maximum)
    expected = plain(boxes.tolist(), scores.tolist(), labels.tolist(), iou, maximum)
    chosen, wanted = ([(*boxes[k], scores[k], labels[k]) for k in which] for which in (kept, expected))
    assert chosen == wanted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_the_boxes_does_not_matter(seed):
    boxes, scores, labels = candidates(seed, 30, 2)
    shuffled = np.random.default_rng(seed + 1).permutation(30)
    one = suppress(boxes, scores, labels, iou=0.5, maximum=300)
    other = shuffled[suppress(boxes[shuffled], scores[shuffled], labels[shuffled], iou=0.5, maximum=300)]
    rows = np.column_stack([boxes, scores, labels])
    assert rows[one].tolist() == rows[other].tolist()


def test_nothing_is_nothing():
    none = suppress(
        np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64), iou=0.5, maximum=9
    )
    assert none.dtype == np.int64
    assert len(none) == 0


def test_classes_do_not_suppress_each_other():
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    kept = suppress(boxes, np.array([0.5, 0.9, 0.8], np.float32), np.array([0, 0, 1]), iou=0.7, maximum=300)
    assert kept.tolist() == [1, 2]


@pytest.mark.parametrize(("shift", "left"), [(5, 2), (4, 1)])
def test_more_than_the_overlap_goes(shift, left):
    """Two squares of side 15: shifted by 5 they overlap by 10/20 = 0.5, which is not more than 0.5."""
    boxes = np.array([[0, 0, 15, 15], [shift, 0, shift + 15, 15]], np.float32)
    assert (
        len(suppress(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, int), iou=0.5, maximum=9)) == left
    )
