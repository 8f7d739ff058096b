"""Evaluations match classes by name, and comparisons say no more than the images allow."""

import dataclasses

import numpy as np
import pytest

from tests.unit.models.conftest import card, linear_onnx
from tidelab.domain.card import InputSpec
from tidelab.domain.prediction import Prediction
from tidelab.models import write_bundle
from tidelab.models.classifier import ImageClassifier
from tidelab.training.evaluation import Evaluation, compare, evaluate
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


def test_a_handful_of_images_never_decides(images):
    """Three images more in one class move the bootstrap interval off zero; the sign test keeps the sentence honest."""
    few = dataclasses.replace(images.subset([k for k in range(120) if k % 20 < 3]), sample_ids=("",) * 18)
    good = made_up(few, 1.1, "Good")
    predicted = good.predicted.copy()
    predicted[few.truth == 2] = 1
    poor = dataclasses.replace(good, name="Poor", predicted=predicted)
    found = compare(good, poor)
    assert found.difference.low > 0
    assert found.p_value == pytest.approx(0.25)
    assert not found.decided
    assert "do not decide between Good and Poor" in found.sentences[0]
    assert any("18 test images are few" in one for one in found.sentences)


def test_a_clear_difference_is_said_with_its_direction(images):
    flat = dataclasses.replace(images, sample_ids=("",) * 120)
    good, poor = made_up(flat, 0.95, "Good"), made_up(flat, 0.5, "Poor", seed=1)
    assert "Good is better than Poor" in compare(good, poor).sentences[0]
    assert "Poor is worse than Good" in compare(poor, good).sentences[0]


def test_equal_models_are_not_told_apart(images):
    found = compare(made_up(images, 0.8, "A"), made_up(images, 0.8, "B"))
    assert found.only_challenger == found.only_champion == 0
    assert "do not decide" in found.sentences[0]


def test_samples_are_counted_in_the_words(images):
    one = dataclasses.replace(images, sample_ids=("a",) * 120)
    assert any(
        "one water sample" in words
        for words in compare(made_up(one, 0.9), made_up(one, 0.7, seed=2)).sentences
    )


def test_different_test_sets_are_not_compared(images):
    with pytest.raises(ValueError, match="different images"):
        compare(made_up(images.subset(range(50)), 0.9), made_up(images.subset(range(50, 100)), 0.9))


def test_no_test_images(images, tmp_path):
    with pytest.raises(ValueError, match="no test images"):
        evaluate(classifier(tmp_path / "one"), images, [], "one")
