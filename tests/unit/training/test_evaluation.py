"""Evaluations match classes by name, and give no figure that the images do not support."""

import dataclasses

import numpy as np
import pytest

from tests.unit.models.conftest import card, linear_onnx
from tidelab.domain.card import InputSpec
from tidelab.domain.prediction import Prediction
from tidelab.models import write_bundle
from tidelab.models.classifier import ImageClassifier
from tidelab.models.training_images import TrainingImages
from tidelab.training.evaluation import Evaluation, evaluate
from tidelab.training.synthetic import LABELS

SPEC = InputSpec(kind="image", size_px=32)


def classifier(folder, labels=LABELS, seed=0):
    return ImageClassifier(
        write_bundle(
            folder, card(labels=labels, input=SPEC), {"model.onnx": linear_onnx(32, len(labels), seed=seed)}
        )
    )


def made_up(images, right, name="Model", seed=0):
    """Return an evaluation in which a share of the images is named rightly."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(images)) > right
    predicted = np.where(wrong, (images.truth + 1) % 6, images.truth)
    probabilities = np.eye(6, dtype=np.float32)[predicted] * 0.9 + 0.1 / 6
    predictions = tuple(Prediction(row, row) for row in probabilities)
    return Evaluation(name, images, images.labels, images.truth, predicted, probabilities, predictions)


def test_labels_in_another_order_are_judged_fairly(images, tmp_path):
    """The same model with its rows and labels shuffled alike says the same."""
    first = evaluate(classifier(tmp_path / "one"), images, range(30), "one")
    shuffled = tuple(LABELS[k] for k in (3, 1, 5, 0, 2, 4))
    card_of = card(labels=shuffled, input=SPEC)
    import onnx
    from onnx import numpy_helper

    proto = onnx.load_model_from_string(linear_onnx(32, 6))
    (weights,) = (one for one in proto.graph.initializer if one.name == "second")
    moved = numpy_helper.from_array(numpy_helper.to_array(weights)[:, [3, 1, 5, 0, 2, 4]], "second")
    weights.CopyFrom(moved)
    other = ImageClassifier(
        write_bundle(tmp_path / "two", card_of, {"model.onnx": proto.SerializeToString()})
    )
    second = evaluate(other, images, range(30), "two")
    assert (first.predicted == second.predicted).all()
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)


def test_a_class_the_model_does_not_know_counts_as_wrong(images, tmp_path):
    few = classifier(tmp_path / "few", labels=("Tripos", "Noctilucales", "Copepoda"))
    found = evaluate(few, images, range(120), "few")
    assert found.labels == (*LABELS, "Copepoda")
    assert found.scores.recall[LABELS.index("Actinoptychus")] == 0
    assert np.isnan(found.scores.recall[-1])


def test_quality_of_the_card_is_that_of_the_evaluation(images):
    found = made_up(images, 0.8)
    quality = found.quality("by hand")
    assert quality.macro_f1 == pytest.approx(found.scores.macro_f1, abs=1e-4)
    assert quality.n_test == 120
    assert quality.per_class["Tripos"]["support"] == 20
    assert quality.method == "by hand"


def test_no_figure_from_fewer_than_ten_images(images):
    few = [k for k in range(120) if images.truth[k] or k % 20 < 3]
    found = made_up(images.subset(few), 0.8)
    assert found.scores.support[0] < 10
    assert found.table()[["precision", "recall", "f1"]].iloc[0].isna().all()
    quality = found.quality("by hand")
    assert set(quality.per_class["Actinoptychus"]) == {"support"}
    assert quality.macro_f1 is not None
    nothing = made_up(images.subset(range(5)), 0.8).quality("by hand")
    assert (nothing.macro_f1, nothing.brier_score, nothing.n_test) == (None, None, 5)


def test_scores_by_sample_stand_in_the_card(images):
    """All right but one sample, whose images are all named after their neighbour."""
    found = made_up(images, 1.1)
    name = max(set(images.sample_ids), key=images.sample_ids.count)
    bad = np.array([one == name for one in images.sample_ids])
    assert bad.sum() >= 10
    found = dataclasses.replace(found, predicted=np.where(bad, (images.truth + 1) % 6, images.truth))
    n = found.by_sample.n_images
    enough = int((n >= 10).sum())
    assert found.sample_means()[:2] == (enough, pytest.approx((enough - 1) / enough))
    quality = found.quality("by hand")
    assert quality.n_samples == 12
    assert quality.sample_accuracy == pytest.approx((enough - 1) / enough, abs=1e-4)
    unknown = dataclasses.replace(found, images=dataclasses.replace(images, sample_ids=("",) * 120))
    assert unknown.quality("x").sample_accuracy is None


def test_precision_at_the_shares_of_a_sample(images):
    found = made_up(images, 0.8)
    even, left_out = found.precision_at(dict.fromkeys(LABELS, 1.0))
    np.testing.assert_allclose(even, found.scores.precision)
    assert left_out == 0
    rare, _ = found.precision_at({"Tripos": 0.01, "Noctilucales": 0.5, "Actinoptychus": 0.49})
    assert rare[LABELS.index("Tripos")] < 0.3 < found.scores.precision[LABELS.index("Tripos")]
    assert np.isnan(rare[LABELS.index("Ciliophora")]), "its share is 0"
    unknown, left_out = found.precision_at({"Copepoda": 1.0})
    assert np.isnan(unknown).all()
    assert left_out == 1.0


def test_images_a_model_has_learned_from_are_left_out(images, tmp_path):
    seen = TrainingImages(frozenset(images.digests[:10]))
    found = evaluate(classifier(tmp_path / "one"), images, range(30), "one", seen)
    assert (len(found.truth), found.left_out) == (20, 10)
    with pytest.raises(ValueError, match="has learned from all 10 test images"):
        evaluate(classifier(tmp_path / "two"), images, range(10), "two", seen)


def test_no_test_images(images, tmp_path):
    with pytest.raises(ValueError, match="no test images"):
        evaluate(classifier(tmp_path / "one"), images, [], "one")
