"""What is kept of a training: parameters, curves, quality, figures, comparison, which look at the test images it was."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Protocol

import pandas as pd

from tidelab.domain.decision import Decision
from tidelab.training import plots
from tidelab.training.comparing import Comparison
from tidelab.training.datasets import LabelledImages
from tidelab.training.evaluation import Evaluation
from tidelab.training.settings import TrainingSettings
from tidelab.training.splitting import Split
from tidelab.training.trained import TrainedModel


def parameters_of(settings: TrainingSettings, split: Split, images: LabelledImages) -> dict[str, object]:
    """Return what was chosen, flat, for the record of a run."""
    chosen = asdict(settings)
    augmentation = {f"augmentation.{name}": value for name, value in chosen.pop("augmentation").items()}
    parts = {f"images.{part}": len(split.rows(part)) for part in ("train", "validation", "test")}
    return {**chosen, **augmentation, **parts, "labels": ", ".join(images.labels), "split": split.how}


class Recorder(Protocol):
    """Keeps numbers, figures and tables of a training: `tidelab.tracking.TrainingRun`."""

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Keep numbers of one step."""

    def log_figure(self, name: str, png: bytes) -> None:
        """Keep a figure."""

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Keep words about the training."""


def record(
    run: Recorder,
    model: TrainedModel,
    test: Evaluation,
    found: Comparison | None = None,
    decision: Decision | None = None,
) -> None:
    """Record a training: curves, quality, figures, the comparison with the champion, and which look at the test images it was."""
    for epoch in model.history:
        values = {"loss": epoch.loss}
        values |= {"accuracy": epoch.accuracy} if epoch.accuracy is not None else {}
        values |= {"validation_loss": epoch.validation_loss} if epoch.validation_loss is not None else {}
        values |= (
            {"validation_accuracy": epoch.validation_accuracy}
            if epoch.validation_accuracy is not None
            else {}
        )
        run.log_metrics(values, step=epoch.number)
    scores = test.scores
    result = {
        "test_macro_f1": scores.macro_f1, "test_weighted_f1": scores.weighted_f1, "test_accuracy": scores.accuracy,
        "test_expected_calibration_error": test.reliability.expected_calibration_error, "test_brier_score": test.brier_score,
        "test_negative_log_likelihood": test.negative_log_likelihood,
        "temperature": model.card.temperature, "training_seconds": model.seconds, "export_difference": model.parity,
    }  # fmt: skip
    n_samples, accuracy, count_error = test.sample_means()
    if n_samples:
        result |= {"test_sample_accuracy": accuracy, "test_sample_count_error": count_error}
    if found is not None:
        interval = found.difference
        result |= {
            "difference_macro_f1": interval.value,
            "difference_low": interval.low,
            "difference_high": interval.high,
        }
        run.log_figure("comparison", plots.comparison(found))
    run.log_metrics(result)
    run.log_table("per_class", test.table())
    run.log_figure("confusion", plots.confusion(test))
    run.log_figure("reliability", plots.reliability(test))
    if model.history:
        run.log_figure("curves", plots.curves(model.history))
    run.set_tags(_tags(model, test, decision))


def _tags(model: TrainedModel, test: Evaluation, decision: Decision | None) -> dict[str, str]:
    tags = {
        "tidelab.calibration": model.card.calibration,
        "tidelab.start": model.start_words or "from scratch",
    }
    if test.look is not None:
        tags |= {"tidelab.test_set": test.look.test_set, "tidelab.test_look": str(test.look.number)}
    if decision is not None:
        tags |= {"tidelab.recommended": str(decision.recommended).lower()}
    return tags
