"""How many objects, and how much volume of them, in a cubic metre of sea water.

Objects are **all particles** that were found and count: animals, pieces of them, detritus, fibres. This becomes an abundance of animals, in
ind. m-3, when the objects were sorted in EcoTaxa and those of a taxon are summed with the same weights.

A scan shows a part of a fraction of a sample. Each object on it stands for ``sub_part / tot_vol`` objects in a cubic metre, where ``sub_part`` is the
factor for all scans of the fraction together (1: all of it was scanned; split into 8 and 2 scans made: 4, in the headers of both) and ``tot_vol`` the
volume that the net filtered, m3. Concentrations of a sample are the sums over its scans and fractions:

    objects [m-3] = sum n x sub_part / tot_vol        biovolume [mm3 m-3] = sum V x sub_part / tot_vol

with, per object and with the side of a pixel ``p = 25.4 / dpi`` mm,

    V ellipsoidal = 4/3 pi (Major p / 2) (Minor p / 2)^2     V spherical = 4/3 pi (p sqrt(Area / pi))^3

(``Area`` with holes filled; ``_exc`` without them). Nothing is assumed: where volume or sub-part is not known, scans of one fraction
disagree (`zooscan.portions`), or a scan of the sample is missing, the sample has counts and no concentration, and the reason stands beside it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from tidelab.science.biovolume import equivalent_diameter_um, prolate_spheroid_um3, sphere_um3
from zooscan.header import ScanHeader
from zooscan.portions import Portion, disagreements
from zooscan.store import StoredScan

UM3_PER_MM3: Final = 1e9

COLUMNS: Final = (
    "sample_id", "objects", "objects_per_m3", "biovolume_ellipsoid_mm3_per_m3", "biovolume_sphere_mm3_per_m3",
    "biovolume_sphere_exc_mm3_per_m3", "tot_vol_m3", "scans", "withheld",
)  # fmt: skip
SCAN_COLUMNS: Final = (
    "sample_id",
    "scan_id",
    "fraction",
    "sub_part",
    "objects",
    "objects_per_m3",
    "withheld",
)
VOLUMES: Final = ("biovolume_ellipsoid_mm3", "biovolume_sphere_mm3", "biovolume_sphere_exc_mm3")


@dataclass(frozen=True)
class Effort:
    """What one object of a scan stands for.

    Parameters
    ----------
    sub_part
        Factor for all scans of the fraction together; None: not known.
    tot_vol_m3
        Volume filtered for the sample, m3; None: not known.
    """

    sub_part: float | None
    tot_vol_m3: float | None

    @classmethod
    def of(cls, scan: StoredScan) -> "Effort":
        """Return the effort that a scan's header states."""
        header = ScanHeader(scan.scan_id, scan.sample_id, scan.header, "")
        return cls(header.sub_part, header.volume_m3)

    @property
    def per_m3(self) -> float | None:
        """Objects in a cubic metre that one object on the scan stands for; None where not known."""
        if self.sub_part is None or self.tot_vol_m3 is None:
            return None
        return self.sub_part / self.tot_vol_m3

    def missing(self, scan_id: str) -> str:
        """Return what is not known, as a sentence; empty where all is."""
        if self.tot_vol_m3 is None:
            return f"The volume filtered (Vol) of {scan_id} is not known."
        return f"The sub-part (Fracnb) of {scan_id} is not known." if self.sub_part is None else ""


def biovolumes_mm3(objects: pd.DataFrame, pixel_mm: Mapping[str, float]) -> pd.DataFrame:
    """Return the volumes of objects, mm3: columns `VOLUMES`, index of `objects`.

    Parameters
    ----------
    objects
        Columns scan_id, Area, Area_exc, Major, Minor (pixels).
    pixel_mm
        Scan -> side of a pixel, mm.
    """
    found = pd.DataFrame(index=objects.index, columns=list(VOLUMES), dtype=float)
    for scan_id, rows in objects.groupby("scan_id", sort=False):
        um = pixel_mm[str(scan_id)] * 1000
        ellipsoid = prolate_spheroid_um3(rows["Major"].to_numpy(float), rows["Minor"].to_numpy(float), um)
        spheres = [
            sphere_um3(equivalent_diameter_um(rows[name].to_numpy(float), um))
            for name in ("Area", "Area_exc")
        ]
        for name, values in zip(VOLUMES, (ellipsoid, *spheres), strict=True):
            found.loc[rows.index, name] = values / UM3_PER_MM3
    return found


def by_scan(objects: pd.DataFrame, scans: Sequence[StoredScan]) -> pd.DataFrame:
    """Return objects of each scan and what they add to the concentration of its sample: `SCAN_COLUMNS`.

    Of a fraction with several scans each adds its share; only their sum is the fraction's concentration. Where the scans of a fraction disagree, or one
    of them is missing, none has a share.
    """
    counts = objects["scan_id"].value_counts()
    rows = []
    for scan in scans:
        effort, number = Effort.of(scan), int(counts.get(scan.scan_id, 0))
        apart = disagreements([one for one in scans if one.sample_id == scan.sample_id])
        said = apart.get(Portion.of_scan(scan).fraction, [])
        share = None if said else effort.per_m3
        rows.append(
            (
                scan.sample_id, scan.scan_id, scan.fraction, effort.sub_part, number, None if share is None else number * share,
                " ".join(text for text in (effort.missing(scan.scan_id), *said) if text),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(SCAN_COLUMNS)).sort_values(
        ["sample_id", "scan_id"], ignore_index=True
    )


def by_sample(objects: pd.DataFrame, scans: Sequence[StoredScan], states: Mapping[str, Any]) -> pd.DataFrame:
    """Return concentration and biovolume of the objects of each sample: `COLUMNS`.

    Parameters
    ----------
    objects
        The objects that count (`zooscan.counted.counted`).
    scans
        The scans of the run.
    states
        What became of all scans of the project (`zooscan.reader.STATES_FILE`): a sample of which a scan is missing has no sum.
    """
    volumes = biovolumes_mm3(objects, {scan.scan_id: scan.pixel_mm for scan in scans})
    per_scan = objects["scan_id"].value_counts()
    sums = volumes.groupby(objects["scan_id"]).sum()
    rows = []
    for sample_id in sorted({scan.sample_id for scan in scans}):
        mine = [scan for scan in scans if scan.sample_id == sample_id]
        withheld = _withheld(sample_id, mine, states)
        total = [0.0] * (1 + len(VOLUMES))
        for scan in mine if not withheld else ():
            share = Effort.of(scan).per_m3 or math.nan
            total[0] += share * int(per_scan.get(scan.scan_id, 0))
            for place, name in enumerate(VOLUMES, start=1):
                total[place] += share * float(sums[name].get(scan.scan_id, 0.0))
        number = sum(int(per_scan.get(scan.scan_id, 0)) for scan in mine)
        known = [None] * len(total) if withheld else total
        rows.append((sample_id, number, *known, Effort.of(mine[0]).tot_vol_m3, len(mine), withheld))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _withheld(sample_id: str, scans: Sequence[StoredScan], states: Mapping[str, Any]) -> str:
    """Return why a sample has no concentration; empty where it has one."""
    reasons = [Effort.of(scan).missing(scan.scan_id) for scan in scans]
    volumes = {Effort.of(scan).tot_vol_m3 for scan in scans}
    if not any(reasons) and len(volumes) > 1:
        said = " and ".join(
            f"{volume:g}" for volume in sorted(volume for volume in volumes if volume is not None)
        )
        reasons.append(f"Its scans say different volumes ({said} m3).")
    reasons += [reason for _, said in sorted(disagreements(scans).items()) for reason in said]
    here = {scan.scan_id for scan in scans}
    for scan_id, state in states.get("scans", {}).items():
        if state["sample_id"] == sample_id and scan_id not in here:
            said = " ".join(state["reasons"]) or "it was left out"
            reasons.append(f"Its scan {scan_id} is not counted here: {said}")
    for scan_id in states.get("expected", {}).get(sample_id, ()):
        if scan_id not in here and scan_id not in states.get("scans", {}):
            reasons.append(f"Its scan {scan_id} is in the scan header table and not among the raw scans.")
    return " ".join(dict.fromkeys(reason for reason in reasons if reason))
