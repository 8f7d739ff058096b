"""The normalised biovolume size spectrum (NBSS) of each sample.

Bins are octaves of ellipsoidal biovolume, ``[2^k, 2^(k+1))`` mm3 with whole k, the same for every sample so that spectra can be compared. In each
bin the biovolume concentration (mm3 m-3) is divided by the width of the bin (mm3), which gives m-3 (Platt and Denman 1977).

References
----------
.. [1] Platt, T. and Denman, K. (1977). Organisation in the pelagic ecosystem. Helgolaender wiss. Meeresunters. 30, 575-581.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from zooscan.abundance import Effort, biovolumes_mm3, by_sample
from zooscan.store import StoredScan

COLUMNS: Final = ("sample_id", "from_mm3", "to_mm3", "objects", "biovolume_mm3_per_m3", "nbss_per_m3")


def spectrum(objects: pd.DataFrame, scans: Sequence[StoredScan], states: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each sample and occupied bin: `COLUMNS`; samples whose abundance is withheld have none.

    Empty bins have no row: on a logarithmic axis they have no place, and between occupied ones they are gaps.
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
        for k in sorted(set(octave.tolist())):
            inside = octave == k
            total = float((values[inside] * weight[inside]).sum())
            rows.append((sample_id, 2.0**k, 2.0 ** (k + 1), int(inside.sum()), total, total / 2.0**k))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def octaves(volume_mm3: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return k with ``2^k <= volume < 2^(k+1)``, exactly at the edges.

    >>> octaves(np.array([1.0, 1.999, 2.0, 0.25])).tolist()
    [0, 0, 1, -2]
    """
    exponents: np.ndarray[Any, np.dtype[np.int64]] = np.frexp(volume_mm3)[1].astype(np.int64)
    return exponents - 1
