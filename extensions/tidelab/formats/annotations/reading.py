"""What all readers do: note faults, build annotations of what may be broken, fill in sizes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from tidelab.formats.annotations.errors import AnnotationError, Fault, shown
from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Scalar, check_text
from tidelab.formats.annotations.source import Source, safe_name

MAX_FAULTS: Final = 10_000
"""Faults that are kept; more are counted."""

MAX_ANNOTATIONS: Final = 5_000_000
_MAX_TEXT: Final = 10_000


class Reading:
    """One reading: where from, what was noted, what was wrong.

    Parameters
    ----------
    source
        The files.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tally = Tally()
        self._faults: list[Fault] = []
        self._more = 0
        self._made = 0

    def fault(self, file: str, where: str, field: str, message: object) -> None:
        """Note what is wrong in one place."""
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(Fault(file, where, field, str(message)))
        else:
            self._more += 1

    def build(self, file: str, where: str, **values: Any) -> Annotation | None:
        """Return an annotation, or None with a fault where the values are none."""
        self._made += 1
        if self._made > MAX_ANNOTATIONS:
            raise AnnotationError(
                f"{file} holds more than {MAX_ANNOTATIONS} annotations, which is the limit."
            )
        try:
            return Annotation(**values)
        except (ValueError, TypeError) as error:
            field, _, message = str(error).partition(": ")
            self.fault(file, where, field if message else "", message or field)
            return None

    def file_name(self, file: str, where: str, name: object) -> str:
        """Return a picture's name as a path below a folder; empty, with a fault, where it is none."""
        try:
            if not isinstance(name, str):
                raise ValueError(f"file name: {shown(name)}, expected a text")
            safe, changed = safe_name(name)
            check_text("file name", safe)
        except ValueError as error:
            self.fault(file, where, "file name", str(error).removeprefix("file name: "))
            return ""
        if changed:
            self.tally.add(
                "Names of pictures that were no plain paths below a folder were made so (backslashes, drives, roots, `..`): {n}."
            )
        return safe

    def label(self, file: str, where: str, name: object) -> str:
        """Return a class name without blanks around it; empty, with a fault, where it is none."""
        try:
            check_text("label", name)
        except ValueError as error:
            self.fault(file, where, "label", str(error).removeprefix("label: "))
            return ""
        return str(name).strip()

    def dataset(
        self,
        format_name: str,
        images: Iterable[AnnotatedImage],
        labels: Iterable[str],
        about: Mapping[str, Mapping[str, Scalar]] | None = None,
    ) -> Dataset:
        """Return the dataset with sizes of the pictures where the format says none, and all notes and faults."""
        sized = [self._sized(image) for image in images]
        faults = list(self._faults)
        if self._more:
            faults.append(Fault("", "", "", f"{self._more} more faults are not listed."))
        return Dataset(
            tuple(sized), tuple(labels), about or {}, self.tally.notes(), tuple(faults), format_name
        )

    def _sized(self, image: AnnotatedImage) -> AnnotatedImage:
        if image.size is not None and not self.source.given:
            return image
        found = self.source.pictures.size(image.file_name)
        if found is None:
            if self.source.given:
                self.tally.add("{n} of the pictures are not in the folder of pictures, or cannot be opened.")
            return image
        if image.size is None:
            return replace(image, width=found[0], height=found[1])
        if image.size != found:
            said = f"{image.width} x {image.height}"
            self.fault(
                image.file_name, "", "size",
                f"the annotations say {said} px, the picture is {found[0]} x {found[1]} px; coordinates are taken as they are",
            )  # fmt: skip
        return image


def number(value: object, field: str) -> float:
    """Return a finite number of what a file says; raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{field}: {shown(value)}, expected a number")
    try:
        read = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{field}: {shown(value)}, expected a number") from None
    if not math.isfinite(read):
        raise ValueError(f"{field}: {shown(value)}, expected a finite number")
    return read


def whole(value: object, field: str, least: int | None = None) -> int:
    """Return a whole number of what a file says; raises `ValueError`."""
    read = number(value, field)
    if read != int(read) or (least is not None and read < least) or abs(read) > 2**53:
        expected = "a whole number" if least is None else f"a whole number of at least {least}"
        raise ValueError(f"{field}: {shown(value)}, expected {expected}")
    return int(read)


def size(width: object, height: object) -> tuple[int, int] | tuple[None, None]:
    """Return a picture's size; ``(None, None)`` where neither is said or both are 0; raises `ValueError`."""
    if width in (None, "", 0, "0") and height in (None, "", 0, "0"):
        return None, None
    return whole(width, "width", 1), whole(height, "height", 1)


def pairs(values: list[float]) -> tuple[tuple[float, float], ...]:
    """Return x and y by turns as points; raises `ValueError` where one is left over."""
    if len(values) % 2:
        raise ValueError(f"points: {len(values)} numbers, expected x and y by turns")
    return tuple(zip(values[::2], values[1::2], strict=True))


def scalars(values: Mapping[str, object]) -> dict[str, Scalar]:
    """Return what of a mapping is a plain value (text, number, truth), the rest is left out."""
    kept: dict[str, Scalar] = {}
    for name, value in values.items():
        if value is None or (isinstance(value, str | int | float) and not _is_bad(value)):
            kept[str(name)] = value
    return kept


def _is_bad(value: str | float) -> bool:
    if isinstance(value, str):
        return len(value) > _MAX_TEXT
    return isinstance(value, float) and not math.isfinite(value)
