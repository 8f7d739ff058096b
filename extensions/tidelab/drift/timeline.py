"""Verdicts over time: one line for each run in ``<runs>/.timeline.jsonl``, never rewritten.

A line is written in one piece under a lock, so runs that end together do not mix; a machine that stops while writing leaves
at most one torn line, which readers skip and the next writer closes.
"""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tidelab.domain.verdict import Verdict, VerdictState

FILE_NAME: Final = ".timeline.jsonl"
Flag = Literal["demo", "sample", "test"]
SEVERAL: Final = "(several)"
"""Stands for the site, camera or instrument of a run whose samples come from more than one."""


class TimelineEntry(BaseModel):
    """One verdict, small enough to keep for ever."""

    # A newer Tidelab may add a field: an older one still reads what it knows.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    time: AwareDatetime = Field(description="When the run ended, UTC")
    use_case: str
    model: str = Field(description="Registered model, or the use case's slug for its demo model")
    version: str = Field(description="Version of that model; the reference belongs to it")
    model_digest: str = ""
    run: str = Field(description="Name of the run's folder")
    flags: tuple[Flag, ...] = Field(
        (), description="demo: a demonstration model; sample: generated images; test: a software test"
    )
    state: VerdictState
    headline: str
    n_images: int
    n_reference: int = 0
    unlike_share: float | None = None
    site: str = Field("", description="Station of all samples of the run; empty: not known")
    camera: str = ""
    instrument: str = ""
    score: float | None = Field(
        None,
        description="How unlike the known ones the images were, in standard deviations of the reference samples",
    )
    known_samples: int = Field(0, description="Reference samples behind the score")
    mmd: float | None = None
    p_value: float | None = None
    share_distance: float | None = None
    causes: tuple[str, ...] = Field(
        (), description="Names of the image statistics that differ, largest first"
    )


class Timeline:
    """The verdicts of one person's runs.

    Parameters
    ----------
    runs_root
        Folder of the person's runs.
    """

    def __init__(self, runs_root: Path) -> None:
        self.path = Path(runs_root) / FILE_NAME

    def append(
        self,
        verdict: Verdict,
        *,
        use_case: str,
        model: str,
        version: str,
        run: str,
        model_digest: str = "",
        flags: tuple[Flag, ...] = (),
        time: datetime | None = None,
        site: str = "",
        camera: str = "",
        instrument: str = "",
    ) -> TimelineEntry:
        """Add the verdict of one run; a run that is told twice (resumed) counts once, with its last verdict.

        Parameters
        ----------
        verdict
            What the run's folder holds.
        use_case, model, version, run, model_digest
            As in the run's manifest.
        flags
            Why this verdict is no observation of the sea: `demo`, `sample` or `test`.
        time
            With time zone; now when None.
        site, camera, instrument
            Of the samples of the run, `SEVERAL` where they differ, empty where not known: each has a chart of its own.

        Raises
        ------
        OSError
            When the folder cannot be written.
        """
        entry = TimelineEntry(
            time=(time or datetime.now(UTC)).astimezone(UTC),
            use_case=use_case,
            model=model,
            version=version,
            model_digest=model_digest,
            run=run,
            flags=flags,
            state=verdict.state,
            headline=verdict.headline,
            n_images=verdict.n_images,
            n_reference=verdict.n_reference,
            unlike_share=verdict.unlike_share,
            site=site,
            camera=camera,
            instrument=instrument,
            score=verdict.score,
            known_samples=verdict.known_samples,
            mmd=verdict.mmd,
            p_value=verdict.p_value,
            share_distance=verdict.share_distance,
            causes=tuple(test.name for test in verdict.statistic_tests if test.differs),
        )
        self._write(entry.model_dump_json().encode() + b"\n")
        return entry

    def read(
        self,
        use_case: str | None = None,
        model: str | None = None,
        version: str | None = None,
        *,
        model_digest: str | None = None,
        flagged: bool = False,
    ) -> pd.DataFrame:
        """Return the verdicts as a table, oldest first, one row for each run; ``.attrs["unreadable"]`` counts skipped lines.

        Parameters
        ----------
        use_case, model, version, model_digest
            Keep these only; None keeps all. The digest tells a person's own models apart, which have no version.
        flagged
            Include demonstration models, sample images and tests; they are left out otherwise.
        """
        entries, unreadable = self._entries()
        last = {(entry.use_case, entry.run): entry for entry in entries}
        wanted = [
            entry
            for entry in last.values()
            if (use_case is None or entry.use_case == use_case)
            and (model is None or entry.model == model)
            and (version is None or entry.version == version)
            and (model_digest is None or entry.model_digest == model_digest)
            and (flagged or not entry.flags)
        ]
        wanted.sort(key=lambda entry: (entry.time, entry.run))
        frame = pd.DataFrame(
            [entry.model_dump() for entry in wanted], columns=list(TimelineEntry.model_fields)
        )
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
        frame["state"] = pd.Categorical(frame["state"], categories=list(get_args(VerdictState)))
        frame.attrs["unreadable"] = unreadable
        return frame

    def _write(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # The folder is a person's: a link would lead to another's file, and a pipe would be waited for.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if stream.seek(0, os.SEEK_END) > 0:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    line = b"\n" + line
            stream.write(line)
            os.fsync(stream.fileno())

    def _entries(self) -> tuple[list[TimelineEntry], int]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return [], 0
        with os.fdopen(descriptor, "rb") as stream:
            lines = stream.read().split(b"\n")
        entries, unreadable = [], 0
        for line in lines:
            if not line.strip():
                continue
            try:
                entries.append(TimelineEntry.model_validate_json(line))
            except ValidationError:
                unreadable += 1
        return entries, unreadable
