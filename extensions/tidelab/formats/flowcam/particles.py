"""The list of particles of a FlowCam run (``.lst``): where in which collage each particle lies.

Two kinds are read:

- From format 017 on the file names its own columns: the version, ``num-fields|N``, N lines ``name|type``, then one row a particle with
  ``|`` between the values. Known from the reader and the real file of MorphoCut [1]_ (65 fields, VisualSpreadsheet 4) and the reader
  of ZooImage [2]_.
- Older lists have two lines of header and 44 or 47 columns with ``:`` between them, in an order that only the readers know [2]_.

Coordinates are pixels from the upper left corner of the collage, the first pixel is 0.

References
----------
.. [1] MorphoCut, ``src/morphocut/integration/flowcam.py`` and ``tests/data/flowcam``, https://github.com/morphocut/morphocut
.. [2] ZooImage, ``readFlowCAMlst``; the same function in EcoTransLearn, ``ImgProcess.R``,
   https://github.com/IFREMER-LERBL/EcoTransLearn
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_FIELDS: Final = 500
MAX_FAULTS: Final = 100
"""More faults than these are counted, not listed."""

MAX_ROWS: Final = 1_000_000
"""Rows of one list. Runs have some ten thousand; a file of nothing but line ends would have tens of millions."""

_MAX_SIDE_PX: Final = 65_535
_NEEDED: Final = ("id", "image_x", "image_y", "image_w", "image_h", "collage_file")
_OLD_COLUMNS: Final[Mapping[int, Mapping[str, int]]] = {
    44: {"id": 0, "cal_const": 1, "collage_file": 34, "image_x": 35, "image_y": 36, "image_w": 37, "image_h": 38},
    47: {"id": 0, "cal_const": 1, "collage_file": 35, "image_x": 36, "image_y": 37, "image_w": 38, "image_h": 39},
}  # fmt: skip
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")


class FlowCamError(ValueError):
    """A file is not what its name says; the text is a sentence about the file."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a file: its line, counted from 1 (0: the whole file), and what is wrong."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True)
class Particle:
    """One particle: its number in the run, and its rectangle in a collage, pixels."""

    particle_id: int
    collage: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class ParticleList:
    """What a ``.lst`` file says.

    Parameters
    ----------
    particles
        In the order of the file.
    um_per_px
        The calibration constant, where all particles have the same one.
    faults
        Rows that could not be read, and what else is wrong; at most `MAX_FAULTS`, the last one says how many more.
    unread
        Rows of particles that could not be read, however many.
    """

    particles: tuple[Particle, ...]
    um_per_px: float | None
    faults: tuple[Fault, ...]
    unread: int = 0


def looks_like_list(head: str) -> bool:
    """Whether the beginning of a text is that of a FlowCam list, and not of some other ``.lst`` file."""
    lines = head.splitlines()
    if len(lines) < 2 or not re.fullmatch(r"\s*[0-9]{1,4}\s*", lines[0].lstrip("\ufeff")):
        return False
    return lines[1].startswith("num-fields|") or (len(lines) > 2 and lines[2].count(":") in (43, 46))


def parse_list(text: str) -> ParticleList:
    """Read a list of particles.

    Parameters
    ----------
    text
        Content of a ``.lst`` file.

    Raises
    ------
    FlowCamError
        When it is no such list, or lacks a column without which no particle can be cut out.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    columns, separator, first = _columns(lines)
    particles: list[Particle] = []
    constants: set[str] = set()
    faults: list[Fault] = []
    seen: set[int] = set()
    unread = 0
    width = max(columns.values()) + 1
    if len(lines) - first > MAX_ROWS:
        raise FlowCamError(f"It has {len(lines) - first} rows; at most {MAX_ROWS} are read")
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        values = [value.strip() for value in line.split(separator)]
        try:
            if len(values) < width:
                raise ValueError(f"{len(values)} values where at least {width} were expected")
            row = {name: values[index] for name, index in columns.items()}
            particle = _particle(row)
        except ValueError as error:
            faults.append(Fault(number, str(error)))
            unread += 1
            continue
        if particle.particle_id in seen:
            faults.append(Fault(number, f"the particle {particle.particle_id} stands there twice"))
            continue
        seen.add(particle.particle_id)
        particles.append(particle)
        constants.add(row.get("cal_const", ""))
    scale, more = _scale(constants)
    return ParticleList(tuple(particles), scale, _bounded([*more, *faults]), unread)


def _columns(lines: Sequence[str]) -> tuple[Mapping[str, int], str, int]:
    """Return position of each column, what separates them, and the first line of the rows."""
    if not looks_like_list("\n".join(lines[:3])):
        raise FlowCamError(
            "It does not begin like a FlowCam list (a version, then `num-fields|...` or rows of 44 or 47 values)"
        )
    if not lines[1].startswith("num-fields|"):
        return _OLD_COLUMNS[lines[2].count(":") + 1], ":", 2
    declared = lines[1].partition("|")[2].strip()
    if not _WHOLE.fullmatch(declared) or not 1 <= int(declared) <= MAX_FIELDS:
        raise FlowCamError(
            f"Line 2 announces {declared[:20]!r} columns; a number up to {MAX_FIELDS} was expected"
        )
    count = int(declared)
    names = [line.partition("|")[0].strip() for line in lines[2 : 2 + count]]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise FlowCamError(
            f"It has no column {missing[0]}, so the particles cannot be found in the collages; the columns id, image_x, image_y, "
            "image_w, image_h and collage_file are needed"
        )
    wanted = (*_NEEDED, "cal_const")
    return {name: index for index, name in enumerate(names) if name in wanted}, "|", 2 + count


def _particle(row: Mapping[str, str]) -> Particle:
    numbers: dict[str, int] = {}
    for name in _NEEDED[:-1]:
        if not _WHOLE.fullmatch(row[name]):
            raise ValueError(f"{name} is {row[name][:20]!r}, a whole number was expected")
        numbers[name] = int(row[name])
    for name in ("image_w", "image_h"):
        if not 1 <= numbers[name] <= _MAX_SIDE_PX:
            raise ValueError(f"{name} is {numbers[name]}, 1 to {_MAX_SIDE_PX} pixels were expected")
    collage = row["collage_file"]
    if not collage or len(collage) > 255 or collage in (".", "..") or set(collage) & set("/\\\0"):
        raise ValueError(
            f"collage_file is {collage[:60]!r}, the name of a file in the same folder was expected"
        )
    return Particle(
        numbers["id"], collage, numbers["image_x"], numbers["image_y"], numbers["image_w"], numbers["image_h"]
    )


def _scale(constants: set[str]) -> tuple[float | None, Iterator[Fault] | tuple[Fault, ...]]:
    given = {value for value in constants if value}
    if not given:
        return None, ()
    numbers = {float(value) for value in given if _NUMBER.fullmatch(value)}
    if len(numbers) != 1 or not all(_NUMBER.fullmatch(value) for value in given):
        shown = ", ".join(sorted(value[:12] for value in given)[:3])
        return None, (
            Fault(
                0,
                f"The particles do not share one calibration constant ({shown}): the pixel size stays unknown",
            ),
        )
    scale = numbers.pop()
    return (
        (scale, ())
        if scale > 0
        else (None, (Fault(0, "The calibration constant is 0: the pixel size stays unknown"),))
    )


def _bounded(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    if len(faults) <= MAX_FAULTS:
        return tuple(faults)
    rest = len(faults) - MAX_FAULTS + 1
    return (*faults[: MAX_FAULTS - 1], Fault(0, f"{rest} more rows could not be read"))
