"""The formats by name: read, write, check, and find out which one it is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tidelab.formats.annotations import (
    biigle,
    coco,
    cvat,
    cvat_video,
    fitting,
    folders,
    target,
    viame,
    voc,
    yolo_write,
)
from tidelab.formats.annotations.errors import AnnotationError, Fault, shown
from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.format import Carried, Format, PictureMode, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset
from tidelab.formats.annotations.reading import Reading
from tidelab.formats.annotations.source import Pictures, Source, safe_name

FORMATS: Final[Mapping[str, Format]] = {
    one.name: one
    for one in (
        coco.FORMAT,
        yolo_write.YOLO,
        yolo_write.DETECT,
        yolo_write.SEGMENT,
        yolo_write.OBB,
        folders.CLASSIFY,
        cvat.FORMAT,
        cvat_video.FORMAT,
        voc.FORMAT,
        voc.ZERO_BASED,
        folders.FORMAT,
        viame.FORMAT,
        biigle.FORMAT,
    )
}
"""Name -> format. ``yolo`` finds out on reading what the label files hold, and writes what ``yolo-detect`` writes."""


def read(path: Path | str, format: str | None = None, *, images: Path | str | None = None) -> Dataset:
    """Read annotations; what is broken costs itself and stands in ``faults``, what was changed in ``notes``.

    Parameters
    ----------
    path
        A file, a folder or a zip.
    format
        A name from `FORMATS`; None: it is found out.
    images
        Folder of the pictures, for their sizes where the format says none (and to compare them where it does).

    Raises
    ------
    AnnotationError
        When nothing can be read at all, or the format is not known.
    """
    source = Source(Path(path), None if images is None else Path(images))
    try:
        chosen = format_named(format) if format is not None else detect(source)
        dataset = chosen.read(Reading(source))
    finally:
        source.close()
    return dataset


def check(path: Path | str, format: str | None = None, *, images: Path | str | None = None) -> list[Fault]:
    """Return what is wrong with annotations: what cannot be read at all is one fault."""
    try:
        return list(read(path, format, images=images).faults)
    except AnnotationError as error:
        return [Fault(Path(path).name, "", "", str(error))]


def detect(source: Source) -> Format:
    """Return the one format whose files are there.

    Raises
    ------
    AnnotationError
        When it is none, or may be several; the text names them.
    """
    found = [one for one in FORMATS.values() if one.recognises(source)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in (found or FORMATS.values()))
    said = "may be several formats" if found else "is in none of the formats that are known here"
    raise AnnotationError(f"{source.path} {said}: {names}. Say which one it is with --from.")


def format_named(name: str) -> Format:
    """Return a format; raises `AnnotationError` naming the known ones."""
    if name not in FORMATS:
        raise AnnotationError(f"There is no format {name!r}; the formats: {', '.join(FORMATS)}.")
    return FORMATS[name]


def write(
    dataset: Dataset,
    path: Path | str,
    format: str,
    *,
    images: Path | str | None = None,
    pictures: PictureMode = "copy",
    force: bool = False,
) -> tuple[str, ...]:
    """Write annotations; it is there complete or not at all.

    Parameters
    ----------
    dataset
        What to write.
    path
        A file or a folder, as the format has it.
    format
        A name from `FORMATS`.
    images
        Folder of the pictures: for sizes that are not known, and for formats that hold the pictures.
    pictures
        Whether pictures are copied, linked to, or left where they are, in formats that hold them.
    force
        Replace what is at `path`: a file, or a folder that Tidelab wrote.

    Returns
    -------
    tuple of str
        What the format could not carry, a sentence each, with counts.

    Raises
    ------
    AnnotationError
        When it cannot be written, with what to do.
    """
    chosen, place = format_named(format), Path(path)
    target.check(place, folder=not chosen.ending, force=force)
    _check_names(dataset)
    tally = Tally()
    if images is not None and not Path(images).is_dir():
        raise AnnotationError(f"There is no folder of pictures at {images}. Check the path.")
    found = None if images is None else Source(Path(images))
    try:
        known = None if found is None else found.pictures
        fitted = _fitted(_sized(dataset, known, chosen), chosen, tally)
        _tell_losses(fitted, chosen, tally)
        if chosen.needs_pictures and known is None:
            raise AnnotationError(
                f"{chosen.title}: the pictures themselves are needed; name their folder with --images."
            )
        with target.written(place, folder=not chosen.ending, force=force) as scratch:
            chosen.write(Writing(fitted, scratch, place.name, known, pictures, tally))
    except ValueError as error:
        raise AnnotationError(f"{chosen.title} cannot be written: {error}.") from None
    finally:
        if found is not None:
            found.close()
    return tally.notes()


def _check_names(dataset: Dataset) -> None:
    """Refuse names that lead out of a folder, and two pictures of one name."""
    seen: set[str] = set()
    for image in dataset.images:
        if safe_name(image.file_name)[0] != image.file_name:
            raise AnnotationError(
                f"{shown(image.file_name)!r} is no path below the folder of pictures. Name pictures relative to their folder."
            )
        if image.file_name in seen:
            raise AnnotationError(
                f"Two pictures are called {shown(image.file_name)!r}; a picture is found by its name."
            )
        seen.add(image.file_name)


def _sized(dataset: Dataset, pictures: Pictures | None, chosen: Format) -> Dataset:
    """Return the dataset with the sizes that are needed and not known, read from the pictures."""
    if not chosen.needs_size:
        return dataset
    images, missing = [], []
    for image in dataset.images:
        if image.size is None:
            size = None if pictures is None else pictures.size(image.file_name)
            if size is None:
                missing.append(image.file_name)
            else:
                image = replace(image, width=size[0], height=size[1])
        images.append(image)
    if missing:
        where = (
            "name the folder of the pictures with --images"
            if pictures is None
            else "they are not in the folder of pictures"
        )
        raise AnnotationError(
            f"{chosen.title} needs the sizes of the pictures, and those of {len(missing)} are not known ({', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}): {where}."
        )
    return replace(dataset, images=tuple(images))


def _fitted(dataset: Dataset, chosen: Format, tally: Tally) -> Dataset:
    images = []
    for image in dataset.images:
        kept = (_fit(one, image, chosen, tally) for one in image.annotations)
        images.append(replace(image, annotations=tuple(one for one in kept if one is not None)))
    return replace(dataset, images=tuple(images))


def _fit(one: Annotation, image: AnnotatedImage, chosen: Format, tally: Tally) -> Annotation | None:
    fitted = fitting.fitted(one, chosen.shapes, tally, chosen.title)
    if fitted is not None and "parts" not in chosen.carries:
        fitted = fitting.one_ring(fitted, tally, chosen.title)
    if fitted is not None and chosen.cut:
        fitted = fitting.inside(fitted, image, tally, chosen.title)
    return None if fitted is None else fitting.rounded(fitted, chosen.decimals, tally)


def _tell_losses(dataset: Dataset, chosen: Format, tally: Tally) -> None:
    """Count what a format has no place for."""
    every = [one for image in dataset.images for one in image.annotations]
    counts: Mapping[Carried, tuple[Callable[[], int], str]] = {
        "score": (lambda: sum(one.score is not None for one in every), "{n} score{s} are lost"),
        "track": (lambda: sum(one.track_id is not None for one in every), "Track numbers are lost: {n}"),
        "negatives": (
            lambda: sum(not image.annotations for image in dataset.images),
            "{n} picture{s} without annotations are lost",
        ),
        "part": (
            lambda: sum(bool(image.part) for image in dataset.images),
            "Which pictures are for training, validation and test is lost ({n})",
        ),
        "frame": (
            lambda: sum(image.frame is not None for image in dataset.images),
            "Frame numbers are lost: {n}",
        ),
        "size": (
            lambda: (
                0
                if chosen.needs_size or chosen.needs_pictures
                else sum(image.size is not None for image in dataset.images)
            ),
            "Sizes of pictures are lost: {n}",
        ),
        "names": (lambda: len(dataset.images), "Names of pictures are lost or changed: {n}"),
        "order": (
            lambda: len(dataset.labels) if list(dataset.labels) != sorted(dataset.labels) else 0,
            "The order of the {n} classes is lost, alphabetical order takes its place",
        ),
    }
    for carried, (count, sentence) in counts.items():
        if carried not in chosen.carries:
            tally.add(f"{sentence}: {chosen.title} has no place for that.", count())
    # Class folders are there though nothing is in them.
    if "order" not in chosen.carries and not chosen.needs_pictures:
        unused = set(dataset.labels) - {one.label for one in every}
        tally.add(
            f"Classes without annotations are lost: {{n}}. {chosen.title} has no list of classes.",
            len(unused),
        )
    _tell_attributes(dataset, chosen, tally, every)


def _tell_attributes(dataset: Dataset, chosen: Format, tally: Tally, every: list[Annotation]) -> None:
    # What BIIGLE's columns hold; it counts attributes of annotations itself.
    biigle_too = chosen.name == biigle.FORMAT.name
    if "attributes" not in chosen.carries and not biigle_too:
        number = sum(len(one.attributes) for one in every)
        tally.add(
            f"{{n}} attribute{{s}} of annotations are lost: {chosen.title} has no place for them.", number
        )
    if chosen.name == coco.FORMAT.name:
        return
    kept = ("label_id", "label_hierarchy", "longitude", "latitude") if biigle_too else ()
    of_pictures = sum(key not in kept for image in dataset.images for key in image.attributes)
    tally.add(
        f"{{n}} attribute{{s}} of pictures are lost: {chosen.title} has no place for them.", of_pictures
    )
    # An empty supercategory says nothing.
    of_labels = sum(
        key not in kept and value not in ("", None)
        for about in dataset.about.values()
        for key, value in about.items()
    )
    tally.add(f"{{n}} attribute{{s}} of classes are lost: {chosen.title} has no place for them.", of_labels)
