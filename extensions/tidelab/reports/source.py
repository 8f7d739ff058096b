"""Facts that views look up beside a run: names of classes, pictures of the drift reference."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tidelab.catalogue import CatalogueError, UseCase, load_usecase
from tidelab.drift import Reference
from tidelab.drift.reference import ReferenceFileError
from tidelab.runs import RunError, RunFolder
from tidelab.runs.policy import may_show_pictures


def use_case_of(run: RunFolder) -> UseCase | None:
    """Return the use case of a run; None when its folder has gone or no longer reads."""
    try:
        return load_usecase(Path(run.request.use_case_folder))
    except (CatalogueError, RunError):
        return None


def label_titles(run: RunFolder) -> Mapping[str, str]:
    """Return class name -> the title people read, for the classes that the use case declares."""
    use_case = use_case_of(run)
    return {label.name: label.shown for label in use_case.labels} if use_case else {}


def row_noun(run: RunFolder) -> str:
    """Return what one row of the results is, for a sentence: ``image``, of a detector ``object``; its plural has an s."""
    return "object" if run.finds_objects else "image"


def nothing_words(run: RunFolder) -> str:
    """Return why a finished run has no row, in a sentence."""
    if run.finds_objects:
        pictures = len(run.pictures())
        return f"No object was found in {pictures:,} picture{'' if pictures == 1 else 's'} that {'was' if pictures == 1 else 'were'} searched."
    return "No image could be analysed, so there is nothing to show."


def shown_thumbnail(run: RunFolder, image_id: str) -> bytes:
    """Return the small picture of an image, empty where the use case's data policy lets no picture into what is saved here."""
    return run.thumbnail(image_id) if may_show_pictures(run.path) else b""


def reference_thumbnails(run: RunFolder, indices: Iterable[int]) -> dict[int, bytes]:
    """Return pictures of the model's reference images by index; empty when the model is no longer there."""
    try:
        pictures = Reference.load(Path(run.request.model.folder)).thumbnails
    except (ReferenceFileError, RunError):
        return {}
    return {index: pictures[index] for index in indices if 0 <= index < len(pictures)}
