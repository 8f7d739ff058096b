"""The files of the use case: objects that count, their concentration, size spectrum, and the zip for EcoTaxa. Made again after each review."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from tidelab.formats.ecotaxa import validate
from tidelab.formats.ecotaxa.write import write_table
from tidelab.runs import RunError, RunFolder
from tidelab.runs.hooks import FinishedRun, ProductFile
from tidelab.runs.names import spreadsheet_safe
from zooscan import abundance, ecotaxa_table, spectrum
from zooscan.counted import Part, Scans, counted, parts, scans_of
from zooscan.decisions import DecisionLog, adopt_earlier, path_of
from zooscan.pictures import png
from zooscan.reader import STATES_FILE
from zooscan.separators import about_separator, said_by
from zooscan.settings import ProcessSettings

ECOTAXA: Final = "ecotaxa_zooscan"
"""Table and zip; the same in every run, for equal inputs give equal files."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def make(run: FinishedRun) -> Sequence[ProductFile]:
    """Make all files of a run; see `tidelab.runs.hooks`."""
    # Once: a decision that a person took back here must not come back from an earlier run.
    adopted = (
        0
        if path_of(run.run).exists()
        else adopt_earlier(run.run, set(run.results["image_id"]), said_by(run.run))
    )
    if adopted:
        run.log.write(
            f"{adopted} decisions about separations were taken over from earlier runs of the same objects."
        )
    objects, scans, states = counted(run.run), scans_of(run.run), states_of(run.run)
    made = [
        _table(run, "objects.csv", "Objects that count, with all measurements (pixels)", objects),
        _table(
            run,
            "abundance.csv",
            "Objects and biovolume per m3 of each sample (all particles; taxa come from EcoTaxa)",
            abundance.by_sample(objects, scans, states),
        ),
        _table(
            run,
            "abundance_by_scan.csv",
            "What each scan adds to the objects per m3 of its sample",
            abundance.by_scan(objects, scans),
        ),
        _table(
            run,
            "size_spectrum.csv",
            "Normalised biovolume size spectrum (NBSS) of all objects, detritus included",
            spectrum.spectrum(objects, scans, states),
        ),
        _table(run, "scans.csv", "Scans and what is said of their quality", scan_table(scans, states)),
    ]
    made.append(
        _table(run, "separations.csv", "Who decided what about which multiple", decision_table(run.run))
    )
    about = json.dumps(about_separator(run.run), indent=2, sort_keys=True) + "\n"
    made.append(
        ProductFile(run.write("separator.json", about), "What proposed the lines of cuts", "application/json")
    )
    return [*made, ecotaxa_zip(run)]


def decision_table(run: RunFolder) -> pd.DataFrame:
    """Return the decisions in force, one row an object as it was found: object, what, who, when, and the run it was said in."""
    names = dict(zip(run.results()["image_id"], run.results()["image"], strict=True))
    rows = [
        (
            names[image_id].rpartition("/")[2].removesuffix(".png"), image_id, one.action, len(one.lines), one.person, one.time.isoformat(),
            one.adopted_from or run.run_id,
        )
        for image_id, one in sorted(DecisionLog(run).in_force().items())
        if image_id in names
    ]  # fmt: skip
    columns = ["object_id", "image_id", "decision", "lines", "decided_by", "decided_at", "said_in_run"]
    return pd.DataFrame(rows, columns=columns).sort_values("object_id", ignore_index=True)


def states_of(run: RunFolder) -> dict[str, Any]:
    """Return what became of each scan of the project; raises `RunError` when that file of the run is gone."""
    path = run.path / "work" / STATES_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(f"{path} is missing or damaged. Run the analysis again.") from None
    return found if isinstance(found, dict) else {}


def scan_table(scans: Sequence[Any], states: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row for each scan of the project: what became of it, objects, density, and the quality words."""
    known = {scan.scan_id: scan for scan in scans}
    rows = []
    for scan_id, state in sorted(states.get("scans", {}).items()):
        scan = known.get(scan_id)
        words = [word for word in scan.quality if not word["good"]] if scan else []
        rows.append(
            (
                scan_id, state["sample_id"], state["status"], len(scan.objects) if scan else None,
                _ratio(scan.facts["bw_ratio"]) if scan else None,
                " ".join([*state["reasons"], *(str(word["words"]) for word in words)]) or "in order",
            )
        )  # fmt: skip
    return pd.DataFrame(
        rows, columns=["scan_id", "sample_id", "status", "objects_found", "bw_ratio", "words"]
    )


def _ratio(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def ecotaxa_zip(run: FinishedRun) -> ProductFile:
    """Write table and vignettes as a zip that EcoTaxa imports, and check it by EcoTaxa's rules.

    Raises
    ------
    RunError
        When EcoTaxa would refuse it; the first faults are named.
    """
    path = run.write(f"{ECOTAXA}.zip")
    lines: list[dict[str, Any]] = []
    total = len(run.results)
    with Scans(run.run) as scans, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for done, (part, picture) in enumerate(_with_pictures(run, scans), start=1):
            scan = scans.stores[str(part.row["scan_id"])].scan
            name = f"{scan.scan_id}/{part.object_id}.png"
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), picture)
            lines.append(ecotaxa_table.row(part, scan, name))
            if done % 50 == 0:
                run.stop_if_cancelled()
                run.progress("Drawing vignettes for EcoTaxa", min(done, total), total)
        table = write_table(ecotaxa_table.columns(lines), lines)
        archive.writestr(zipfile.ZipInfo(f"{ECOTAXA}.tsv", _EPOCH), table, zipfile.ZIP_DEFLATED)
    faults = [fault for fault in validate(path) if fault.severity == "error"]
    if faults:
        raise RunError(f"The zip breaks EcoTaxa's rules: {' '.join(str(fault) for fault in faults[:3])}")
    return ProductFile(
        path, "EcoTaxa (zip): table and vignettes, to import into a project", "application/zip"
    )


def _with_pictures(run: FinishedRun, scans: Scans) -> Iterator[tuple[Part, bytes]]:
    for part in parts(run.run, scans):
        store = scans.stores[str(part.row["scan_id"])]
        settings = ProcessSettings(**store.scan.settings)
        if part.crop is not None and part.mask is not None:
            yield part, png(part.crop, part.mask, settings)
        else:
            crop, mask = store.pixels(int(part.object_id.rpartition("_")[2]))
            yield part, png(crop, mask, settings)


def _table(run: FinishedRun, name: str, title: str, table: pd.DataFrame) -> ProductFile:
    text = table.select_dtypes(include=["object", "string"]).columns
    safe = table.assign(
        **{
            column: table[column].map(lambda cell: spreadsheet_safe(cell) if isinstance(cell, str) else cell)
            for column in text
        }
    )
    content = safe.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return ProductFile(run.write(name, content), title, "text/csv")
