"""Put a trained model into a bundle: what apps, reports and the registry take."""

from pathlib import Path

from tidelab.models.bundle import HELD_OUT, MODEL, REFERENCE, ModelBundle, write_bundle
from tidelab.models.training_images import TRAINING_IMAGES
from tidelab.training.about import About
from tidelab.training.datasets import LabelledImages, data_digest
from tidelab.training.evaluation import Evaluation
from tidelab.training.held_out import held_out_of
from tidelab.training.train import Parts
from tidelab.training.trained import TrainedModel
from tidelab.training.weights import WEIGHTS


def save_model(
    model: TrainedModel,
    evaluation: Evaluation,
    images: LabelledImages,
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
    """Write the bundle of a trained model.

    Parameters
    ----------
    model, evaluation
        The model and its evaluation on the test images, whose predictions become the drift reference and the held-out file.
    images, parts
        What it was trained on and how it was split: they make the data digest.
    folder
        Where the bundle goes; a bundle that is there is replaced.
    use_case
        Slug of the use case.
    name
        Registered name, or the slug for a demonstration model.
    created_by, data_summary, method, title, licence
        For the card; `method` says how the quality was measured.
    demo
        Whether it is a demonstration model.
    created
        ISO 8601 UTC; by default the time of the training.
    pictures
        Whether small pictures of test images go into the drift reference, where whoever uses the model can see them: not where the
        use case's data policy keeps images with the person.

    Returns
    -------
    ModelBundle
        As it was read back and checked.
    """
    about = About(
        use_case=use_case, name=name, created_by=created_by, data_summary=data_summary or _summary(images, parts), demo=demo,
        created=created, title=title, licence=licence, pictures=pictures,
    )  # fmt: skip
    quality = evaluation.quality(method or f"held-out test set of {len(evaluation.truth)} images")
    card = about.card(model.card, quality, data_digest(images, parts))
    reference = about.reference(card.labels, evaluation.predictions, evaluation.images.sample_ids)
    files = {MODEL: model.onnx, REFERENCE: reference, **_learned(model, evaluation, images, parts)}
    return write_bundle(Path(folder).expanduser(), card, files)


def _learned(
    model: TrainedModel, evaluation: Evaluation, images: LabelledImages, parts: Parts
) -> dict[str, bytes]:
    """Return the files that some models have: what it said of the test images, what it learned from, and its weights."""
    files = {}
    held_out = held_out_of(model.classifier, evaluation, images, parts)
    if held_out is not None:
        files[HELD_OUT] = held_out.to_bytes()
    if model.learned_from.digests:
        files[TRAINING_IMAGES] = model.learned_from.to_bytes()
    if model.weights is not None:
        files[WEIGHTS] = model.weights.to_bytes()
    return files


def _summary(images: LabelledImages, parts: Parts) -> str:
    shares = ", ".join(f"{int((parts == part).sum())} {part}" for part in ("train", "validation", "test"))
    samples = len({one for one in images.sample_ids if one})
    return (
        f"{len(images)} images of {len(images.labels)} classes"
        + (f" from {samples} samples" if samples else "")
        + f" ({shares})"
    )
