"""The steps of a detector's ``retrain.ipynb``, one function each: open, split, train, choose thresholds, evaluate, compare, save, record."""

import datetime
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue
from tidelab.domain.decision import Decision
from tidelab.models import ModelBundle, ModelError, ResolvedModel, resolve_model
from tidelab.models.detector import ObjectDetector
from tidelab.models.training_images import TrainingImages
from tidelab.science.detection_metrics import Threshold
from tidelab.science.detection_metrics import choose_thresholds as choose
from tidelab.science.splits import TEST, VALIDATION
from tidelab.training import detector_training, looks
from tidelab.training.comparing import NothingToCompareError, nothing_to_compare
from tidelab.training.detection_images import DetectionImages, detection_digest
from tidelab.training.detection_reading import generated_pictures, read_pictures
from tidelab.training.detection_splitting import DetectionSplit, split_pictures
from tidelab.training.detector_advice import advice
from tidelab.training.detector_comparing import DetectorComparison, compare_detectors
from tidelab.training.detector_evaluation import LEAST_SCORE, DetectorEvaluation, evaluate_detector
from tidelab.training.detector_live import LiveDetectorCurves
from tidelab.training.detector_recording import parameters_of, record
from tidelab.training.detector_saving import save_detector
from tidelab.training.detector_training import TrainedDetector
from tidelab.training.progress import OnDetectorEpoch, OnStep, ignore_detector, ignore_step
from tidelab.training.steps import promotion_problem
from tidelab.training.stopping import stop_button
from tidelab.training.telling import in_words
from tidelab.training.yolo_settings import YoloSettings

__all__ = [
    "GENERATED", "LiveDetectorCurves", "YoloSettings", "advice", "choose_thresholds", "compare_with_champion", "digest", "evaluate",
    "evaluate_champion", "open_dataset", "parameters_of", "promotion_problem", "record", "save", "split", "train",
]  # fmt: skip

GENERATED: Final = "generated"
GENERATED_PICTURES, GENERATED_SEED = 120, 31
_EVERY: Final = datetime.timedelta(hours=4)


@in_words
def open_dataset(data: str, images: str = "", format: str = "") -> DetectionImages:
    """Read annotated pictures, or draw some.

    Parameters
    ----------
    data
        A file or folder of annotations (`tidelab.training.detection_reading.read_pictures`), or ``generated``: 120 drawings of animals
        on 21 days, to try the notebook with.
    images
        Folder of the pictures, where they do not lie beside the annotations.
    format
        Name of the format; empty: it is found out.
    """
    if data.strip() == GENERATED:
        return generated_pictures(GENERATED_PICTURES, GENERATED_SEED, every=_EVERY)
    return read_pictures(data, images, format)


@in_words
def split(
    images: DetectionImages,
    *,
    seed: int,
    test_share: float = 0.2,
    validation_share: float = 0.2,
    by_sample: bool = True,
) -> DetectionSplit:
    """Divide the pictures (`tidelab.training.detection_splitting.split_pictures`)."""
    return split_pictures(
        images, seed=seed, test_share=test_share, validation_share=validation_share, by_sample=by_sample
    )


@in_words
def train(
    images: DetectionImages,
    division: DetectionSplit,
    settings: YoloSettings,
    on_epoch: OnDetectorEpoch = ignore_detector,
    cancelled: Callable[[], bool] = lambda: False,
    on_step: OnStep = ignore_step,
) -> TrainedDetector:
    """Train a detector (`tidelab.training.detector_training.train_detector`).

    The stop button of Lab, or Ctrl-C, ends it after the present step: the best epoch so far is kept, and the steps that follow go on with
    it. Pressed once more it interrupts, and nothing is kept.
    """
    with stop_button() as pressed:
        return detector_training.train_detector(
            images, division.parts, settings, on_epoch, lambda: pressed() or cancelled(), on_step
        )


@in_words
def choose_thresholds(
    model: TrainedDetector,
    images: DetectionImages,
    division: DetectionSplit,
    least_precision: float | None = None,
) -> tuple[TrainedDetector, dict[str, Threshold]]:
    """Choose for each class the score from which an object counts, on the *validation* pictures, never on the test pictures.

    Parameters
    ----------
    model, images, division
        The model and what it was trained on.
    least_precision
        None: the greatest F1. Else, of the thresholds with at least this precision, the one with the greatest F1.

    Returns
    -------
    tuple
        The model with its thresholds, and for each label how its threshold was found.
    """
    held = evaluate_detector(model.detector(LEAST_SCORE), images, division.rows(VALIDATION), model.title)
    found = choose(held.found, held.truth, held.labels, least_precision=least_precision)
    rule = (
        "greatest F1"
        if least_precision is None
        else f"precision of at least {least_precision:g}, then greatest F1"
    )
    words = f"{rule} at IoU 0.5 on {len(held)} validation pictures, the same that chose the epoch"
    kept = [label for label, one in found.items() if one.reason]
    if kept:
        words += f"; otherwise for {', '.join(kept)} ({found[kept[0]].reason})"
    values = {label: one.value for label, one in found.items() if label in model.card.labels}
    return model.with_detection(thresholds=values, thresholds_method=words + "."), found


@in_words
def evaluate(
    model: TrainedDetector, images: DetectionImages, division: DetectionSplit, part: str = TEST
) -> DetectorEvaluation:
    """Measure a model on the pictures of one part; pictures it has seen are left out of a test.

    A measurement on test pictures is written down (`tidelab.training.looks`).
    """
    rows, detector = division.rows(part), model.detector(LEAST_SCORE)
    if part != TEST:
        return evaluate_detector(detector, images, rows, model.title)
    found = evaluate_detector(detector, images, rows, model.title, model.learned_from)
    digests = [one.digest for one in images.pictures]
    look = looks.look_at(
        [digests[int(row)] for row in rows],
        digests,
        experiment=model.experiment,
        model=found.model,
        name=model.title,
    )
    return replace(found, look=look)


@in_words
def evaluate_champion(
    use_case: str, images: DetectionImages, division: DetectionSplit
) -> tuple[DetectorEvaluation, ResolvedModel] | tuple[None, str]:
    """Measure the use case's champion (or its demo model, which says so) on the same test pictures.

    Where there is none, or it cannot be loaded, None and the reason: a first model has nothing to be compared with, and no training is
    lost for that.
    """
    try:
        champion = resolve_model(_use_case(use_case))
        card = champion.bundle.card
        if card.detection is None:
            raise ModelError(f"{champion.name} names pictures and finds no objects.")
        spec = card.detection.model_copy(update={"stored_from": LEAST_SCORE})
        detector = ObjectDetector(replace(champion.bundle, card=card.model_copy(update={"detection": spec})))
    except ModelError as error:
        return None, str(error)
    name = "Demo model" if champion.is_demo else f"Champion {champion.version}"
    found = evaluate_detector(detector, images, division.rows(TEST), name)
    return replace(found, learned_from=TrainingImages.load(champion.bundle.folder)), champion


@in_words
def compare_with_champion(
    test: DetectorEvaluation, champion_test: DetectorEvaluation | None, champion: ResolvedModel | str
) -> tuple[DetectorComparison | None, Decision]:
    """Compare a model with what `evaluate_champion` gave; return the figures and whether it is recommended, with reasons."""
    look = test.look.number if test.look is not None else 1
    test_set = test.look.test_set if test.look is not None else ""
    if champion_test is None or isinstance(champion, str):
        return None, Decision(
            recommended=False, reasons=(nothing_to_compare(champion),), challenger=test.model
        )
    try:
        found = compare_detectors(test, champion_test, look=look)
    except NothingToCompareError as error:
        return None, Decision(
            recommended=False, reasons=(str(error),), challenger=test.model, champion_words=champion.words
        )
    return found, found.decision(champion.words).model_copy(update={"test_set": test_set})


@in_words
def save(
    model: TrainedDetector,
    test: DetectorEvaluation,
    images: DetectionImages,
    division: DetectionSplit,
    use_case: str,
) -> ModelBundle:
    """Save a model as a bundle in ``~/tidelab/models/<use case>/<time>``: the folder to give as `model` in an analysis.

    The network's own weights are kept beside it in ``<time>.pt``, to start another training from (``weights`` of the settings). A model
    trained on drawings is marked as a demonstration model. Pictures go with it only where the data policy lets them travel.
    """
    person = os.environ.get("JUPYTERHUB_USER", "me")
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path.home() / "tidelab" / "models" / paths.safe_name(use_case)
    bundle = save_detector(
        model, test, images, division.parts, folder / stamp,
        use_case=use_case, name=f"{use_case}--{paths.safe_name(person)}", created_by=person, demo=images.generated,
        method=f"{len(test)} held-out test pictures, split {division.how}; AP as pycocotools computes it",
        pictures=images.generated or _use_case(use_case).data_policy.pictures_may_travel,
    )  # fmt: skip
    if model.weights:
        (folder / f"{stamp}.pt").write_bytes(model.weights)
    return bundle


def digest(images: DetectionImages, division: DetectionSplit) -> str:
    """Return the data digest of an experiment (`tidelab.training.detection_images.detection_digest`)."""
    return detection_digest(images, division.parts)


def _use_case(slug: str) -> UseCase:
    return load_catalogue()[slug]
