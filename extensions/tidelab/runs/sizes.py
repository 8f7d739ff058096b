"""Concentration, size and biovolume of each class of each sample of a run, or why they are not computed.

The names in force count (a person's word where there is one), raw: what the model confuses is corrected in the estimates, not here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tidelab.domain.estimate import Range
from tidelab.domain.sample import Sample
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import label_meaning
from tidelab.runs.names import sort_key
from tidelab.runs.not_counted import lost_particles, lost_words
from tidelab.science.biovolume import equivalent_diameter_um, prolate_spheroid_um3, sphere_um3
from tidelab.science.concentration import concentration
from tidelab.science.particle_size import NAMES

if TYPE_CHECKING:
    import pandas as pd

NO_SCALE: Final = "not computed: pixel size unknown"
NO_WATER: Final = "not computed: volume of sea water unknown"
NOT_MEASURED: Final = "not computed: the particles of this run were not measured"


@dataclass(frozen=True)
class Quartiles:
    """Lower quartile, median and upper quartile."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class ClassSize:
    """One class in one sample.

    Parameters
    ----------
    sample_id
        The sample; empty for images that belong to none.
    label
        The name in force; empty for images without one.
    is_biological
        Whether it counts in biological totals.
    images
        Images that carry the name.
    measured
        Of these, images in which a particle was found.
    per_ml
        Images per mL of sea water with the interval of counting (Garwood), or None.
    esd_um
        Equivalent spherical diameter, micrometres, or None.
    sphere_um3_per_ml, spheroid_um3_per_ml
        Biovolume per mL of sea water, spheres of the same area or prolate spheroids of the same axes, or None.
    missing
        Why something is not computed, or is too low, in words.
    """

    sample_id: str
    label: str
    is_biological: bool
    images: int
    measured: int
    per_ml: Range | None = None
    esd_um: Quartiles | None = None
    sphere_um3_per_ml: float | None = None
    spheroid_um3_per_ml: float | None = None
    missing: tuple[str, ...] = ()


def class_sizes(run: RunFolder) -> list[ClassSize]:
    """Return concentration, size and biovolume of each class of each sample; samples in order, the most frequent class first.

    Parameters
    ----------
    run
        A run that is done.

    Raises
    ------
    RunError
        When the run has no results, is of a version that kept no samples, or is of a detector.
    """
    if run.finds_objects:
        raise RunError(
            "Concentrations and sizes are those of particles in water; this run counts objects in pictures, so there are none."
        )
    named = run.determinations()[["image_id", "image", "sample_id", "label"]]
    statistics = run.statistics()
    has_sizes = set(NAMES) <= set(statistics.columns)
    sizes = statistics[list(NAMES)].to_numpy() if has_sizes else np.full((len(statistics), 3), np.nan)
    # Both are in the order of the results; the digest alone would not do, for one image may be there twice.
    frame = named.assign(**{name: sizes[:, column] for column, name in enumerate(NAMES)})
    records, meanings = run.sample_records(), label_meaning(run)
    counted, lost = Counter(map(str, frame["sample_id"])), lost_particles(run)
    rows = []
    for (sample_id, label), group in frame.groupby(["sample_id", "label"], sort=True):
        sample = records.get(str(sample_id)) or Sample(sample_id="")
        living = meanings.of(str(label)).is_biological
        short = lost_words(lost[str(sample_id)], counted[str(sample_id)]) if str(sample_id) in lost else ""
        rows.append(_row(str(sample_id), str(label), living, group, sample, has_sizes, short))
    return sorted(rows, key=lambda row: (sort_key(row.sample_id), not row.label, -row.images, row.label))


def _row(
    sample_id: str,
    label: str,
    living: bool,
    group: "pd.DataFrame",
    sample: Sample,
    has_sizes: bool,
    short: str,
) -> ClassSize:
    water, scale = sample.water_ml, sample.um_per_px
    area, major, minor = (group[name].to_numpy(float) for name in NAMES)
    found = area > 0
    per_ml = concentration(len(group), water) if water is not None else None
    esd, sphere, spheroid = None, None, None
    if has_sizes and scale is not None and found.any():
        diameters = equivalent_diameter_um(area[found], scale)
        esd = Quartiles(*(float(value) for value in np.percentile(diameters, [25, 50, 75])))
        if water is not None:
            sphere = float(sphere_um3(diameters).sum() / water)
            spheroid = float(prolate_spheroid_um3(major[found], minor[found], scale).sum() / water)
    missing = tuple(_missing(water, scale, has_sizes, len(group) - int(found.sum()), short))
    return ClassSize(
        sample_id, label, living, len(group), int(found.sum()), per_ml, esd, sphere, spheroid, missing
    )


def _missing(
    water: float | None, scale: float | None, has_sizes: bool, not_found: int, short: str
) -> Iterator[str]:
    if water is None:
        yield NO_WATER
    elif short:
        yield short
    if not has_sizes:
        yield NOT_MEASURED
    elif scale is None:
        yield NO_SCALE
    elif not_found:
        yield f"no particle was found in {not_found} of the images; their size is not in it"
