"""A ZooProcess project folder: which scans there are, which are new, and what each one needs.

The folder is read, never written to. Two layouts are known: the one ZooProcess makes (``Zooscan_scan/_raw``, ``Zooscan_scan/_work``,
``Zooscan_back``, ``Zooscan_config``, ``Zooscan_meta``) and the flat one of its test data (``raw``, ``work``, ``background``, ``config``).
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from zooscan.blanks import BlankPair, find_blanks, pair_for
from zooscan.header import ScanHeader
from zooscan.legacy_text import (
    Fault,
    HeaderTable,
    TextError,
    data_table,
    first,
    header_table,
    key_values,
    read_text,
)
from zooscan.tiff import TiffError, size_of

Status = Literal["new", "done", "incomplete"]

FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "raw": ("Zooscan_scan/_raw", "raw"),
    "work": ("Zooscan_scan/_work", "work"),
    "blanks": ("Zooscan_back", "background"),
    "config": ("Zooscan_config", "config"),
    "meta": ("Zooscan_meta",),
}
"""What a part of a project is called, ZooProcess' own name first."""

SAMPLE_TABLE: Final = "zooscan_sample_header_table.csv"
SCAN_TABLE: Final = "zooscan_scan_header_table.csv"
LUT_FILE: Final = "lut.txt"
CONFIG_FILE: Final = "process_install_both_config.txt"
MAX_FILES: Final = 200_000

_RAW = re.compile(r"(?P<stem>.+)_raw_(?P<number>\d+)\.tiff?", re.IGNORECASE)


class ProjectError(Exception):
    """A folder that is no ZooProcess project; the text is for a person."""


@dataclass(frozen=True)
class Scan:
    """One raw scan of a project.

    Parameters
    ----------
    scan_id
        ``<stem>_<number>`` of ``<stem>_raw_<number>.tif``.
    raw
        The 16-bit scan.
    size
        Width and height as stored, pixels; None where the file cannot be read.
    header
        What is known of it and its sample.
    blanks
        The two blanks to remove; None where there are none that fit.
    status
        ``new``; ``done``: ZooProcess has processed it; ``incomplete``: it cannot be processed, see `reasons`.
    reasons
        Why it is incomplete or done, a sentence each.
    notes
        What is missing but stops nothing.
    """

    scan_id: str
    raw: Path
    size: tuple[int, int] | None
    header: ScanHeader
    log: Mapping[str, Mapping[str, str]]
    blanks: BlankPair | None
    status: Status
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Project:
    """A ZooProcess project.

    Parameters
    ----------
    root
        Its folder.
    scans
        By name.
    lut, config
        ``lut.txt`` and ``process_install_both_config.txt``; None where missing.
    expected
        Sample -> names of the scans that the scan header table lists for it: what a sum over a sample must hold.
    faults
        What is wrong in its files.
    """

    root: Path
    scans: list[Scan] = field(default_factory=list)
    blanks: list[BlankPair] = field(default_factory=list)
    lut: Path | None = None
    config: Path | None = None
    expected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def by_status(self, status: Status) -> list[Scan]:
        """Return the scans of one status."""
        return [scan for scan in self.scans if scan.status == status]


def is_project(folder: Path) -> bool:
    """Return whether a folder has a place for raw scans and one for configuration or header tables."""
    return bool(_place(folder, "raw")) and any(_place(folder, part) for part in ("config", "meta"))


def read_project(root: Path) -> Project:
    """Read a project.

    Raises
    ------
    ProjectError
        When the folder is none.
    """
    if not is_project(root):
        names = " or ".join(FOLDERS["raw"])
        raise ProjectError(
            f"{root.name} is no ZooProcess project: expected the folders {names} (raw scans) and Zooscan_config or Zooscan_meta."
        )
    project = Project(root)
    config = _place(root, "config")
    project.lut, project.config = _file(config, LUT_FILE), _file(config, CONFIG_FILE)
    for path, name in ((project.lut, LUT_FILE), (project.config, CONFIG_FILE)):
        if path is None:
            words = "it is missing, so its scans cannot be processed; copy it from the instrument's project"
            project.faults.append(Fault(f"{FOLDERS['config'][0]}/{name}", 0, "", words))
    samples, scans = _tables(project)
    for scan_id, (_, row) in scans.rows.items():
        if sample := row.get("sampleid"):
            project.expected[sample] = (*project.expected.get(sample, ()), scan_id)
    project.blanks, faults = find_blanks(_place(root, "blanks"), root)
    project.faults += faults
    done = _finished(_place(root, "work"))
    for raw, stem, number in _raw_scans(project):
        project.scans.append(_scan(project, raw, f"{stem}_{number}", samples, scans, done))
    return project


def _tables(project: Project) -> tuple[HeaderTable, HeaderTable]:
    meta = _place(project.root, "meta")
    found = []
    for name, key in ((SAMPLE_TABLE, "sampleid"), (SCAN_TABLE, "scanid")):
        path = _file(meta, name)
        if path is None:
            found.append(HeaderTable(f"Zooscan_meta/{name}"))
            continue
        table, faults = header_table(path, _shown(project, path), key)
        project.faults += faults
        found.append(table)
    return found[0], found[1]


def _raw_scans(project: Project) -> Iterator[tuple[Path, str, str]]:
    folder = _place(project.root, "raw")
    taken: set[str] = set()
    for path in sorted(_files(folder)):
        match = _RAW.fullmatch(path.name)
        if match is None:
            continue
        scan_id = f"{match['stem']}_{match['number']}"
        if scan_id.lower() in taken:
            project.faults.append(
                Fault(
                    _shown(project, path),
                    0,
                    "",
                    "a scan of this name was found already; this one is not used",
                )
            )
            continue
        taken.add(scan_id.lower())
        yield path, match["stem"], match["number"]


def _scan(
    project: Project,
    raw: Path,
    scan_id: str,
    samples: HeaderTable,
    scans: HeaderTable,
    done: Mapping[str, str],
) -> Scan:
    reasons: list[str] = []
    notes: list[str] = []
    size = None
    try:
        size = size_of(raw)
    except TiffError as error:
        reasons.append(f"The raw scan cannot be used: {error}.")
    header = _header(project, raw, scan_id, samples, scans, notes)
    log = _log(project, raw, scan_id, reasons)
    taken_at = first(log.get("image", {}), "scanning_date")
    area = first(log.get("image", {}), "scanning_area").lower()
    pair, why = pair_for(project.blanks, taken_at, area, size) if log else (None, "")
    if why:
        reasons.append(why)
    if project.lut is None or project.config is None:
        reasons.append(f"{LUT_FILE if project.lut is None else CONFIG_FILE} of the project is missing.")
    by = done.get(scan_id.lower())
    if by:
        status: Status = "done"
        reasons = [f"ZooProcess has processed it: {by}."]
    else:
        status = "incomplete" if reasons else "new"
    return Scan(scan_id, raw, size, header, log, pair, status, tuple(reasons), tuple(notes))


def _header(
    project: Project, raw: Path, scan_id: str, samples: HeaderTable, scans: HeaderTable, notes: list[str]
) -> ScanHeader:
    """Return the header of a scan: its own ``_meta.txt``, else its rows in the tables, else its name alone."""
    meta = raw.with_name(f"{scan_id}_meta.txt")
    if meta.exists():
        try:
            values = key_values(read_text(meta))[""]
            if values.get("sampleid"):
                return ScanHeader(scan_id, values["sampleid"], values, _shown(project, meta))
            project.faults.append(
                Fault(
                    _shown(project, meta), 0, "SampleId", "it is missing; the header tables are asked instead"
                )
            )
        except TextError as error:
            project.faults.append(
                Fault(_shown(project, meta), 0, "", f"{error}; the header tables are asked instead")
            )
    line, row = scans.rows.get(scan_id, (0, {}))
    sample_id = row.get("sampleid", "")
    if sample_id:
        _, sample = samples.rows.get(sample_id, (0, {}))
        if not sample:
            notes.append(
                f"{scan_id}: its sample {sample_id} is not in {samples.file}, so volume and position are not known."
            )
        return ScanHeader(scan_id, sample_id, {**sample, **row}, scans.file, line)
    notes.append(
        f"{scan_id}: there is no {meta.name} and no row in {scans.file}: sample, volume and fraction are not known."
    )
    return ScanHeader(scan_id, scan_id, {}, _shown(project, raw))


def _log(project: Project, raw: Path, scan_id: str, reasons: list[str]) -> dict[str, dict[str, str]]:
    path = raw.with_name(f"{scan_id}_log.txt")
    try:
        return key_values(read_text(path))
    except TextError as error:
        reasons.append(
            f"{path.name}: {error}. Without the log nobody knows when it was scanned, so no blanks can be chosen."
        )
        return {}


def _finished(folder: Path | None) -> dict[str, str]:
    """Return scan name, lower case -> the file that shows that ZooProcess measured its objects, and how many."""
    found = {}
    for path in sorted(_files(folder)):
        name = path.name.lower()
        if not name.endswith("_dat1.pid"):
            continue
        try:
            columns, rows = data_table(read_text(path))
        except TextError:
            continue
        if "Area" in columns and rows:
            found[name.removesuffix("_dat1.pid")] = f"{path.name} lists {rows} objects"
    return found


def _place(root: Path, part: str) -> Path | None:
    """Return the folder of a part; one that a link leads out of the project is none."""
    base = root.resolve()
    places = (root / name for name in FOLDERS[part])
    return next((place for place in places if place.is_dir() and place.resolve().is_relative_to(base)), None)


def _file(folder: Path | None, name: str) -> Path | None:
    """Return a file of a folder, whatever the case of its name."""
    return next((path for path in _files(folder, depth=0) if path.name.lower() == name), None)


def _files(folder: Path | None, depth: int = 2) -> Iterator[Path]:
    """Yield the plain files of a folder and the folders in it; links are not followed."""
    if folder is None:
        return
    count = 0
    waiting = [(folder, depth)]
    while waiting:
        where, deeper = waiting.pop()
        try:
            with os.scandir(where) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in listed:
            count += 1
            if count > MAX_FILES:
                return
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if deeper:
                    waiting.append((Path(entry.path), deeper - 1))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _shown(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix()
