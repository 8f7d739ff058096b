"""The first model of a use case: with neither champion nor demonstration model a training is saved and can be asked for all the same."""

import numpy as np
import pytest

from tests.unit.training.test_detectors import evaluation
from tests.unit.training.test_evaluation import made_up
from tidelab.models import ModelError
from tidelab.reports.views import detector_retraining, retraining
from tidelab.training import detector_steps, steps

WHY = "shells has no published model and comes with no demo model."


@pytest.mark.parametrize("module", [steps, detector_steps])
def test_no_model_and_a_damaged_one_stop_no_training(monkeypatch, module):
    def none(*_):
        raise ModelError(WHY)

    monkeypatch.setattr(module, "resolve_model", none)
    monkeypatch.setattr(module, "_use_case", lambda slug: None)
    assert module.evaluate_champion("shells", None, None) == (None, WHY)


def test_it_is_not_recommended_and_the_reason_is_said(images):
    hits = np.ones((20, 2), bool)
    detector = evaluation("new", hits, [f"day {n}" for n in range(20)], model="f" * 64)
    for module, views, test in (
        (detector_steps, detector_retraining, detector),
        (steps, retraining, made_up(images, 0.9, "New")),
    ):
        found, decision = module.compare_with_champion(test, None, WHY)
        assert found is None
        assert not decision.recommended
        assert decision.challenger == test.model
        assert decision.champion == ""
        assert decision.reasons[0].startswith("There is no model to compare it with")
        assert WHY in decision.reasons[0]
        assert WHY in views.decision(decision, found).text
