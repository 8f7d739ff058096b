"""Annotations of pictures: one neutral form, read from and written to the formats that people annotate and train with.

>>> from tidelab.formats.annotations import read, write
>>> dataset = read("annotations.json")                      # found out: coco, yolo, cvat-images, ...
>>> dataset.summary().per_label, dataset.notes, dataset.faults
>>> lost = write(dataset, "yolo", "yolo-detect", images="pictures")
"""

from tidelab.formats.annotations.errors import AnnotationError, Fault
from tidelab.formats.annotations.format import Format
from tidelab.formats.annotations.model import (
    SHAPES,
    AnnotatedImage,
    Annotation,
    Dataset,
    Shape,
    Summary,
)
from tidelab.formats.annotations.registry import FORMATS, check, read, write
from tidelab.formats.annotations.rle import Mask

__all__ = [
    "FORMATS",
    "SHAPES",
    "AnnotatedImage",
    "Annotation",
    "AnnotationError",
    "Dataset",
    "Fault",
    "Format",
    "Mask",
    "Shape",
    "Summary",
    "check",
    "read",
    "write",
]
