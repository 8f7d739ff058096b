"""``classes.csv`` of a package: the table of sizes that a person reads in the report, to compute with."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from tidelab.domain.sample import Sample
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import label_meaning
from tidelab.runs.sizes import ClassSize, class_sizes

COLUMNS: Final = (
    "sample_id", "label", "kind", "is_biological", "images", "water_ml",
    "images_per_ml", "images_per_ml_low95_counting", "images_per_ml_high95_counting",
    "measured_images", "esd_um_median", "esd_um_quartile1", "esd_um_quartile3",
    "biovolume_sphere_um3_per_ml", "biovolume_prolate_spheroid_um3_per_ml", "remarks",
)  # fmt: skip
"""Units stand in the names. ``label`` is the name in force, empty for images without one; ``water_ml`` is sea water, volume imaged over
dilution factor; the limits are those of counting alone (Garwood 1936) and cover no wrong names; ``remarks`` says what is not computed, or
too low. An empty cell is not known."""


def classes_csv(run: RunFolder) -> str:
    """Return images, concentration, size and biovolume of each class of each sample by the names in force (UTF-8, comma).

    Raises
    ------
    RunError
        When the run has no results, or is of a version that kept no samples.
    """
    records, meanings = run.sample_records(), label_meaning(run)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in class_sizes(run):
        sample = records.get(one.sample_id) or Sample(sample_id="")
        writer.writerow([*_cells(one, meanings.of(one.label).kind, sample.water_ml)])
    return text.getvalue()


def _cells(one: ClassSize, kind: str, water_ml: float | None) -> Iterator[str | int]:
    yield from (one.sample_id, one.label, kind, "yes" if one.is_biological else "no", one.images)
    per_ml, esd = one.per_ml, one.esd_um
    yield from map(_number, (water_ml, *((per_ml.value, per_ml.low, per_ml.high) if per_ml else (None,) * 3)))
    yield one.measured
    yield from map(_number, (esd.median, esd.low, esd.high) if esd else (None,) * 3)
    yield from map(_number, (one.sphere_um3_per_ml, one.spheroid_um3_per_ml))
    yield "; ".join(one.missing)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
