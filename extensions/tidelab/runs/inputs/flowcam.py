"""FlowCam run folders among the files of an input: their particles become images, their summaries become facts about samples.

A run is a ``.lst`` file with its collages in the same folder (of a disk or a zip). Its particles are called ``<run>/<id>``; the run is the
sample. Collages, binary masks, calibration and raw camera images are the instrument's, none is the picture of one particle, so none is
analysed as one.
"""

import re
from collections import Counter
from collections.abc import Iterable
from posixpath import basename, dirname
from typing import Final

from tidelab.formats.flowcam import (
    FlowCamError,
    RunFiles,
    Summary,
    find_runs,
    looks_like_list,
    parse_list,
    parse_summary,
)
from tidelab.formats.flowcam.folder import (
    INSTRUMENT_PICTURE,
    MAX_LIST_BYTES,
    MAX_SUMMARY_BYTES,
    decode_text,
    scale_of,
    what_is_missing,
)
from tidelab.runs.failures import InputError, failed
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.particles import Collages, CollageSource, ParticleSource
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name, sort_key

_HEAD_BYTES: Final = 8192
_BINARY = re.compile(r"(.+_[0-9]+)_bin\.tiff?", re.IGNORECASE)


def take_flowcam_runs(found: Collection) -> None:
    """Replace the files of each FlowCam run in a collection by its particles.

    Parameters
    ----------
    found
        Changed in place: ``sources`` (sorted again), ``failures``, ``facts``, ``notes``.
    """
    folders: dict[str, dict[str, Source]] = {}
    for source in (*found.sources, *found.side_files):
        folders.setdefault(dirname(source.key), {})[basename(source.key)] = source
    runs = [(folder, run) for folder, files in folders.items() for run in _runs(files)]
    names = Counter(run.name for _, run in runs)
    taken: set[str] = set()
    particles: list[Source] = []
    for folder, run in runs:
        files = folders[folder]
        name = run.name if names[run.name] == 1 else _unique(folder, run.name)
        taken.update(files[one].key for one in run.pictures)
        particles += _particles(found, name, run, files)
    for folder, files in folders.items():
        if not any(place == folder for place, _ in runs):
            taken.update(_orphans(found, folder, files))
    if particles or taken:
        kept = [source for source in found.sources if source.key not in taken]
        found.sources = sorted([*kept, *particles], key=lambda source: sort_key(source.key))
        found.failures.sort(key=lambda row: sort_key(row.image))


def _unique(folder: str, name: str) -> str:
    """Return a name with its folders: two runs of one name in different folders are two samples."""
    parts = [part for part in folder.split("/") if part]
    return "-".join(parts if parts and parts[-1] == name else [*parts, name])


def _runs(files: dict[str, Source]) -> list[RunFiles]:
    """Return the runs of a folder; a ``.lst`` file of another program beside plain pictures is none."""
    return [run for run in find_runs(files) if run.pictures or _is_list(files[run.list_file])]


def _is_list(source: Source) -> bool:
    try:
        return looks_like_list(decode_text(source.content(_HEAD_BYTES)))
    except InputError:
        return False


def _particles(found: Collection, name: str, run: RunFiles, files: dict[str, Source]) -> list[Source]:
    listing = files[run.list_file]
    try:
        read = parse_list(_text(listing, MAX_LIST_BYTES))
    except (FlowCamError, InputError) as error:
        found.failures.append(failed(listing.name, "flowcam-list", detail=str(error).rstrip(".")))
        return []
    for fault in read.faults:
        found.failures.append(failed(listing.name, "flowcam-list", detail=_words(str(fault))))
    summary = _summary(found, run, files)
    scale, contradiction = scale_of(read, summary)
    for fault in contradiction:
        found.failures.append(failed(listing.name, "flowcam-summary", detail=_words(str(fault))))
    own = [listing, *([files[run.summary]] if run.summary else [])]
    found.side_files = [side for side in found.side_files if side not in own]
    found.facts.append(
        SampleFacts(
            display_name(name),
            _facts(summary, scale),
            tuple(own),
            (*_miscount(name, len(read.particles), summary), *_missing(name, run, summary)),
            # Without a single line the list is damaged or was emptied; a sample in which nothing was found is counted as 0.
            read.unread if read.particles or read.unread else summary.particle_count or 0,
        )
    )
    by_name = {one.casefold(): source for one, source in files.items()}
    memory = Collages()
    collages: dict[str, CollageSource] = {}
    for particle in read.particles:
        if particle.collage not in collages:
            source = by_name.get(particle.collage.casefold())
            key = source.key if source else f"{dirname(listing.key)}/{particle.collage}".lstrip("/")
            collages[particle.collage] = CollageSource(display_name(particle.collage), key, source, memory)
    return [
        ParticleSource(
            display_name(f"{name}/{one.particle_id}"), f"{name}/{one.particle_id}", collages[one.collage], one
        )
        for one in read.particles
    ]


def _summary(found: Collection, run: RunFiles, files: dict[str, Source]) -> Summary:
    if not run.summary:
        return Summary()
    source = files[run.summary]
    try:
        summary = parse_summary(_text(source, MAX_SUMMARY_BYTES))
    except (FlowCamError, InputError) as error:
        found.failures.append(failed(source.name, "flowcam-summary", detail=str(error).rstrip(".")))
        return Summary()
    for fault in summary.faults:
        found.failures.append(failed(source.name, "flowcam-summary", detail=_words(str(fault))))
    return summary


def _facts(summary: Summary, scale: float | None) -> dict[str, object]:
    values: dict[str, object] = {"instrument": f"FlowCam {summary.serial_number}".strip()}
    if summary.volume_imaged_ml is not None:
        values["volume_imaged_ml"] = summary.volume_imaged_ml
    if scale is not None:
        values["um_per_px"] = scale
    return values


def _missing(name: str, run: RunFiles, summary: Summary) -> Iterable[str]:
    yield from (_words(words) for words in what_is_missing(run, summary))
    if summary.start:
        yield (
            f"The instrument's clock says {_words(summary.start)} for the run {display_name(name)}, without a time zone, and that is "
            "when the sample was imaged: the time of sampling is not taken from it."
        )


def _miscount(name: str, listed: int, summary: Summary) -> Iterable[str]:
    if summary.particle_count is not None and summary.particle_count != listed:
        yield (
            f"{display_name(name)}: the summary counts {summary.particle_count} particles, the list gives {listed}. "
            "Particles that were deleted or filtered on the instrument's computer are not analysed."
        )


def _orphans(found: Collection, folder: str, files: dict[str, Source]) -> set[str]:
    """Return the collages of a folder without a list: a collage with its binary twin is nothing else."""
    twins = {name: match[1].casefold() for name in files if (match := _BINARY.fullmatch(name))}
    stems = set(twins.values())
    collages = {name for name in files if name.casefold().rpartition(".")[0] in stems}
    if not collages:
        return set()
    where = display_name(folder) if folder else found.label or "."
    found.failures.append(failed(where, "collage-without-list", count=len(collages)))
    calibration = {name for name in files if INSTRUMENT_PICTURE.fullmatch(name)}
    return {files[name].key for name in collages | set(twins) | calibration}


def _text(source: Source, limit: int) -> str:
    content = source.content(limit + 1)
    if len(content) > limit:
        raise FlowCamError(f"It is larger than {limit // 2**20} MB")
    return decode_text(content)


def _words(text: str) -> str:
    return display_name(text).rstrip(".")
