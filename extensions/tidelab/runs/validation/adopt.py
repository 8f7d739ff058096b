"""Words on images that the person analysed before hold in a new run of the same images, and say where they come from.

A report analyses anew. Without this it would know nothing of what a person said in the app. What was said is looked up by the content of
each image in the earlier runs of the same use case in the same folder of runs, and copied into the new run's own log: the person and the
time stay, ``adopted_from`` names the run. So a run is complete in itself, and nothing is left behind when a run is deleted.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tidelab.domain.determination import Audit, ValidationEvent
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder, list_runs
from tidelab.runs.log import RunLog
from tidelab.runs.validation.acts import Validation, new_act
from tidelab.runs.validation.log import FILE_NAME, EventLog

MOST_RUNS: Final = 100
"""Validated runs that are looked at, the newest first."""


@dataclass(frozen=True)
class _Found:
    """The last that was said of an image: when, what (None: it was taken back), and in which run."""

    time: datetime.datetime
    word: ValidationEvent | None
    run_id: str


def adopt_earlier(folder: RunFolder, log: RunLog) -> None:
    """Take over what is in force in earlier runs of the same images.

    It never fails a run: what stands in the way is written to its log.

    Parameters
    ----------
    folder
        A run whose results are written.
    log
        Its log.
    """
    try:
        words = _adopt(folder, log)
    except (RunError, OSError) as error:
        words = f"What was said of these images in earlier runs could not be taken over: {error}"
    if words:
        log.write(words)


def _adopt(folder: RunFolder, log: RunLog) -> str:
    validation = Validation(folder)
    if validation.events():
        return ""
    earlier = list(islice(_validated_runs(folder), MOST_RUNS))
    if not earlier:
        return ""
    audits = _audits(earlier, validation.predicted, log)
    found = {
        image_id: one
        for image_id, one in _last_said(earlier, validation.predicted, log).items()
        if one.word is not None
    }
    known = set(validation.labels)
    kept = {
        i: one for i, one in found.items() if one.word and (not one.word.label or one.word.label in known)
    }
    events = _copies(kept, validation.predicted, {audit.audit_id for audit in audits})
    validation.adopt(events, audits)
    if not found:
        return ""
    words = f"{len(kept)} images were validated in earlier runs of the same images; this was taken over."
    if strange := len(found) - len(kept):
        words += f" {strange} carry a name there that is no class of this run; they were left out."
    return words


def _validated_runs(folder: RunFolder) -> Iterator[RunFolder]:
    runs = list_runs(folder.path.parent.name, folder.runs_root)
    return (run for run in runs if run != folder and (run.path / FILE_NAME).is_file())


def _last_said(runs: list[RunFolder], predicted: Mapping[str, str], log: RunLog) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for run in runs:
        try:
            replay = EventLog(run.path).read()
        except RunError as error:
            log.write(f"What was said in run {run.run_id} could not be taken over: {error}")
            continue
        for image_id, time in replay.changed.items():
            # Of equals the newer run's, which is a copy and says whence.
            if image_id in predicted and (image_id not in found or time > found[image_id].time):
                found[image_id] = _Found(time, replay.word(image_id), run.run_id)
    return found


def _copies(
    kept: Mapping[str, _Found], predicted: Mapping[str, str], audits: set[str]
) -> list[ValidationEvent]:
    groups: dict[tuple[str, str], list[str]] = {}
    originals: dict[tuple[str, str], ValidationEvent] = {}
    for image_id in predicted:
        one = kept.get(image_id)
        if one is not None and one.word is not None:
            key = (one.run_id, one.word.event_id)
            groups.setdefault(key, []).append(image_id)
            originals[key] = one.word
    act, _ = new_act()
    ordered = sorted(groups, key=lambda key: (originals[key].time, key))
    return [
        originals[key].model_copy(
            update={
                "event_id": f"{act}.{number}",
                "image_ids": tuple(groups[key]),
                "audit": originals[key].audit if originals[key].audit in audits else "",
                "adopted_from": originals[key].adopted_from or key[0],
            }
        )
        for number, key in enumerate(ordered, 1)
    ]


def _audits(runs: list[RunFolder], predicted: Mapping[str, str], log: RunLog) -> list[Audit]:
    """Return the audits drawn from exactly these images with these predicted classes: only for them do the chances hold."""
    found: dict[str, Audit] = {}
    for run in runs:
        try:
            earlier = Validation(run)
            audits = earlier.audits()
            if audits and earlier.predicted == predicted:
                for audit in audits:
                    source = {"adopted_from": audit.adopted_from or run.run_id}
                    found.setdefault(audit.audit_id, audit.model_copy(update=source))
        except RunError as error:
            log.write(f"The audits of run {run.run_id} could not be taken over: {error}")
    return sorted(found.values(), key=lambda audit: (audit.time, audit.audit_id))
