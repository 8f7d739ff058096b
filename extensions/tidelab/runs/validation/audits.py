"""Random audits: which images a person is asked to check, and how probable it was that each would be asked for.

Drawn without replacement from the distinct images of a run (identical copies count once), over the classes as they were *predicted*:
what people said before changes neither the strata nor the chances, and an image that was validated by hand may be drawn like any other.
"""

import datetime
import heapq
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tidelab.domain.determination import Audit
from tidelab.runs.beneath import read
from tidelab.runs.errors import RunError
from tidelab.runs.files import write_text

FILE_NAME: Final = "audits.json"
ALL: Final = "all"
"""The one stratum of a simple sample."""
LEAST_PER_STRATUM: Final = 2
"""Images drawn of a class that has as many, where the sample is large enough: of one alone no variance can be known."""
_MOST_BYTES: Final = 2**30
_AUDITS = TypeAdapter(list[Audit])

Design = Literal["simple", "stratified"]


def draw(
    predicted: Mapping[str, str], n: int, seed: int, person: str, design: Design, time: datetime.datetime
) -> Audit:
    """Draw an audit.

    Parameters
    ----------
    predicted
        image_id -> predicted class (empty: unidentified), all images of the run.
    n
        Images to check; all of them where there are fewer.
    seed
        Of NumPy's PCG64; the same seed, number, design and run give the same images.
    person, time
        Who asked, and when.
    design
        ``simple``: each image has the same chance. ``stratified``: by predicted class, in proportion to its images, but at least
        two of each class where `n` allows, else at least one (proportional allocation, Cochran 1977, *Sampling Techniques*, ch. 5).

    Raises
    ------
    RunError
        When `n` or `seed` make no sense, the run has no images, or `n` is smaller than the number of classes of a stratified audit.
    """
    _check(predicted, n, seed, design)
    strata: dict[str, list[str]] = {}
    # By id, so that the draw depends on the images and not on their file names.
    for image_id in sorted(predicted):
        strata.setdefault(predicted[image_id] if design == "stratified" else ALL, []).append(image_id)
    names = sorted(strata)
    sizes = [len(strata[name]) for name in names]
    drawn = dict(zip(names, allocate(sizes, min(n, sum(sizes))), strict=True))
    rng = np.random.default_rng(seed)
    chosen = [
        strata[name][index]
        for name in names
        for index in rng.choice(len(strata[name]), drawn[name], replace=False).tolist()
    ]
    order = rng.permutation(len(chosen)).tolist()
    return Audit(
        audit_id=f"audit-{time.strftime('%Y%m%dT%H%M%S')}Z-{secrets.token_hex(3)}",
        time=time,
        person=person,
        design=design,
        seed=seed,
        image_ids=tuple(chosen[index] for index in order),
        strata={name: (len(strata[name]), drawn[name]) for name in names},
        inclusion_probability={
            image_id: drawn[name] / len(strata[name]) for name in names for image_id in strata[name]
        },
    )


def allocate(sizes: Sequence[int], n: int) -> list[int]:
    """Return how many images to draw of each stratum: in proportion, within its size, at least two (or one) of each.

    Parameters
    ----------
    sizes
        Images of each stratum, all at least 1.
    n
        Images to draw, from the number of strata to the sum of `sizes`.

    Examples
    --------
    >>> allocate([80, 15, 5], 20)
    [15, 3, 2]
    """
    least = LEAST_PER_STRATUM if sum(min(LEAST_PER_STRATUM, size) for size in sizes) <= n else 1
    drawn = [min(least, size) for size in sizes]
    # Each further image goes to the stratum of which the smallest part is drawn; of equals, to the largest.
    waiting = [
        (have / size, -size, place)
        for place, (have, size) in enumerate(zip(drawn, sizes, strict=True))
        if have < size
    ]
    heapq.heapify(waiting)
    for _ in range(n - sum(drawn)):
        _, _, place = heapq.heappop(waiting)
        drawn[place] += 1
        if drawn[place] < sizes[place]:
            heapq.heappush(waiting, (drawn[place] / sizes[place], -sizes[place], place))
    return drawn


def read_audits(folder: Path) -> list[Audit]:
    """Return the audits of a run, oldest first; raises `RunError` when the file is damaged."""
    path = folder / FILE_NAME
    try:
        return _AUDITS.validate_json(read(path, _MOST_BYTES))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise RunError(
            f"{path} is damaged ({field}: {first['msg']}), so no audit can be used or drawn. Put the file back from a copy; "
            "or remove it, and with it the audits: the names that people gave are kept."
        ) from None


def write_audits(folder: Path, audits: Sequence[Audit]) -> None:
    """Replace the audits of a run in one step."""
    write_text(folder / FILE_NAME, _AUDITS.dump_json(list(audits)).decode("utf-8") + "\n")


def _check(predicted: Mapping[str, str], n: int, seed: int, design: str) -> None:
    if not predicted:
        raise RunError("The run has no images, so there is nothing to check.")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise RunError(f"The number of images to check is {n!r}; it must be a whole number of at least 1.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise RunError(f"The seed is {seed!r}; it must be a whole number from 0 to {2**32 - 1}.")
    if design not in ("simple", "stratified"):
        raise RunError(f"The design is {design!r}; it must be 'simple' or 'stratified'.")
    strata = len(set(predicted.values()))
    if design == "stratified" and n < strata:
        raise RunError(
            f"{n} images cannot cover {strata} classes (unidentified counts as one). Check at least {strata}, or draw a simple sample."
        )
