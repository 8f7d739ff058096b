"""Which files of a folder belong to a FlowCam run, and all of a run in one piece."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import splitext
from typing import Final

from tidelab.formats.flowcam.particles import Fault, FlowCamError, ParticleList, parse_list
from tidelab.formats.flowcam.summary import Summary, parse_summary

MAX_LIST_BYTES: Final = 64 * 2**20
MAX_SUMMARY_BYTES: Final = 2**20

_SUMMARY_ENDINGS: Final = ("_run_summary.txt", "_summary.csv", "_run_summary.csv", "_summary.txt")
INSTRUMENT_PICTURE: Final = re.compile(r"(cal_image|rawfile)_[0-9]+(_bin)?\.tiff?", re.IGNORECASE)
"""Names of calibration and raw camera images."""


@dataclass(frozen=True)
class RunFiles:
    """The files of one run, by their names in the folder.

    Parameters
    ----------
    name
        Name of the run: that of its list without the ending.
    list_file
        The ``.lst`` file.
    summary
        The run summary, or empty.
    pictures
        Pictures that the instrument keeps for itself: collages, their binary twins, calibration and raw camera images. None of
        them is the picture of one particle.
    """

    name: str
    list_file: str
    summary: str
    pictures: tuple[str, ...]


def find_runs(names: Iterable[str]) -> list[RunFiles]:
    """Return the runs among the files of one folder: one for each ``.lst`` file.

    Parameters
    ----------
    names
        Names of the files of one folder, without the folder.
    """
    files = sorted(names)
    lists = [name for name in files if splitext(name)[1].lower() == ".lst"]
    by_name = {name.casefold(): name for name in files}
    found = []
    for name in lists:
        stem = splitext(name)[0]
        own = [by_name[one] for ending in _SUMMARY_ENDINGS if (one := (stem + ending).casefold()) in by_name]
        if not own and len(lists) == 1:
            own = [one for one in files if one.casefold().endswith(_SUMMARY_ENDINGS)]
            own = own if len(own) == 1 else []
        collage = re.compile(re.escape(stem) + r"_[0-9]+(_bin)?\.tiff?", re.IGNORECASE)
        pictures = tuple(one for one in files if collage.fullmatch(one) or INSTRUMENT_PICTURE.fullmatch(one))
        found.append(RunFiles(stem, name, own[0] if own else "", pictures))
    return found


def decode_text(content: bytes) -> str:
    """Return a text of the instrument's computer: UTF-8 where it is that, else Windows-1252."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


@dataclass(frozen=True)
class RunFolderData:
    """One FlowCam run.

    Parameters
    ----------
    name, files
        Of the run.
    particles
        What its list says.
    summary
        What its summary says; empty where there is none.
    missing
        What the folder lacks, a sentence each.
    """

    name: str
    files: RunFiles
    particles: ParticleList
    summary: Summary
    missing: tuple[str, ...] = field(default_factory=tuple)


def read_run_folder(path: Path | str) -> RunFolderData:
    """Read a folder that holds one FlowCam run; no picture is opened.

    Parameters
    ----------
    path
        The folder as the instrument wrote it.

    Raises
    ------
    FlowCamError
        When it holds no list of particles or several, or the list cannot be read; the text names the file.
    """
    folder = Path(path)
    try:
        names = [one.name for one in folder.iterdir() if one.is_file()]
    except OSError as error:
        raise FlowCamError(
            f"{folder} cannot be read: {error.strerror}. Choose the folder of a FlowCam run"
        ) from None
    runs = find_runs(names)
    if len(runs) != 1:
        words = "no list of particles (.lst)" if not runs else f"{len(runs)} lists of particles (.lst)"
        raise FlowCamError(
            f"{folder} holds {words}; the folder of one FlowCam run holds one. Choose that folder"
        )
    files = runs[0]
    try:
        particles = parse_list(_text(folder / files.list_file, MAX_LIST_BYTES))
    except FlowCamError as error:
        raise FlowCamError(f"{folder / files.list_file}: {error}") from None
    summary = parse_summary(_text(folder / files.summary, MAX_SUMMARY_BYTES)) if files.summary else Summary()
    there = {name.casefold() for name in names}
    lost = sorted({one.collage for one in particles.particles if one.collage.casefold() not in there})
    missing = [f"The collage {name} is not in the folder." for name in lost]
    missing += what_is_missing(files, summary)
    return RunFolderData(files.name, files, particles, summary, tuple(missing))


def what_is_missing(files: RunFiles, summary: Summary) -> list[str]:
    """Return what a run does not tell of its effort, a sentence each."""
    if not files.summary:
        return [
            f"The run {files.name} has no summary (a file that ends in _run_summary.txt or _summary.csv): "
            "how much fluid was imaged is not known."
        ]
    if summary.volume_imaged_ml is None:
        return [f"{files.summary} does not say the fluid volume imaged."]
    return []


def scale_of(particles: ParticleList, summary: Summary) -> tuple[float | None, tuple[Fault, ...]]:
    """Return the side of a pixel, micrometres, from the list or the summary; None with the fault when they contradict each other."""
    listed, summed = particles.um_per_px, summary.um_per_px
    if listed is not None and summed is not None and abs(listed - summed) > 1e-3 * listed:
        words = (
            f"The list says {listed:g} µm per pixel and the summary {summed:g}: the pixel size stays unknown"
        )
        return None, (Fault(0, words),)
    return (listed if listed is not None else summed), ()


def _text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise FlowCamError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise FlowCamError(f"{path} is larger than {limit // 2**20} MB, which no run is")
    return decode_text(content)
