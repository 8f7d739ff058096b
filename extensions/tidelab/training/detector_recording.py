"""What is kept of a detector's training: parameters, curves, quality, figures, comparison, which look at the test pictures it was."""

import math
from dataclasses import asdict

from tidelab.domain.decision import Decision
from tidelab.training import detector_plots
from tidelab.training.detection_images import DetectionImages
from tidelab.training.detection_splitting import DetectionSplit
from tidelab.training.detector_comparing import DetectorComparison
from tidelab.training.detector_evaluation import DetectorEvaluation
from tidelab.training.detector_training import TrainedDetector
from tidelab.training.recording import Recorder
from tidelab.training.yolo_settings import YoloSettings


def parameters_of(
    settings: YoloSettings, split: DetectionSplit, images: DetectionImages
) -> dict[str, object]:
    """Return what was chosen, flat, for the record of a run."""
    chosen = asdict(settings) | {"weights": settings.weights.name if settings.weights else ""}
    parts = {f"images.{part}": len(split.rows(part)) for part in ("train", "validation", "test")}
    return {**chosen, **parts, "labels": ", ".join(images.labels), "split": split.how}


def record(
    run: Recorder,
    model: TrainedDetector,
    test: DetectorEvaluation,
    found: DetectorComparison | None = None,
    decision: Decision | None = None,
) -> None:
    """Record a training: each epoch, the figures on the test pictures, the comparison with the champion."""
    for epoch in model.history:
        values = {f"train/{name}": value for name, value in epoch.losses.items()}
        values |= {f"validation/{name}": value for name, value in epoch.validation_losses.items()}
        values |= {f"validation/{name}": value for name, value in epoch.measures.items()}
        run.log_metrics(
            {name: value for name, value in values.items() if math.isfinite(value)}, step=epoch.number
        )
    result = {
        "test_map50": test.precision.map50, "test_map50_95": test.precision.map50_95,
        "training_seconds": model.seconds, "export_difference": model.parity.scores, "export_difference_px": model.parity.boxes_px,
    }  # fmt: skip
    if found is not None:
        interval = found.difference
        result |= {
            "difference_map50_95": interval.value,
            "difference_low": interval.low,
            "difference_high": interval.high,
        }
        run.log_figure("comparison", detector_plots.comparison(found))
    run.log_metrics({name: value for name, value in result.items() if math.isfinite(value)})
    run.log_table("per_class", test.table())
    run.log_table("confusion", test.confusion_table())
    run.log_figure("precision_recall", detector_plots.precision_recall(test))
    if model.history:
        run.log_figure("curves", detector_plots.curves(model.history))
    run.set_tags(_tags(model, test, decision))


def _tags(model: TrainedDetector, test: DetectorEvaluation, decision: Decision | None) -> dict[str, str]:
    assert model.card.detection is not None
    tags = {
        "tidelab.thresholds": model.card.detection.thresholds_method or "not chosen",
        "tidelab.start": model.start_words or "from scratch",
        "tidelab.end": model.end_words or "not known",
        "tidelab.export": model.parity.words,
    }
    if test.look is not None:
        tags |= {"tidelab.test_set": test.look.test_set, "tidelab.test_look": str(test.look.number)}
    if decision is not None:
        tags |= {"tidelab.recommended": str(decision.recommended).lower()}
    return tags
