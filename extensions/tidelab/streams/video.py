"""A video file through a detector: tables of frames, objects and intervals, and on request the video with its boxes.

Decoding, inference and encoding overlap: one thread each, with one group of frames between them.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections
from tidelab.runs.failures import InputError
from tidelab.runs.files import write_json
from tidelab.runs.limits import Limits
from tidelab.runs.manifest import code_version
from tidelab.runs.names import display_name
from tidelab.runs.progress import now
from tidelab.streams.clock import Start, iso, start_of
from tidelab.streams.drawing import draw
from tidelab.streams.errors import StreamError, writing_to
from tidelab.streams.groups import Group, groups
from tidelab.streams.intervals import Interval, Intervals
from tidelab.streams.model import StreamModel
from tidelab.streams.outputs import PART, SUMMARY, outputs
from tidelab.streams.overlap import Behind, ahead
from tidelab.streams.reading import Frame, Sound, VideoReader, upright
from tidelab.streams.sampling import Sampling
from tidelab.streams.tables import (
    DETECTION_COLUMNS,
    INTERVAL_COLUMNS,
    Table,
    Tables,
    detection_rows,
    frame_columns,
    frame_row,
)
from tidelab.streams.video_options import VideoOptions, VideoProgress, VideoResult
from tidelab.streams.writing import VideoWriter, file_suffix

_STEP: Final = 2**20


@dataclass
class _Tally:
    frames: int = 0
    analysed: int = 0
    refused: int = 0
    notes: list[str] = field(default_factory=list)


def analyse_video(
    model: StreamModel,
    path: Path,
    out: Path,
    options: VideoOptions,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[VideoProgress], None] = lambda _: None,
) -> VideoResult:
    """Analyse a video file.

    Parameters
    ----------
    model
        The detector.
    path
        The video.
    out
        Folder for ``frames.csv``, ``detections.csv``, ``counts.csv``, ``summary.json`` and, where asked for, ``annotated.mp4``; made when
        missing. Each file appears when it is finished; ``summary.json`` is the last.
    options
        See :class:`VideoOptions`.
    stop
        When set, what was analysed so far is finished and said to be a part.
    progress
        Told after each group of frames.

    Raises
    ------
    StreamError
        When the video cannot be read, or the folder cannot be written.
    """
    halt = stop or threading.Event()
    sampling = Sampling(options.every_s)
    Intervals(options.interval_s, 1)  # refuses a wrong length before anything is done
    limits = Limits.of(model.use_case)
    with (
        outputs(out, force=options.force),
        writing_to(out),
        VideoReader(path, limits, sound=options.annotated) as reader,
    ):
        begun = start_of(path, reader.facts.created, given=options.start, time_zone=options.time_zone)
        digest = _digest(path, halt)
        work = _Work(model, reader, begun, digest, options)
        with contextlib.ExitStack() as stack:
            suffix = file_suffix(reader)
            part = out / f"{PART}{suffix}"
            stack.callback(part.unlink, missing_ok=True)
            with Tables(out) as tables:
                work.open(tables)
                with contextlib.ExitStack() as writing:
                    if options.annotated:
                        comment = f"Boxes by Tidelab. {model.resolved.words}"
                        work.writer = writing.enter_context(VideoWriter(part, reader, suffix, comment))
                    work.run(sampling, halt, progress)
                (out / SUMMARY).unlink(missing_ok=True)
            if options.annotated:
                part.replace(out / f"annotated{suffix}")
        return work.finish(out, sampling, halt.is_set(), f"annotated{suffix}" if options.annotated else "")


class _Work:
    def __init__(
        self, model: StreamModel, reader: VideoReader, begun: Start, digest: str, options: VideoOptions
    ) -> None:
        self._model, self._reader, self._begun, self._digest, self._options = (
            model,
            reader,
            begun,
            digest,
            options,
        )
        self._classes = model.classes
        # Intervals begin at whole multiples of the clock where it is known, so that videos of one camera share them.
        origin = -(begun.moment.timestamp() % options.interval_s) if begun.moment else 0.0
        self._intervals = Intervals(options.interval_s, len(self._classes), origin)
        self._last: Detections | None = None
        self._tally = _Tally()
        self._started = time.monotonic()
        self.writer: VideoWriter | None = None

    def open(self, tables: Tables) -> None:
        """Begin the tables."""
        self._frames: Table = tables.open("frames.csv", frame_columns(self._classes))
        self._objects: Table = tables.open("detections.csv", DETECTION_COLUMNS)
        self._counts: Table = tables.open("counts.csv", INTERVAL_COLUMNS)

    def run(
        self, sampling: Sampling, halt: threading.Event, progress: Callable[[VideoProgress], None]
    ) -> None:
        """Take the whole video through."""
        source = groups(self._reader, sampling, halt, keep_all=self.writer is not None)
        with (
            contextlib.closing(ahead(source, 1, "video-decode")) as coming,
            Behind[tuple[Group, dict[int, Detections | InputError]]](self._write, 1, "video-encode") as going,
        ):
            for group in coming:
                seen = self._look(group)
                self._tell(group, seen)
                if self.writer:
                    going.put((group, seen))
                self._tally.frames += group.seen
                elapsed = time.monotonic() - self._started
                progress(
                    VideoProgress(
                        self._tally.frames, self._reader.facts.expected_frames, elapsed, group.last_s
                    )
                )
        self._counts.add(
            row for interval in self._intervals.finish() for row in self._interval_rows(interval)
        )
        if not self._tally.frames:
            why = self._reader.broken or "not one frame could be decoded"
            raise StreamError(
                f"{self._reader.facts.name}: {why}. Copy it again from the camera; if it plays elsewhere, save it as MP4 and try that."
            )

    def _look(self, group: Group) -> dict[int, Detections | InputError]:
        name = self._reader.facts.name
        images = [
            DecodedImage(f"{name}@{frame}", f"sha256:{self._digest}#{frame}", pixels)
            for frame, pixels in group.sampled.items()
        ]
        return dict(zip(group.sampled, self._model.seen(images), strict=True))

    def _tell(self, group: Group, seen: dict[int, Detections | InputError]) -> None:
        name = self._reader.facts.name
        for item in group.items:
            if isinstance(item, Sound) or item.index not in seen:
                continue
            found = seen[item.index]
            moment = iso(self._begun.at(item.time_s))
            if isinstance(found, InputError):
                self._tally.refused += 1
                self._frames.add([frame_row(item.index, item.time_s, moment, None, len(self._classes))])
                continue
            counts = self._classes.counts(found)
            self._tally.analysed += 1
            self._frames.add([frame_row(item.index, item.time_s, moment, counts, len(self._classes))])
            place = (item.index, f"{item.time_s:.6f}", moment)
            picture = (f"sha256:{self._digest}#{item.index}", f"{name}@{item.index}")
            self._objects.add(detection_rows(*picture, place, found, self._classes))
            for interval in self._intervals.add(item.index, item.time_s, counts):
                self._counts.add(self._interval_rows(interval))

    def _interval_rows(self, interval: Interval) -> Iterator[tuple[object, ...]]:
        moment = iso(self._begun.at(interval.start_s))
        for place, taxon in enumerate(self._classes.taxa):
            yield (
                *(
                    f"{interval.start_s:.3f}",
                    moment,
                    f"{interval.width_s:g}",
                    taxon,
                    self._classes.aphia[place],
                ),
                *(interval.frames, int(interval.frames_with[place]), f"{interval.mean_count[place]:.4f}"),
                *(int(interval.max_n[place]), int(interval.max_n_frame[place])),
            )

    def _write(self, work: tuple[Group, dict[int, Detections | InputError]]) -> None:
        group, seen = work
        assert self.writer is not None
        for item in group.items:
            if isinstance(item, Sound):
                self.writer.sound(item)
            else:
                self._write_frame(item, group, seen.get(item.index))

    def _write_frame(self, frame: Frame, group: Group, found: Detections | InputError | None) -> None:
        assert self.writer is not None
        if isinstance(found, Detections):
            self._last = found
            some = bool(self._classes.above(found).any())
            self.writer.frame(frame, draw(group.sampled[frame.index], found, self._classes) if some else None)
            return
        if isinstance(found, InputError):
            self._last = None
        shown = self._last if self._options.between == "last" else None
        if shown is None or not self._classes.above(shown).any():
            self.writer.frame(frame, None)
            return
        pixels = upright(frame.image, self._reader.facts.turn)
        self.writer.frame(frame, draw(pixels, shown, self._classes, dimmed=True))

    def finish(self, out: Path, sampling: Sampling, stopped: bool, annotated: str) -> VideoResult:
        """Write the summary; its being there says that all the others are complete files."""
        tally, facts = self._tally, self._reader.facts
        why = "stopped on request" if stopped else self._reader.broken
        notes = (
            *self._reader.notes,
            *(["Some frames could not be used by the model; they have no counts."] if tally.refused else []),
        )
        complete = not why
        sentence = f"{tally.frames} frames, {tally.analysed} analysed ({sampling.words})."
        if not complete:
            sentence = f"A part of the video: {why}. {sentence} All numbers are of this part."
        write_json(
            out / SUMMARY,
            {
                "schema_version": 1,
                "complete": complete,
                "words": sentence,
                "why_incomplete": why,
                "notes": list(notes),
                "use_case": self._model.use_case.slug,
                "model": self._model.described(),
                "video": {
                    "name": facts.name, "sha256": self._digest, "container": facts.container, "codec": facts.codec,
                    "width_px": facts.width_px, "height_px": facts.height_px, "quarter_turns": facts.turn,
                    "frame_rate": str(facts.frame_rate or ""), "frames_declared": facts.frames, "duration_s": facts.duration_s,
                },
                "time": {"start": iso(self._begun.moment), "source": self._begun.source},
                "sampling": {"every_s": sampling.every_s, "rule": sampling.words},
                "interval_s": self._options.interval_s,
                "frames": tally.frames,
                "frames_analysed": tally.analysed,
                "frames_refused": tally.refused,
                "annotated": {"file": annotated, "between": self._options.between} if annotated else None,
                "code": code_version(),
                "finished": now(),
            },
        )  # fmt: skip
        return VideoResult(out, complete, sentence, tally.frames, tally.analysed, tally.refused, tuple(notes))


def _digest(path: Path, halt: threading.Event) -> str:
    found = hashlib.sha256()
    try:
        with path.expanduser().open("rb") as stream:
            while (piece := stream.read(_STEP)) and not halt.is_set():
                found.update(piece)
    except OSError as error:
        raise StreamError(f"{display_name(path.name)} cannot be read ({error.strerror}).") from None
    return found.hexdigest()
