"""Every look at a test set is written down: a test set is used up by looking at it.

Whoever tries twenty models on the same test images will find one that is better by luck. So each measurement on test images is one
line of ``~/tidelab/test_looks.jsonl`` (appended, never changed), and the rule for a recommendation asks for stronger evidence at each
further look (`tidelab.science.recommendation.Rule.level`). The models of one run of the notebook are one look: the one that is kept is
chosen on the validation images. Running the same experiment again is no new look.
"""

import datetime
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidelab.science.recommendation import DEFAULT
from tidelab.training.datasets import LabelledImages

FILE: Final = "test_looks.jsonl"
_MAXIMUM_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class Look:
    """One look at a set of test images.

    Parameters
    ----------
    number
        1 for the first experiment that was measured on these images, 2 for the next.
    test_set
        Digest of the test images.
    since
        Date of the first look, ISO 8601.
    problem
        Why it could not be written down; empty where it was.
    """

    number: int
    test_set: str
    since: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """Which look this is and what it means."""
        if self.problem:
            return self.problem
        if self.number == 1:
            return "This is the first look at these test images."
        return (
            f"This is look number {self.number} at these test images; the first was on {self.since[:10]}. Whoever looks often is lucky some "
            f"time, so a recommendation now asks for a p-value below {DEFAULT.level(self.number):.2g} instead of {DEFAULT.level(1):.2g}. "
            "New test images start at 1 again."
        )


def digest_of(digests: Iterable[str]) -> str:
    """Return ``sha256:<hex>`` over a set of images, whatever their order."""
    return "sha256:" + hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def look(
    images: LabelledImages,
    test_rows: Sequence[int] | npt.NDArray[np.int64],
    *,
    experiment: str,
    model: str,
    name: str,
    home: Path | None = None,
) -> Look:
    """Write down that a model is measured on test images, and return which look it is.

    Looks at other divisions of the same images count as well: their test images overlap.

    Parameters
    ----------
    images, test_rows
        All images of the experiment, and which are its test.
    experiment
        What was tried: equal settings, images and division are one experiment.
    model, name
        sha256 of the model, and its name in words.
    home
        Folder of the log; default ``~/tidelab``.
    """
    return look_at(
        [images.digests[int(row)] for row in test_rows],
        images.digests,
        experiment=experiment,
        model=model,
        name=name,
        home=home,
    )


def look_at(
    test: Sequence[str],
    every_image: Sequence[str],
    *,
    experiment: str,
    model: str,
    name: str,
    home: Path | None = None,
) -> Look:
    """Write down a look at images of any kind: `test` and `every_image` are their digests, the rest as in `look`."""
    test_set, every = digest_of(test), digest_of(every_image)
    entry = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "test_set": test_set, "images": every,
        "experiment": experiment, "model": model, "name": name, "n_images": len(test),
    }  # fmt: skip
    path = (home or Path.home() / "tidelab") / FILE
    try:
        found = _append(path, entry)
    except OSError as error:
        return Look(
            1,
            test_set,
            problem=f"This look at the test images could not be written down in {path} ({error.strerror}), so it is not known how many there were.",
        )
    same = [one for one in found if one.get("test_set") == test_set or one.get("images") == every]
    order = list(dict.fromkeys(str(one.get("experiment")) for one in same))
    return Look(order.index(experiment) + 1, test_set, str(same[0].get("at", "")))


def _append(path: Path, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Append one line under a lock, wait until it is on the disk, and return all lines; a line cut off by a crash is left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read(_MAXIMUM_BYTES)
        separator = b"\n" if before and not before.endswith(b"\n") else b""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        file.write(separator + line)
        file.flush()
        os.fsync(file.fileno())
    found = []
    for one in (before + separator + line).splitlines():
        try:
            parsed = json.loads(one)
        except ValueError:
            continue
        if isinstance(parsed, dict):
            found.append(parsed)
    return found
