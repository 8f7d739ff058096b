"""The objects that count: those of the results, with multiples cut apart as proposed or as people decided, and measured again.

Everything after the classifier (views, abundance, EcoTaxa) reads this table and no other, so that all follow the same decisions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from tidelab.runs import RunError, RunFolder
from zooscan.decisions import Decision, DecisionLog
from zooscan.features import FEATURES, measured
from zooscan.objects import Grey, Mask
from zooscan.proposals import proposal
from zooscan.separation import Separation, apply, cut_of
from zooscan.settings import ProcessSettings
from zooscan.store import Store, StoredScan, StoreError, object_id

SCANS_FOLDER: Final = "work/scans"
"""Below the run: one file of objects a scan, linked from the person's cache."""

MULTI, SINGLE = "multi", "single"

How = Literal["", "proposed", "kept", "drawn", "refused", "open", "nothing to cut", "too large"]
"""Why an object is as it is: not a multiple; lines as proposed and not looked at; kept or drawn by a person; a person refused to cut;
proposed and not looked at where only looked-at lines count; a multiple in which no line was found; a multiple too large for lines to be proposed, which a person has to look at."""

COLUMNS: Final = (
    "object_id", "image_id", "scan_id", "sample_id", "fraction", "label", "multi_score", "separation", "decided_by", "part", "parts",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One object that counts.

    Parameters
    ----------
    object_id
        ``<scan>_<number>``, with ``_<part>`` behind it when it was cut off another.
    row
        Facts for `COLUMNS`.
    x_px, y_px
        Upper left corner of its box in the processed picture.
    crop, mask
        Its pixels; None where the object was not cut (they are those of the store).
    features
        `zooscan.features.measure` of it.
    """

    object_id: str
    row: Mapping[str, Any]
    x_px: int
    y_px: int
    features: Mapping[str, float | None]
    crop: Grey | None = None
    mask: Mask | None = None


@dataclass
class Scans:
    """The scans of a run: their stores, by name.

    Raises
    ------
    RunError
        When a file of the run is missing or damaged.
    """

    run: RunFolder
    stores: dict[str, Store] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = self.run.path / SCANS_FOLDER
        for path in sorted(folder.glob("*.zip")) if folder.is_dir() else ():
            try:
                store = Store(path)
            except StoreError as error:
                raise RunError(f"The objects of a scan are gone: {error}. Run the analysis again.") from None
            self.stores[store.scan.scan_id] = store

    def __enter__(self) -> "Scans":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for store in self.stores.values():
            store.close()

    def scans(self) -> list[StoredScan]:
        """Return what is known of each scan."""
        return [store.scan for store in self.stores.values()]


def parts(run: RunFolder, scans: Scans) -> Iterator[Part]:
    """Yield the objects that count, in the order of the results.

    Parameters
    ----------
    run
        A finished run.
    scans
        Its scans.

    Raises
    ------
    RunError
        When files of the run are gone, or its separator cannot be used.
    """
    decisions = DecisionLog(run).in_force()
    for row, store, number in rows(run, scans):
        yield from _parts_of(row, store, number, decisions.get(row["image_id"]), run)


def rows(run: RunFolder, scans: Scans) -> Iterator[tuple[dict[str, Any], Store, int]]:
    """Yield each object of the results with its facts, its scan and its number there."""
    labels = list(run.manifest()["model"]["labels"])
    multi = run.probabilities()[:, labels.index(MULTI)] if MULTI in labels else [0.0] * len(run.results())
    for known, score in zip(run.determinations().to_dict("records"), multi, strict=True):
        scan_id, _, name = str(known["image"]).partition("/")
        number = name.removesuffix(".png").rpartition("_")[2]
        store = scans.stores.get(scan_id)
        if store is None or not number.isdecimal() or not 0 < int(number) <= len(store.scan.objects):
            raise RunError(f"The objects of scan {scan_id} are gone from the run. Run the analysis again.")
        facts = {
            "image_id": str(known["image_id"]), "scan_id": store.scan.scan_id, "sample_id": store.scan.sample_id,
            "fraction": store.scan.fraction, "label": str(known["label"]), "status": str(known["status"]), "multi_score": float(score),
        }  # fmt: skip
        yield facts, store, int(number)


def is_candidate(row: Mapping[str, Any], least_score: float) -> bool:
    """Return whether an object is looked at as a multiple: a person said so, or the model with at least this score and nobody else."""
    return row["label"] == MULTI if row["status"] == "validated" else bool(row["multi_score"] >= least_score)


def separated(
    row: Mapping[str, Any],
    store: Store,
    number: int,
    decision: Decision | None,
    run: RunFolder,
) -> tuple[How, Separation | None]:
    """Return how an object is cut, and why; None: it stays as it is."""
    action = decision.action if decision else ""
    if not action and not is_candidate(row, float(run.request.parameters["multiple_score"])):
        return "", None
    if action == "refuse":
        return "refused", None
    if not action and run.request.parameters["separate"] == "reviewed":
        return "open", None
    if action == "draw" and decision is not None:
        _, mask = store.pixels(number)
        least = ProcessSettings(**store.scan.settings).min_area_px
        return "drawn", apply(mask, cut_of(decision.lines, mask.shape), least)
    lines = proposal(run, store, number)
    if not action and len(lines.parts) < 2:
        return "too large" if lines.too_large else "nothing to cut", None
    return "kept" if action else "proposed", lines


def _parts_of(
    row: dict[str, Any],
    store: Store,
    number: int,
    decision: Decision | None,
    run: RunFolder,
) -> Iterator[Part]:
    try:
        how, cut = separated(row, store, number, decision, run)
        one = store.scan.objects[number - 1]
        name = object_id(store.scan.scan_id, number)
        facts = {**row, "separation": how, "decided_by": decision.person if decision else ""}
        if cut is None or (len(cut.parts) == 1 and not cut.cut.any()):
            yield Part(
                name, {**facts, "object_id": name, "part": 1, "parts": 1}, one.x_px, one.y_px, one.features
            )
            return
        crop, _ = store.pixels(number)
        for place, part in enumerate(cut.parts, start=1):
            x_px, y_px = one.x_px + part.x, one.y_px + part.y
            values = measured(crop[part.box], part.mask, x_px, y_px, store.scan.pixel_mm)
            own = f"{name}_{place}"
            told = {**facts, "object_id": own, "part": place, "parts": len(cut.parts)}
            # A copy, so that a small part does not keep the whole object in memory.
            yield Part(own, told, x_px, y_px, values, crop[part.box].copy(), part.mask)
    except StoreError as error:
        raise RunError(
            f"The pixels of {object_id(store.scan.scan_id, number)} are gone: {error}. Run the analysis again."
        ) from None


def counted(run: RunFolder) -> pd.DataFrame:
    """Return the objects that count: `COLUMNS`, then the feature table; one row an object."""
    with Scans(run) as scans:
        found = [{**part.row, **part.features} for part in parts(run, scans)]
    frame = pd.DataFrame(found, columns=[*COLUMNS, *(feature.name for feature in FEATURES)])
    return frame


def scans_of(run: RunFolder) -> list[StoredScan]:
    """Return what is known of the scans of a run."""
    with Scans(run) as scans:
        return scans.scans()


def store_path(folder: Path, scan_id: str) -> Path:
    """Return where a run keeps the objects of a scan."""
    return folder / SCANS_FOLDER / f"{scan_id}.zip"
