"""The images of a run, read again from where they were, each compared with what was analysed."""

import errno
from collections.abc import Collection as Names
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tidelab.catalogue import UseCase
from tidelab.runs.errors import RunError
from tidelab.runs.failures import InputError
from tidelab.runs.folder import RunFolder
from tidelab.runs.hooks import load_hooks
from tidelab.runs.inputs.collect import Collection, collect
from tidelab.runs.inputs.source import Source
from tidelab.runs.limits import Limits
from tidelab.runs.meaning import use_case_of
from tidelab.runs.owner import Owner
from tidelab.runs.reader import reading_again
from tidelab.runs.request import SAMPLE

MAX_ORIGINAL_MB: Final = 256
"""Of one image: an export holds one in memory at a time."""


@dataclass(frozen=True)
class Original:
    """One image of a run.

    Parameters
    ----------
    image, image_id
        As in the results.
    content
        The bytes of its file (of a TIFF with several pages: of the whole file); empty where there is a problem.
    picture
        ``PNG``, ``JPEG`` or ``TIFF``; empty where there is a problem.
    page
        Which page of its file, from 0.
    object_id
        What an EcoTaxa table of the input calls its object; empty where there is none.
    problem
        Why it cannot be had again, in a sentence; empty where it can.
    """

    image: str
    image_id: str
    content: bytes = b""
    picture: str = ""
    page: int = 0
    object_id: str = ""
    problem: str = ""


def originals(folder: RunFolder, image_ids: Names[str] | None = None) -> Iterator[Original]:
    """Yield the images of a finished run in the order of its results, one at a time; of a detector its pictures, with or without objects.

    An image that is gone or was changed since is yielded with its problem; nothing is raised for it.

    Parameters
    ----------
    folder
        A run that is done.
    image_ids
        Only these; by default all. Of a detector those of pictures.

    Raises
    ------
    RunError
        When the run has no results.
    """
    if folder.finds_objects:
        pictures = folder.pictures()
        rows = list(zip(pictures["picture"], pictures["picture_id"], strict=True))
    else:
        results = folder.results()
        rows = list(zip(results["image"], results["image_id"], strict=True))
    wanted = [row for row in rows if image_ids is None or row[1] in image_ids]
    use_case = use_case_of(folder)
    limits = Limits.of(use_case) if use_case else Limits()
    try:
        collection = collect_again(folder, use_case, limits)
    except (RunError, InputError, OSError) as error:
        problem = _words(error)
        yield from (Original(image, image_id, problem=problem) for image, image_id in wanted)
        return
    try:
        sources = {source.name: source for source in collection.sources}
        for image, image_id in wanted:
            object_id = collection.object_of.get(image, "")
            yield replace(_original(image, image_id, sources, limits), object_id=object_id)
    finally:
        collection.close()


def collect_again(folder: RunFolder, use_case: UseCase | None, limits: Limits) -> Collection:
    """List the files of a run's input as they lie now.

    Raises
    ------
    RunError
        When the input is gone, or, in the app, lies outside the folders that may be read for this person.
    """
    given = folder.request.images
    if owner := Owner.of(folder):
        given = owner.images(given)
    if use_case is None:
        if given == [SAMPLE]:
            raise RunError(f"The use case {folder.request.use_case} is gone, and its sample with it.")
        return collect([Path(path) for path in given], limits)
    paths = [use_case.sample_folder.resolve()] if given == [SAMPLE] else [Path(path) for path in given]
    read, clean = reading_again(folder, use_case, limits, load_hooks(use_case))
    try:
        found = collect(paths, limits, read)
    except BaseException:
        clean()
        raise
    found.cleanups.append(clean)
    return found


def _original(image: str, image_id: str, sources: dict[str, Source], limits: Limits) -> Original:
    digest, _, page = image_id.removeprefix("sha256:").partition("#")
    source = sources.get(image) or sources.get(image.removesuffix(f"#{page}") if page else image)
    if source is None:
        return Original(image, image_id, problem="It is no longer where it was.")
    try:
        payload = source.read(limits)
    except (InputError, OSError) as error:
        return Original(image, image_id, problem=_words(error))
    try:
        if payload.digest != digest:
            return Original(image, image_id, problem="It was changed after the analysis.")
        if payload.size > MAX_ORIGINAL_MB * 2**20:
            return Original(image, image_id, problem=f"It is larger than {MAX_ORIGINAL_MB} MB.")
        with payload.open() as stream:
            content = stream.read()
        return Original(image, image_id, content, payload.picture, int(page or 1) - 1)
    except (InputError, OSError) as error:
        return Original(image, image_id, problem=_words(error))
    finally:
        payload.close()


def _words(error: Exception) -> str:
    """Return why an image cannot be had, in a sentence."""
    if not isinstance(error, OSError) or isinstance(error, RunError | InputError):
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "It cannot be read again: the disk is full. Free some space and try again."
    return f"It cannot be read again: {error.strerror or type(error).__name__}. Check that its disk is there, and try again."
