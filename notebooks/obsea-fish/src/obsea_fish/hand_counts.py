"""Pictures drawn at random to be counted by hand, and the counts that come back.

A file that is no such table may be any file, so what is wrong is told by line and expected columns, never with what stands in it.

The order of the draw is that of a keyed digest of the pictures' names: a random order that anybody can repeat, whatever the model and whatever the order
of the files. Whoever counts the first so many of it has counted a simple random sample; whoever skips one has not.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

PROPOSED: Final = 50
"""Pictures on the list that a run gives."""

_MOST_BYTES: Final = 20 * 2**20


class HandCountError(ValueError):
    """A file of hand counts that cannot be used, in words."""


@dataclass(frozen=True, eq=False)
class HandCounts:
    """Counts by hand.

    Parameters
    ----------
    pictures
        Names, in the order of the draw.
    counts
        int64 ``(m, k)``, columns in the order of the taxa.
    """

    pictures: tuple[str, ...]
    counts: npt.NDArray[np.int64]


def draw_order(pictures: Sequence[str], seed: int) -> list[str]:
    """Return the pictures in the order in which they are to be counted by hand."""
    return sorted(pictures, key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode()).digest())


def read(path: Path, pictures: Sequence[str], taxa: Sequence[str], seed: int) -> HandCounts:
    """Read counts by hand: the list of a run (``pictures_to_count.csv``), filled in from the top.

    Parameters
    ----------
    path
        CSV with the column ``picture`` and one for each taxon; a row without any count was not counted.
    pictures
        Names of the pictures that are effort.
    taxa
        Of the model.
    seed
        Of the draw.

    Raises
    ------
    HandCountError
        Naming file, row and column, where the file cannot be read, a count is none, or the counted pictures are not the first of the draw.
    """
    counted: dict[str, list[int]] = {}
    rows: dict[str, int] = {}
    for number, row in enumerate(_rows(path, taxa), start=2):
        values = [(row.get(name) or "").strip() for name in taxa]
        if not any(values):
            continue
        name = (row.get("picture") or "").strip()
        if name in counted:
            raise HandCountError(
                f"{path.name}, row {number}: this picture was counted before; expected each picture once"
            )
        rows[name] = number
        counted[name] = [
            _count(value, path, number, taxon) for value, taxon in zip(values, taxa, strict=True)
        ]
    order = draw_order(pictures, seed)[: len(counted)]
    stray = sorted(rows[name] for name in set(counted) - set(order))
    if stray:
        raise HandCountError(
            f"{path.name}: the {len(counted)} pictures counted are not the first {len(counted)} of the random list (that in row {stray[0]} is not "
            "among them), so they are no random sample. Count the list from the top without leaving one out; a list made with other pictures or "
            "another seed does not count here."
        )
    return HandCounts(
        tuple(order), np.array([counted[name] for name in order], np.int64).reshape(-1, len(taxa))
    )


def _rows(path: Path, taxa: Sequence[str]) -> list[dict[str, str]]:
    try:
        if not path.is_file():
            raise HandCountError(f"{path.name} cannot be read (it is no file); expected a CSV file in UTF-8")
        if path.stat().st_size > _MOST_BYTES:
            raise HandCountError(
                f"{path.name} is larger than {_MOST_BYTES // 2**20} MB; expected a short table"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise HandCountError(
            f"{path.name} cannot be read ({type(error).__name__}); expected a CSV file in UTF-8"
        ) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        rows = list(reader)
    except csv.Error as error:
        raise HandCountError(f"{path.name}, line {reader.line_num}: this is no CSV table ({error})") from None
    missing = [name for name in ("picture", *taxa) if name not in header]
    if missing or len(set(header)) != len(header):
        fault = (
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
            if missing
            else "one is there twice"
        )
        raise HandCountError(
            f"{path.name}, line 1: expected the columns picture, {', '.join(taxa)}, once each; {fault}"
        )
    return rows


def _count(text: str, path: Path, row: int, taxon: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise HandCountError(
            f"{path.name}, row {row}, column {taxon}: {'no number' if text else 'nothing'} is given; expected 0, 1, 2 … in every column of a counted picture"
        )
    return int(text)
