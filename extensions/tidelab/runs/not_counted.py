"""Particles that are of a sample and not in its counts, because their pictures could not be used.

The volume of a sample is that of all its particles. Where some of them are lost, counts per volume are too low by what the interval of
counting knows nothing of, so whoever gives one says it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from tidelab.runs.errors import RunError
from tidelab.runs.failures import FailedFile
from tidelab.runs.folder import RunFolder
from tidelab.runs.inputs.collection import SampleFacts
from tidelab.runs.inputs.samples import Samples

PICTURES_LOST: Final = frozenset(
    {
        "empty", "wrong-name", "other-format", "truncated", "damaged", "too-many-pixels", "too-large", "animated", "too-many-pages",
        "pixel-values", "out-of-memory", "model-refused", "permission", "vanished", "changed", "unreadable", "link-broken",
        "name-too-long", "collage-missing", "collage-unusable", "particle-outside", "zip-encrypted", "zip-bomb", "zip-too-large",
        "zip-compression",
    }
)  # fmt: skip
"""Kinds of failures (`tidelab.runs.failures.KINDS`) that are a picture too few; the others are tables, or no pictures at all."""


def lost_by_sample(
    failures: Iterable[FailedFile], samples: Samples, facts: Iterable[SampleFacts]
) -> dict[str, int]:
    """Return sample -> particles that the input has or lists of it and that are not counted; samples that lost none are left out.

    Parameters
    ----------
    failures
        Files of the run that could not be used.
    samples
        Which image is of which sample.
    facts
        What the input's tables list and the input does not hold (`SampleFacts.lost`).
    """
    lost = Counter(samples.sample_id(row.image) for row in failures if row.kind in PICTURES_LOST)
    for one in facts:
        lost[one.sample_id] += one.lost
    return {name: number for name, number in sorted(lost.items()) if number}


def lost_particles(run: RunFolder) -> dict[str, int]:
    """Return sample -> particles that are not in its counts, as the run wrote it down; empty for a run of an earlier version."""
    try:
        found = run.manifest()["samples"]["not_counted"]
    except (RunError, KeyError, TypeError):
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, int) and value > 0}


def lost_words(lost: int, counted: int) -> str:
    """Return what it means for the figures of a sample that particles are lost, as a part of a sentence.

    >>> lost_words(50, 100)
    '50 of 150 particles could not be used and are not counted, so what is per mL is too low (1.5 times, if they are like the others)'
    """
    factor = f" ({(lost + counted) / counted:.3g} times, if they are like the others)" if counted else ""
    verb = "is" if lost == 1 else "are"
    return f"{lost:,} of {lost + counted:,} particles could not be used and {verb} not counted, so what is per mL is too low{factor}"
