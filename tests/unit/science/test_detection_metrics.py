"""Average precision equal to pycocotools, and what follows from the same matches, by hand."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.domain.prediction import Detections
from tidelab.science.detection_metrics import (
    AREAS,
    TrueObjects,
    average_precision,
    confusion,
    match,
    overlaps,
    precision_recall,
)


def detections(rows):
    """Make detections of (x0, y0, x1, y1, score, label), best first."""
    table = np.array(sorted(rows, key=lambda row: -row[4]), float).reshape(-1, 6)
    return Detections(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int16)
    )


def truth(rows, crowd=None, areas=None):
    """Make true objects of (x0, y0, x1, y1, label)."""
    table = np.array(rows, float).reshape(-1, 5)
    return TrueObjects(
        table[:, :4], table[:, 4].astype(np.int64),
        None if crowd is None else np.array(crowd, bool), None if areas is None else np.array(areas, float),
    )  # fmt: skip


def by_pycocotools(found, real, n_labels, maximum=100):
    """Return ``precision (t, r, k, a)`` and ``recall (t, k, a)`` as pycocotools computes them; areas: all, small, medium, large."""
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    annotations, results = [], []
    for number, one in enumerate(real, 1):
        crowd = np.zeros(len(one.labels), bool) if one.crowd is None else one.crowd
        for k, (x0, y0, x1, y1) in enumerate(one.boxes.tolist()):
            area = (x1 - x0) * (y1 - y0) if one.areas is None else float(one.areas[k])
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": int(one.labels[k]) + 1,
                                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": area, "iscrowd": int(crowd[k])})  # fmt: skip
    for number, one in enumerate(found, 1):
        for box, score, label in zip(one.boxes.astype(float).tolist(), one.scores, one.labels, strict=True):
            x0, y0, x1, y1 = box
            results.append({"image_id": number, "category_id": int(label) + 1, "score": float(score),
                            "bbox": [x0, y0, x1 - x0, y1 - y0]})  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = coco.COCO()
        dataset.dataset = {
            "images": [{"id": k + 1} for k in range(len(real))],
            "categories": [{"id": k + 1} for k in range(n_labels)],
            "annotations": annotations,
        }
        dataset.createIndex()
        if not results:
            return None
        measured = evaluation.COCOeval(dataset, dataset.loadRes(results), "bbox")
        measured.params.maxDets = [maximum]
        measured.evaluate()
        measured.accumulate()
    return measured.eval["precision"][..., 0], measured.eval["recall"][..., 0]


def assert_equal_to_pycocotools(found, real, n_labels, maximum=100):
    theirs = by_pycocotools(found, real, n_labels, maximum)
    if theirs is None:
        return
    precision, recall = theirs
    for place, area in enumerate([(0.0, 1e10), *AREAS.values()]):
        ours = average_precision(found, real, n_labels, maximum=maximum, area=area)
        expected = np.where(precision[0, 0, :, place] < 0, np.nan, precision[..., place].mean(axis=1))
        np.testing.assert_allclose(ours.per_class, expected, atol=1e-6)
        wanted = np.where(recall[:, :, place] < 0, np.nan, recall[:, :, place])
        np.testing.assert_allclose(ours.recall, wanted, atol=1e-9)


def simulated(rng, real, n_labels, miss=0.2, false=2, jitter=0.12):
    """Simulate a detector: misses some, is off by some pixels, doubles a few, invents others, mixes classes up."""
    rows = []
    for box, label in zip(real.boxes, real.labels, strict=True):
        size = np.array([box[2] - box[0], box[3] - box[1]] * 2)
        for _ in range(1 + int(rng.random() < 0.15)):
            if rng.random() > miss:
                moved = box + rng.normal(0, jitter, 4) * size * rng.random()
                name = int(rng.integers(n_labels)) if rng.random() < 0.1 else int(label)
                rows.append((*moved[:2], *np.maximum(moved[2:], moved[:2] + 1), round(rng.random(), 2), name))
    for _ in range(int(rng.poisson(false))):
        x, y, w, h = rng.uniform(0, 300, 4)
        rows.append((x, y, x + w + 1, y + h + 1, round(rng.random() * 0.6, 2), int(rng.integers(n_labels))))
    return detections(rows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans(), st.sampled_from([1, 3, 100]))
def test_equal_to_pycocotools_on_random_pictures(seed, n_labels, crowded, maximum):
    rng = np.random.default_rng(seed)
    real = []
    for _ in range(int(rng.integers(1, 8))):
        count = int(rng.poisson(3))
        low = rng.integers(0, 300, (count, 2)).astype(float)
        boxes = np.hstack([low, low + rng.choice([8, 30, 60, 150], (count, 2))])
        rows = [(*box, int(rng.integers(n_labels))) for box in boxes]
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) * 0.7
        real.append(truth(rows, crowd=rng.random(count) < 0.3 if crowded else None, areas=areas))
    found = [simulated(rng, one, n_labels) for one in real]
    assert_equal_to_pycocotools(found, real, n_labels, maximum)


def test_equal_to_pycocotools_on_real_annotations(shared_data: Path):
    file = shared_data / "obsea-fish" / "luderick_seagrass_jack_evans_b.json"
    if not file.exists():
        pytest.skip(f"no {file}")
    coco = json.loads(file.read_text())
    rows = {one["id"]: ([], []) for one in coco["images"]}
    for one in coco["annotations"]:
        x, y, w, h = one["bbox"]
        rows[one["image_id"]][0].append((x, y, x + w, y + h, one["category_id"]))
        rows[one["image_id"]][1].append(one["area"])
    real = [truth(boxes, areas=areas) for boxes, areas in rows.values()]
    rng = np.random.default_rng(5)
    found = [simulated(rng, one, 2, false=0.3) for one in real]
    assert sum(len(one) for one in found) > 1000
    assert_equal_to_pycocotools(found, real, 2)


def test_by_hand_three_found_of_two():
    """Right (0.9), wrong (0.8), right (0.7): precision 1 up to recall 0.5, then 2/3; 51 of 101 recalls lie up to 0.5."""
    real = [truth([(0, 0, 10, 10, 0), (20, 0, 30, 10, 0)])]
    found = [
        detections([(0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0), (20, 0, 30, 10, 0.7, 0)]),
    ]
    measured = average_precision(found, real, 2)
    assert measured.map50 == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert measured.of_class(0)[1] == pytest.approx(measured.map50)
    assert np.isnan(measured.per_class[:, 1]).all()
    assert measured.truth.tolist() == [2, 0]
    curve = precision_recall(match(found, real, 2)[0])
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recall.tolist() == [0.5, 0.5, 1.0]
    assert curve.f1.tolist() == pytest.approx([2 / 3, 1 / 2, 4 / 5])


def test_overlap_by_hand():
    table = overlaps(
        np.array([[0, 0, 2, 2]]), np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6], [0, 0, 0, 0]])
    )
    assert table.tolist() == [[1 / 7, 1.0, 0.0, 0.0]]
    crowd = overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 9, 9]]), np.array([True]))
    assert crowd.tolist() == [[0.5]]


def test_no_truth_at_all_has_no_average():
    measured = average_precision([detections([(0, 0, 1, 1, 0.5, 0)])], [truth([])], 1)
    assert np.isnan(measured.map50)
    with pytest.raises(ValueError, match="no true object"):
        precision_recall(match([detections([])], [truth([])], 1)[0])
    nothing = average_precision([detections([])], [truth([(0, 0, 1, 1, 0)])], 1)
    assert nothing.map50_95 == 0.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 pictures"):
        match([detections([])] * 2, [truth([])], 1)
    with pytest.raises(ValueError, match="between 0 and 0"):
        match([detections([(0, 0, 1, 1, 0.5, 1)])], [truth([])], 1)
    with pytest.raises(ValueError, match="shape"):
        TrueObjects(np.zeros((2, 4)), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="crowd"):
        TrueObjects(np.zeros((1, 4)), np.zeros(1, np.int64), crowd=np.zeros(2, bool))
    with pytest.raises(ValueError, match="not among"):
        average_precision([detections([])], [truth([])], 1, ious=(0.7,)).map50  # noqa: B018


def test_confusion_with_background():
    real = [
        truth([(0, 0, 10, 10, 0), (20, 0, 30, 10, 1), (40, 0, 50, 10, 1), (60, 0, 90, 30, 0)], [0, 0, 0, 1])
    ]
    found = [
        detections([
            (0, 0, 10, 10, 0.9, 0),  # right
            (20, 0, 30, 10, 0.8, 0),  # taken for class 0
            (70, 70, 80, 80, 0.7, 1),  # not there
            (62, 2, 70, 10, 0.6, 0),  # in the crowd
            (40, 0, 50, 10, 0.2, 1),  # below the threshold of its class
        ])
    ]  # fmt: skip
    assert confusion(found, real, (0.5, 0.5)).tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert confusion(found, real, (0.5, 0.1)).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_confusion_counts_every_object_once(seed):
    rng = np.random.default_rng(seed)
    boxes = np.hstack([low := rng.uniform(0, 200, (6, 2)), low + rng.uniform(5, 60, (6, 2))])
    real = [truth([(*box, int(rng.integers(3))) for box in boxes])]
    found = [simulated(rng, real[0], 3)]
    table = confusion(found, real, (0.3, 0.3, 0.3))
    assert table[:3].sum() == 6
    assert table[:, :3].sum() == int((found[0].scores.astype(float) >= 0.3).sum())
