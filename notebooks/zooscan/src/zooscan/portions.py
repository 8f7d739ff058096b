"""Which part of a fraction a scan shows, and whether the scans of one fraction belong together.

A fraction that does not fit on the glass is scanned in several parts: ``d2_1_sur_4`` is the first of four scans (*sur* is French for *of*) of the
fraction ``d2``. The sub-part (``Fracnb``, EcoTaxa's ``acq_sub_part``) is the factor for all scans of the fraction **together**: of a fraction
that was split into 8 parts, of which 2 were scanned, it is 8 / 2 = 4, and stands in the header of both. So objects of the fraction can only be scaled
up when all of its scans are there and say the same.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from zooscan.header import ScanHeader
from zooscan.store import StoredScan

_PART = re.compile(r"(?P<fraction>.*?)_?(?P<place>\d{1,4})_sur_(?P<of>\d{1,4})", re.IGNORECASE)
_TOLD = 5


@dataclass(frozen=True)
class Portion:
    """What a scan shows.

    Parameters
    ----------
    fraction
        Name of the fraction (``d2``).
    place, of
        The scan is this one of so many of the fraction; 1 of 1 where the name says nothing.
    named
        Whether the name says so.
    """

    fraction: str
    place: int = 1
    of: int = 1
    named: bool = False

    @classmethod
    def of_scan(cls, scan: StoredScan) -> "Portion":
        """Return the portion by the name of the fraction (``FracId``), or by the scan's own name where the header has none."""
        return cls.read(
            scan.fraction
            or scan.scan_id.removeprefix(f"{scan.sample_id}_").rpartition("_")[0]
            or scan.scan_id
        )

    @classmethod
    def read(cls, name: str) -> "Portion":
        """Return the portion that a name says.

        >>> Portion.read("d2_1_sur_4")
        Portion(fraction='d2', place=1, of=4, named=True)
        >>> Portion.read("tot")
        Portion(fraction='tot', place=1, of=1, named=False)
        """
        match = _PART.fullmatch(name)
        if match is None:
            return cls(name)
        return cls(match["fraction"], int(match["place"]), int(match["of"]), named=True)


def disagreements(scans: Sequence[StoredScan]) -> dict[str, list[str]]:
    """Return fraction -> why the scans of a sample that are there cannot be scaled up together, as sentences; fractions in order are left out.

    Parameters
    ----------
    scans
        Those of one sample.
    """
    fractions: dict[str, list[tuple[Portion, StoredScan]]] = {}
    for scan in scans:
        portion = Portion.of_scan(scan)
        fractions.setdefault(portion.fraction, []).append((portion, scan))
    found = {name: [*_of_parts(name, mine), *_of_factors(name, mine)] for name, mine in fractions.items()}
    return {name: reasons for name, reasons in found.items() if reasons}


def _of_parts(name: str, mine: Sequence[tuple[Portion, StoredScan]]) -> Iterator[str]:
    """Yield what is wrong with the parts: not all there, one twice, none of so many."""
    said = sorted({portion.of for portion, _ in mine})
    if len(said) > 1 or len({portion.named for portion, _ in mine}) > 1:
        names = ", ".join(sorted(scan.scan_id for _, scan in mine))
        yield f"The scans of its fraction {name} do not say the same number of parts ({names})."
        return
    if not mine[0][0].named:
        return
    (number,) = said
    by_place: dict[int, list[str]] = {}
    for portion, scan in mine:
        by_place.setdefault(portion.place, []).append(scan.scan_id)
    for place, ids in sorted(by_place.items()):
        if not 1 <= place <= number:
            yield f"{ids[0]} calls itself scan {place} of {number} of its fraction {name}."
        elif len(ids) > 1:
            yield f"Scan {place} of {number} of its fraction {name} is there {len(ids)} times ({', '.join(sorted(ids))})."
    missing = number - sum(1 <= place <= number for place in by_place)
    if missing > 0:
        places = (str(place) for place in range(1, number + 1) if place not in by_place)
        first = ", ".join(islice(places, _TOLD)) + (", ..." if missing > _TOLD else "")
        yield (
            f"Of its fraction {name} the scan {first} of {number} is not counted here: the sub-part (Fracnb) is the factor for all {number} "
            "together."
        )


def _of_factors(name: str, mine: Sequence[tuple[Portion, StoredScan]]) -> Iterator[str]:
    factors = {ScanHeader(scan.scan_id, scan.sample_id, scan.header, "").sub_part for _, scan in mine}
    known = sorted(factor for factor in factors if factor is not None)
    if len(known) > 1:
        said = " and ".join(f"{factor:g}" for factor in known)
        yield f"The scans of its fraction {name} say different sub-parts ({said})."
