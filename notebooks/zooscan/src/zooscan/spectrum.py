"""The normalised biovolume size spectrum (NBSS) of each sample.

Bins are octaves of ellipsoidal biovolume, ``[2^k, 2^(k+1))`` mm3 with whole k, the same for every sample so that spectra can be compared. In each
bin the biovolume concentration (mm3 m-3) is divided by the width of the bin (mm3), which gives m-3 (Platt and Denman 1977).

The spectrum holds **all objects** that count, detritus and fibres included. Objects are searched between two equivalent diameters (0.3 and 100 mm),
which cut the bins at both ends: a bin is `complete` when no object in it can have been left out for its size. An ellipsoid is never larger than the ball
of its outline's area, ``4/3 pi (Major/2) (Minor/2)^2 <= pi/6 ESD^3``, with equality for a disc; so everything from the ball of the smallest area
on was searched, and below it only long objects are found, whose area is large for their volume. At 0.3 mm that ball has 0.0141 mm3: the octave from
2^-7 = 0.0078 mm3 is partly covered, the one from 2^-6 = 0.0156 mm3 is the first complete one. At the upper end the same is said of round objects
only. What the net's mesh lets through is another loss, and not flagged.

References
----------
.. [1] Platt, T. and Denman, K. (1977). Organisation in the pelagic ecosystem. Helgolaender wiss. Meeresunters. 30, 575-581.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from tidelab.science.biovolume import equivalent_diameter_um, sphere_um3
from zooscan.abundance import UM3_PER_MM3, Effort, biovolumes_mm3, by_sample
from zooscan.settings import ProcessSettings
from zooscan.store import StoredScan

COLUMNS: Final = (
    "sample_id",
    "from_mm3",
    "to_mm3",
    "objects",
    "biovolume_mm3_per_m3",
    "nbss_per_m3",
    "complete",
)


def spectrum(objects: pd.DataFrame, scans: Sequence[StoredScan], states: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each sample and occupied bin: `COLUMNS`; samples whose concentration is withheld have none.

    Empty bins have no row: on a logarithmic axis they have no place, and between occupied ones they are gaps. Where `complete` is False, the limits
    of size cut the bin and its value is too low.
    """
    withheld = by_sample(objects, scans, states).set_index("sample_id")["withheld"]
    volume = biovolumes_mm3(objects, {scan.scan_id: scan.pixel_mm for scan in scans})[
        "biovolume_ellipsoid_mm3"
    ]
    share = {scan.scan_id: Effort.of(scan).per_m3 for scan in scans}
    rows = []
    for sample_id, mine in objects.groupby("sample_id", sort=True):
        if withheld.get(sample_id, "withheld") or not len(mine):
            continue
        values = volume.loc[mine.index].to_numpy(float)
        weight = np.array([share[scan_id] for scan_id in mine["scan_id"]], float)
        octave = octaves(values)
        low, high = searched_mm3([scan for scan in scans if scan.sample_id == sample_id])
        for k in sorted(set(octave.tolist())):
            inside = octave == k
            total = float((values[inside] * weight[inside]).sum())
            complete = low <= 2.0**k and 2.0 ** (k + 1) <= high
            rows.append(
                (sample_id, 2.0**k, 2.0 ** (k + 1), int(inside.sum()), total, total / 2.0**k, complete)
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def searched_mm3(scans: Sequence[StoredScan]) -> tuple[float, float]:
    """Return the volumes, mm3, between which the scans were searched completely: balls of the smallest and of the largest area of an object.

    Of scans with different limits the narrowest count.
    """
    balls = []
    for scan in scans:
        settings = ProcessSettings(**scan.settings)
        areas = np.array([settings.min_area_px, settings.max_area_px], float)
        balls.append(sphere_um3(equivalent_diameter_um(areas, scan.pixel_mm * 1000)) / UM3_PER_MM3)
    return float(max(low for low, _ in balls)), float(min(high for _, high in balls))


def octaves(volume_mm3: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return k with ``2^k <= volume < 2^(k+1)``, exactly at the edges.

    >>> octaves(np.array([1.0, 1.999, 2.0, 0.25])).tolist()
    [0, 0, 1, -2]
    """
    exponents: np.ndarray[Any, np.dtype[np.int64]] = np.frexp(volume_mm3)[1].astype(np.int64)
    return exponents - 1
