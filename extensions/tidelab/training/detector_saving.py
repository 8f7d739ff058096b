"""Put a trained detector into a bundle: what apps, reports and the registry take."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tidelab.drift import Reference
from tidelab.models.bundle import MODEL, REFERENCE, ModelBundle, write_bundle
from tidelab.models.training_images import TRAINING_IMAGES
from tidelab.science.splits import PARTS
from tidelab.training.detection_images import DetectionImages, Parts, detection_digest
from tidelab.training.detector_evaluation import DetectorEvaluation
from tidelab.training.detector_training import TrainedDetector
from tidelab.training.save import NO_PICTURES


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
    card = model.card.model_copy(
        update={
            "name": name,
            "use_case": use_case,
            "title": title or model.card.title,
            "demo": demo,
            "quality": evaluation.quality(method or f"held-out test set of {len(evaluation)} pictures"),
            "data_digest": detection_digest(images, parts),
            "data_summary": (data_summary or _summary(images, parts)) + ("" if pictures else NO_PICTURES),
            "created_by": created_by,
            "created": created or model.card.created,
            "licence": licence,
        }
    )
    files = {MODEL: model.onnx}
    if len(evaluation) > 1:
        shown = [one if pictures else replace(one, thumbnail=b"") for one in evaluation.predictions]
        samples = [one.sample_id for one in evaluation.images.pictures]
        reference = Reference.from_predictions(shown, list(card.labels), samples)
        with TemporaryDirectory() as scratch:
            files[REFERENCE] = reference.save(Path(scratch) / REFERENCE).read_bytes()
    if model.learned_from.digests:
        files[TRAINING_IMAGES] = model.learned_from.to_bytes()
    return write_bundle(Path(folder).expanduser(), card, files)


def _summary(images: DetectionImages, parts: Parts) -> str:
    objects = sum(len(one.truth) for one in images.pictures)
    shares = ", ".join(f"{int((parts == part).sum())} {part}" for part in PARTS)
    return f"{len(images)} pictures ({shares}) with {objects} objects of {len(images.labels)} classes"
