"""Commands for what comes one after another: video, watch, live."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidelab.cli._output import say, warn

if TYPE_CHECKING:
    from tidelab.streams.live.health import Health
    from tidelab.streams.video_options import VideoProgress

NameArgument = Annotated[str, typer.Argument(metavar="USE_CASE", help="Name of the use case.")]
ModelOption = Annotated[str, typer.Option(help="'champion', 'demo', or the folder of your own model.")]
ThresholdOption = Annotated[
    float | None, typer.Option(help="One least score for all classes. Default: as in a run.")
]
ThreadsOption = Annotated[int | None, typer.Option(help="Threads of the model.", min=1)]
ZoneOption = Annotated[str, typer.Option(help="Zone of times that say none: UTC, +02:00 or Europe/Madrid.")]
_SAY_S = 2.0
_HEALTH_S = 10.0


def video(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The video.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables and the annotated video.")],
    every: Annotated[
        float, typer.Option(help="Seconds of video between analysed frames; 0: every frame.", min=0)
    ] = 0.0,
    interval: Annotated[float, typer.Option(help="Seconds of an interval of MaxN and mean count.")] = 60.0,
    annotated: Annotated[bool, typer.Option("--annotated", help="Write the video with its boxes.")] = False,
    between: Annotated[
        str, typer.Option(help="Boxes on frames that are not analysed: 'last' (dimmed) or 'none'.")
    ] = "last",
    start: Annotated[
        str, typer.Option(help="When the video begins, ISO 8601. Default: its file name, else its container.")
    ] = "",
    time_zone: ZoneOption = "",
    threshold: ThresholdOption = None,
    model: ModelOption = "champion",
    threads: ThreadsOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files in --out that no such analysis has written.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Count objects in a video.

    Tables of frames, objects and intervals; on request the video with its boxes. Ctrl-C finishes the part that was analysed, says that it is a part, and ends with exit code 130.
    """
    from tidelab.catalogue import load_catalogue
    from tidelab.streams.model import StreamModel
    from tidelab.streams.stopping import stop_on_signals
    from tidelab.streams.video import analyse_video
    from tidelab.streams.video_options import BETWEEN, VideoOptions

    if between not in BETWEEN:
        raise typer.BadParameter(f"{between!r} is neither 'last' nor 'none'", param_hint="--between")
    options = VideoOptions(every or None, interval, annotated, between, start, time_zone, force)  # type: ignore[arg-type]
    loaded = StreamModel.load(load_catalogue()[name], model, threshold=threshold, threads=threads)
    say(loaded.resolved.words)
    with stop_on_signals() as stop:
        result = analyse_video(loaded, file, out, options, stop=stop, progress=_Told(quiet))
    for note in result.notes:
        warn(note)
    say(f"{result.words} Results: {result.folder}")
    if stop.is_set():
        raise typer.Exit(130)
    if not result.complete:
        raise typer.Exit(1)


def watch(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that the cameras fill.")],
    out: Annotated[Path, typer.Option(help="Folder for the daily tables, the status and the journal.")],
    once: Annotated[bool, typer.Option("--once", help="Count what is there and end.")] = False,
    settle: Annotated[
        float, typer.Option(help="Seconds for which a file has to stay as it is before it is read.")
    ] = 2.0,
    poll: Annotated[float, typer.Option(help="Seconds between two looks at the folder.")] = 1.0,
    platform: Annotated[
        str, typer.Option(help="Station, for the column 'platform'. Default: as file names say.")
    ] = "",
    time_zone: ZoneOption = "",
    threshold: ThresholdOption = None,
    model: ModelOption = "champion",
    threads: ThreadsOption = None,
    keep: Annotated[
        bool,
        typer.Option("--keep-predictions", help="Keep predictions for later reports; the cache then grows."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line a picture.")] = False,
) -> None:
    """Count objects in a folder that cameras fill.

    Each picture is counted once. Ctrl-C ends it; started again it goes on where it was, whatever ended it; what came in between is counted then.
    """
    from tidelab.catalogue import load_catalogue
    from tidelab.streams.model import StreamModel
    from tidelab.streams.stopping import stop_on_signals
    from tidelab.streams.watch.watching import WatchOptions
    from tidelab.streams.watch.watching import watch as begin

    options = WatchOptions(settle, poll, once, platform, time_zone, keep)
    loaded = StreamModel.load(load_catalogue()[name], model, threshold=threshold, threads=threads)
    say(loaded.resolved.words)
    with stop_on_signals() as stop:
        totals = begin(loaded, folder, out, options, stop=stop, say=(lambda _: None) if quiet else say)
    counted, broken = totals.get("counted", 0), totals.get("broken", 0)
    say(f"{counted} pictures counted, {broken} could not be used, since the journal began. Results: {out}")


def live(
    name: NameArgument,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="loop:FILE, rtsp(s)://... of a camera, or MPEG-TS: udp://@:PORT, http(s)://...",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the stream, the counts and the status.")],
    interval: Annotated[float, typer.Option(help="Seconds of an interval of the counts.")] = 60.0,
    camera: Annotated[
        str, typer.Option(help="For the column 'camera'. Default: the source, without its login.")
    ] = "",
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.", min=0)] = None,
    threshold: ThresholdOption = None,
    model: ModelOption = "champion",
    threads: ThreadsOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Count objects in a live source.

    Always in its newest frame. Ctrl-C ends it. In --out lie live.m3u8 (the picture with its boxes), index.html (a page that plays it), counts of each interval and status.json. A
    login belongs into the variable TIDELAB_STREAM_LOGIN (name:password), not into the address; the certificate of a camera that made its own into a file that
    TIDELAB_STREAM_CA names.
    """
    from tidelab.catalogue import load_catalogue
    from tidelab.streams.live.address import Address
    from tidelab.streams.live.running import LiveOptions, run_live
    from tidelab.streams.model import StreamModel
    from tidelab.streams.stopping import stop_on_signals

    address = Address.parse(source)
    loaded = StreamModel.load(load_catalogue()[name], model, threshold=threshold, threads=threads)
    say(loaded.resolved.words)
    with stop_on_signals() as stop:
        options = LiveOptions(interval, camera, seconds)
        health = run_live(loaded, address, out, options, stop=stop, tell=_Health(quiet))
    say(f"{health.words} Results: {out}")


class _Health:
    """A line whenever the state changes, and every ten seconds."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._state, self._next = quiet, "", 0.0

    def __call__(self, health: "Health") -> None:
        state = f"{health.state} {health.problem}"
        if self._quiet or (state == self._state and time.monotonic() < self._next):
            return
        self._state, self._next = state, time.monotonic() + _HEALTH_S
        typer.echo(health.words, file=sys.stderr)


class _Told:
    """A line every two seconds: frames, speed, time left."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._next = quiet, time.monotonic() + _SAY_S

    def __call__(self, progress: "VideoProgress") -> None:
        if self._quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SAY_S
        of = f" of about {progress.expected}" if progress.expected else ""
        left = "" if progress.left_s is None else f", about {_minutes(progress.left_s)} left"
        speed = progress.frames / progress.elapsed_s
        typer.echo(f"{progress.frames}{of} frames, {speed:.1f} frames/s{left}", file=sys.stderr)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
