"""Put a trained detector into a bundle: what apps, reports and the registry take."""

from pathlib import Path

from tidelab.models.bundle import MODEL, REFERENCE, ModelBundle, write_bundle
from tidelab.models.training_images import TRAINING_IMAGES
from tidelab.science.splits import PARTS
from tidelab.training.about import About
from tidelab.training.detection_images import DetectionImages, Parts, detection_digest
from tidelab.training.detector_evaluation import DetectorEvaluation
from tidelab.training.detector_training import TrainedDetector


def save_detector(
    model: TrainedDetector,
    evaluation: DetectorEvaluation,
    images: DetectionImages,
    parts: Parts,
    folder: Path | str,
    *,
    use_case: str,
    name: str,
    created_by: str = "",
    data_summary: str = "",
    method: str = "",
    demo: bool = False,
    created: str | None = None,
    title: str | None = None,
    licence: str = "",
    pictures: bool = True,
) -> ModelBundle:
    """Write the bundle of a trained detector.

    Parameters
    ----------
    model, evaluation
        The model and its evaluation on the test pictures, which become the drift reference, one entry a picture.
    images, parts
        What it was trained on and how it was split: they make the data digest.
    folder
        Where the bundle goes; a bundle that is there is replaced.
    use_case, name, created_by, data_summary, method, demo, created, title, licence
        For the card, as in `tidelab.training.save.save_model`.
    pictures
        Whether small pictures of test pictures go into the drift reference.

    Returns
    -------
    ModelBundle
        As it was read back and checked.
    """
    about = About(
        use_case=use_case, name=name, created_by=created_by, data_summary=data_summary or _summary(images, parts), demo=demo,
        created=created, title=title, licence=licence, pictures=pictures,
    )  # fmt: skip
    quality = evaluation.quality(method or f"held-out test set of {len(evaluation)} pictures")
    card = about.card(model.card, quality, detection_digest(images, parts))
    files = {MODEL: model.onnx}
    if len(evaluation) > 1:
        samples = [one.sample_id for one in evaluation.images.pictures]
        files[REFERENCE] = about.reference(card.labels, evaluation.predictions, samples)
    if model.learned_from.digests:
        files[TRAINING_IMAGES] = model.learned_from.to_bytes()
    return write_bundle(Path(folder).expanduser(), card, files)


def _summary(images: DetectionImages, parts: Parts) -> str:
    objects = sum(len(one.truth) for one in images.pictures)
    shares = ", ".join(f"{int((parts == part).sum())} {part}" for part in PARTS)
    return f"{len(images)} pictures ({shares}) with {objects} objects of {len(images.labels)} classes"
