"""Comparisons say no more than the images allow, and decisions say why."""

import dataclasses

import numpy as np
import pytest

from tests.unit.training.test_evaluation import made_up
from tidelab.domain.decision import Decision
from tidelab.models.training_images import TrainingImages
from tidelab.training.comparing import NothingToCompareError, compare, no_comparison


def without_samples(images):
    return dataclasses.replace(images, sample_ids=("",) * len(images))


def known(evaluation, rows=(), **changes):
    """Return an evaluation whose model learned from the images at `rows`."""
    seen = TrainingImages(frozenset(evaluation.images.digests[k] for k in rows))
    return dataclasses.replace(evaluation, learned_from=seen, **changes)


def test_a_handful_of_images_never_decides(images):
    """Three images more in one class move the interval off zero; the sign test keeps the sentence honest."""
    few = without_samples(images.subset([k for k in range(120) if k % 20 < 3]))
    good = made_up(few, 1.1, "Good")
    predicted = good.predicted.copy()
    predicted[few.truth == 2] = 1
    poor = dataclasses.replace(good, name="Poor", predicted=predicted)
    found = compare(good, poor)
    assert found.difference.low > 0
    assert found.judgement.sign_p_value == pytest.approx(0.25)
    assert not found.decided
    assert not found.decision().recommended
    assert "do not decide between Good and Poor" in found.sentences[0]
    assert any("18 test images are few" in one for one in found.sentences)


def test_a_clear_difference_is_said_with_its_direction(images):
    flat = without_samples(images)
    good, poor = made_up(flat, 0.95, "Good"), made_up(flat, 0.5, "Poor", seed=1)
    assert "Good is better than Poor" in compare(good, poor).sentences[0]
    assert "Poor is worse than Good" in compare(poor, good).sentences[0]
    decision = compare(good, poor).decision("Model x, version 3.")
    assert decision.recommended
    assert "macro F1" in decision.reasons[0]
    assert decision.champion_words == "Model x, version 3."
    refused = compare(poor, good).decision()
    assert not refused.recommended
    assert "Not shown to be better" in refused.reasons[0]
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_equal_models_are_not_told_apart(images):
    found = compare(made_up(images, 0.8, "A"), made_up(images, 0.8, "B"))
    assert found.judgement.only_challenger == found.judgement.only_champion == 0
    assert "do not decide" in found.sentences[0]
    assert not found.decision().recommended


def test_samples_are_counted_in_the_words(images):
    one = dataclasses.replace(images, sample_ids=("a",) * 120)
    found = compare(made_up(one, 0.95), made_up(one, 0.5, seed=2))
    assert any("one water sample" in words for words in found.sentences)
    assert not found.decision().recommended, "nothing is known of other samples"
    assert "All test images come from one water sample" in found.decision().reasons[0]
    unknown = compare(made_up(without_samples(images), 0.9), made_up(without_samples(images), 0.8, seed=2))
    assert any("is not known, so images count as independent" in words for words in unknown.sentences)


def test_images_in_either_training_list_are_left_out(images):
    flat = without_samples(images)
    first = known(made_up(flat, 0.9, "A"), range(10))
    second = known(made_up(flat, 0.7, "B", seed=1), range(5, 20))
    found = compare(first, second)
    assert (found.left_out, len(found.challenger.truth)) == (20, 100)
    assert found.challenger.images.names == flat.names[20:]
    assert "20 test image(s) are left out" in found.sentences[2]
    assert found.decision().left_out == 20
    assert not any("is not known (its bundle" in one for one in found.sentences)


def test_a_bundle_without_a_list_is_said(images):
    found = compare(known(made_up(images, 0.9, "A")), made_up(images, 0.7, "Old", seed=1))
    assert any("Which images Old learned from is not known" in one for one in found.sentences)


def test_nothing_left_to_compare_is_a_decision_with_its_reason(images):
    first, second = made_up(images, 0.9, "A"), known(made_up(images, 0.7, "B", seed=1), range(120))
    with pytest.raises(NothingToCompareError, match="All 120 test images"):
        compare(first, second)
    with pytest.raises(NothingToCompareError, match="different images"):
        compare(made_up(images.subset(range(50)), 0.9), made_up(images.subset(range(50, 100)), 0.9))
    with pytest.raises(NothingToCompareError, match="no common class"):
        compare(first, dataclasses.replace(second, learned_from=None, known=frozenset({"Copepoda"})))
    decision = no_comparison("Nothing.", first)
    assert (decision.recommended, decision.reasons, decision.primary) == (False, ("Nothing.",), None)


def test_an_image_one_model_could_not_be_measured_on_is_left_out_for_both(images):
    flat = without_samples(images)
    whole, part = made_up(flat, 0.9, "A"), made_up(flat, 0.7, "B", seed=1).subset(range(40, 120))
    found = compare(part, whole)
    assert found.challenger.images.names == found.champion.images.names == flat.names[40:]
    assert found.left_out == 40


def test_a_class_the_challenger_cannot_name_refuses(images):
    flat = without_samples(images)
    good, poor = made_up(flat, 0.95, "New"), made_up(flat, 0.4, "Champion", seed=1)
    less = frozenset(images.labels) - {"Tripos"}
    predicted = np.where(good.predicted == images.labels.index("Tripos"), 0, good.predicted)
    found = compare(dataclasses.replace(good, known=less, predicted=predicted), poor)
    assert found.judgement.better
    assert "Tripos" not in found.judgement.compared
    decision = found.decision()
    assert not decision.recommended
    assert decision.reasons == ("It does not know Tripos, which the champion finds.",)


def test_a_new_class_does_not_make_a_model_better(images):
    """The champion does not know one class: it counts as wrong there, but not in the primary measure."""
    flat = without_samples(images)
    new, old = made_up(flat, 1.1, "New"), made_up(flat, 1.1, "Champion")
    tripos = images.labels.index("Tripos")
    old = dataclasses.replace(
        old,
        known=frozenset(images.labels) - {"Tripos"},
        predicted=np.where(old.predicted == tripos, 0, old.predicted),
    )
    found = compare(new, old)
    assert len(found.judgement.compared) == 5
    assert any("does not know Tripos" in one for one in found.sentences)


def test_a_collapsed_class_is_named_in_the_reasons(images):
    flat = without_samples(images)
    good, poor = made_up(flat, 1.1, "New"), made_up(flat, 0.6, "Champion", seed=1)
    tripos = images.labels.index("Tripos")
    found = compare(
        dataclasses.replace(good, predicted=np.where(flat.truth == tripos, 0, good.predicted)), poor
    )
    decision = found.decision()
    assert not decision.recommended
    assert any("The class Tripos collapsed" in one for one in decision.reasons)
