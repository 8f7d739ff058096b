"""What a format is: what it can say, and who reads and writes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.model import Dataset, Shape
from tidelab.formats.annotations.reading import Reading
from tidelab.formats.annotations.source import Pictures, Source

Carried = Literal[
    "parts", "score", "track", "attributes", "negatives", "part", "frame", "order", "size", "names"
]
"""Besides shapes: several outlines of one polygon, scores, tracks, attributes of annotations, pictures without anything, train/val/test,
frame numbers, the order of the classes, sizes of pictures, names of pictures."""

PictureMode = Literal["copy", "link", "none"]
DECIMALS: Final = 2


@dataclass
class Writing:
    """One writing.

    Parameters
    ----------
    dataset
        What is written, already in shapes that the format knows.
    path
        A file, or a folder that exists and is empty; it is moved to its place when it is complete.
    name
        How the place will be called.
    pictures
        Where pictures are, if a folder of them was given.
    mode
        What is done with pictures in formats that hold them.
    tally
        Where losses are counted.
    """

    dataset: Dataset
    path: Path
    name: str
    pictures: Pictures | None = None
    mode: PictureMode = "copy"
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Format:
    """A format.

    Parameters
    ----------
    name
        How it is called on the command line and in `read` and `write`.
    title
        How people call it.
    definition
        Where it is defined.
    shapes
        Shapes it can hold.
    carries
        What else it can hold.
    ending
        Of its file, with the dot; empty: it is a folder.
    read, write, recognises
        The functions behind it. `recognises` looks at names and beginnings of files alone.
    decimals
        Digits behind the point that coordinates in pixels are written with; None: others (see the writer).
    cut
        Whether what reaches over the edge of the picture must be cut.
    needs_size, needs_pictures
        Whether it cannot be written without sizes of the pictures, or without the pictures.
    """

    name: str
    title: str
    definition: str
    shapes: frozenset[Shape]
    carries: frozenset[Carried]
    ending: str
    read: Callable[[Reading], Dataset]
    write: Callable[[Writing], None]
    recognises: Callable[[Source], bool]
    decimals: int | None = DECIMALS
    cut: bool = False
    needs_size: bool = False
    needs_pictures: bool = False
