"""The loop of a watch: look, count, tell, until somebody asks it to stop."""

import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidelab import paths
from tidelab.runs.cache import ResultCache
from tidelab.runs.errors import RunError
from tidelab.runs.failures import InputError
from tidelab.runs.files import write_json
from tidelab.runs.inputs.decode import configure_pillow
from tidelab.runs.inputs.taken import checked_time_zone
from tidelab.runs.limits import Limits
from tidelab.runs.names import display_name
from tidelab.runs.policy import cache_file
from tidelab.runs.processes import FileLock
from tidelab.streams.clock import iso
from tidelab.streams.errors import StreamError, writing_to
from tidelab.streams.model import StreamModel
from tidelab.streams.watch.arrivals import Arrivals
from tidelab.streams.watch.journal import Journal, Seen
from tidelab.streams.watch.later import Later
from tidelab.streams.watch.looking import Looked, Looking
from tidelab.streams.watch.rows import failed_block, picture_blocks, summary

STATUS: Final = "status.json"
_HEARTBEAT_S: Final = 10.0
_PASSING: Final = ("permission", "unreadable", "out-of-memory")
"""Failures that may be over later: a right is set, a network drive answers again. Neither changes the time of a file."""
_TRIED_AGAIN_S: Final = (5.0, 600.0, 1800.0)
"""First and longest wait before another try, and after how long the file is told in ``failed_files.csv``."""
_LOOKED_AGAIN_S: Final = 3600.0
"""Files that were told so are tried again this often, and at the start of each watch."""
_TRIES_ONCE: Final = 3


@dataclass(frozen=True)
class WatchOptions:
    """What is asked of a watch.

    Parameters
    ----------
    settle_s
        Seconds for which a file has to stay as it is before it is read.
    poll_s
        Seconds between two looks at the folder.
    once
        End when nothing waits any more.
    platform
        Station, for the column ``platform``; empty: as file names say.
    time_zone
        Of times in names and EXIF blocks that have none.
    keep_predictions
        Keep predictions in the cache of runs, which then grows.
    """

    settle_s: float = 2.0
    poll_s: float = 1.0
    once: bool = False
    platform: str = ""
    time_zone: str = ""
    keep_predictions: bool = False


def watch(
    model: StreamModel,
    folder: Path,
    out: Path,
    options: WatchOptions,
    *,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Count the pictures of a folder, those that are there and those that come.

    Parameters
    ----------
    model
        The detector; loaded once, and used until the end.
    folder
        The watched folder; cameras may have folders of their own in it.
    out
        Folder for ``counts-<day>.csv``, ``detections-<day>.csv``, ``failed_files.csv``, ``status.json`` and the journal ``watch.sqlite``.
    options
        See :class:`WatchOptions`.
    stop
        Ends the watch after the picture at hand.
    say
        Told a line a picture.

    Returns
    -------
    dict
        Pictures ``counted``, ``broken``, ``copies`` and ``late`` since the journal began.

    Raises
    ------
    StreamError
        When a folder cannot be used, another watch writes there, or the disk is full. Nothing is lost then: start it again.
    """
    halt = stop or threading.Event()
    _check(folder, out, options)
    root = folder.resolve()
    configure_pillow(Limits.of(model.use_case))
    use_case = model.use_case
    kept_in = cache_file(paths.runs(), use_case.slug, use_case.data_policy.kind)
    with _held(out), writing_to(out), Journal(out) as journal, ResultCache(kept_in, say) as cache:
        looking = Looking(root, model, cache, keep=options.keep_predictions, time_zone=options.time_zone)
        arrivals = Arrivals(root, options.settle_s, skip=out.resolve())
        watcher = _Watcher(model, looking, journal, arrivals, out, options, say)
        journal.flush()
        journal.look_again()
        try:
            watcher.loop(halt)
        finally:
            with contextlib.suppress(OSError):
                watcher.status("stopped")
        return dict(journal.totals())


class _Watcher:
    def __init__(
        self,
        model: StreamModel,
        looking: Looking,
        journal: Journal,
        arrivals: Arrivals,
        out: Path,
        options: WatchOptions,
        say: Callable[[str], None],
    ) -> None:
        self._model, self._looking, self._journal, self._arrivals = model, looking, journal, arrivals
        self._root = arrivals.root
        self._out, self._options, self._say = out, options, say
        self._since, self._last = _now(), ""
        self._beat = float("-inf")
        self._gone = ""
        once = Later(options.poll_s, options.poll_s, float("inf"), _TRIES_ONCE)
        self._later = once if options.once else Later(*_TRIED_AGAIN_S)
        self._looked_again = time.monotonic()

    def loop(self, halt: threading.Event) -> None:
        """Go on until `halt` is set or, once, until a look at every folder finds nothing new."""
        whole = True
        while not halt.is_set():
            worked = self._round(halt)
            if self._options.once and not self._arrivals.waiting and not self._later and not self._gone:
                if whole and not worked:
                    return
                self._arrivals.look_everywhere()
                whole = True
                continue
            whole = False
            if worked or time.monotonic() - self._beat >= _HEARTBEAT_S:
                self.status("watching")
            halt.wait(self._options.poll_s)

    def _round(self, halt: threading.Event) -> bool:
        worked = False
        self._call_again(time.monotonic())
        try:
            for part in self._arrivals.listed():
                unknown = self._later.ready(self._journal.unknown(part), time.monotonic())
                for file in self._arrivals.complete(unknown):
                    if halt.is_set():
                        return worked
                    self._take(file)
                    worked = True
                    if time.monotonic() - self._beat >= _HEARTBEAT_S:
                        self.status("watching")
            self._arrivals.forget_vanished()
        except OSError as error:
            # A network drive that went away comes back; what was counted stays counted.
            if not self._gone:
                self._say(f"The watched folder cannot be listed now ({error.strerror}); it is tried again.")
            self._gone = error.strerror or type(error).__name__
            if self._options.once:
                raise StreamError(f"The watched folder cannot be listed ({self._gone}).") from None
            return worked
        if self._gone:
            self._gone = ""
            self._say("The watched folder is there again.")
        return worked

    def _call_again(self, now: float) -> None:
        """See to it that files whose time has come are listed: nothing in their folder has changed."""
        if now - self._looked_again >= _LOOKED_AGAIN_S:
            self._looked_again = now
            self._journal.look_again()
            self._arrivals.look_everywhere()
        for name in self._later.due(now):
            self._arrivals.look_everywhere()
            with contextlib.suppress(OSError):
                if not (self._root / name).exists():
                    self._later.done(name)

    def _take(self, file: Seen) -> None:
        received = _now()
        try:
            payload = self._looking.read(file)
            try:
                earlier = self._journal.has(payload.digest)
                if earlier:
                    self._copy(file, earlier)
                    return
                seen = self._looking.look(file, payload)
            finally:
                payload.close()
        except InputError as error:
            self._broken(file, error, received)
            return
        self._counted(file, seen, payload.digest, received)

    def _counted(self, file: Seen, seen: Looked, digest: str, received: str) -> None:
        late = bool(seen.taken.time) and seen.taken.time < self._journal.newest(seen.taken.camera)
        blocks = picture_blocks(self._model, seen, self._options.platform, received)
        totals = ("counted", "late") if late else ("counted",)
        self._journal.count(file, digest, seen.taken.time, seen.taken.camera, blocks, totals)
        self._settled(file, f"{seen.picture}: {summary(self._model, seen)}{' (late)' if late else ''}")

    def _copy(self, file: Seen, earlier: str) -> None:
        same = file.name == earlier
        self._journal.put_aside(file, [], [] if same else ["copies"])
        what = "unchanged" if same else f"the same bytes as {display_name(earlier)}; not counted again"
        self._settled(file, f"{display_name(file.name)}: {what}")

    def _broken(self, file: Seen, error: InputError, received: str) -> None:
        if error.kind == "vanished":
            self._arrivals.done(file.name)
            self._later.done(file.name)
            return
        if error.kind == "changed":
            return  # still being written; it waits again, for its size or time is another
        row, passing = error.row(display_name(file.name)), error.kind in _PASSING
        if passing and self._journal.is_unread(file):
            self._journal.put_aside(file, [], [], unread=True)
            self._settled(file)
            return
        known = file.name in self._later
        if passing and self._later.failed(file, time.monotonic()):
            self._arrivals.done(file.name)
            if not known:
                self._say(f"{received} {row.image}: {row.reason} It is tried again.")
            return
        self._journal.put_aside(file, [failed_block(row, received)], ["broken"], unread=passing)
        self._settled(file, f"{row.image}: {row.reason} {row.next_step}")

    def _settled(self, file: Seen, line: str = "") -> None:
        self._journal.flush()
        self._arrivals.done(file.name)
        self._later.done(file.name)
        self._last = line or self._last
        for sentence in self._journal.told:
            self._say(sentence)
        self._journal.told.clear()
        if line:
            self._say(f"{_now()} {line}")

    def status(self, state: str) -> None:
        """Write the status file."""
        self._beat = time.monotonic()
        totals = dict.fromkeys(("counted", "late", "broken", "copies"), 0) | dict(self._journal.totals())
        problem = f" {len(self._later)} cannot be read now and are tried again." if self._later else ""
        problem += f" The folder cannot be listed now ({self._gone})." if self._gone else ""
        text = (
            f"{totals['counted']} pictures counted ({totals['late']} of them late), {totals['broken']} could not be used, "
            f"{totals['copies']} copies passed over, {self._arrivals.waiting} waiting.{problem}"
        )
        content: dict[str, Any] = {
            "state": state, "words": text, "since": self._since, "updated": _now(), "last": self._last, "totals": totals,
            "waiting": self._arrivals.waiting, "tried_again": len(self._later), "folder_problem": self._gone, "model": self._model.described(),
        }  # fmt: skip
        write_json(self._out / STATUS, content, durable=False)


def _check(folder: Path, out: Path, options: WatchOptions) -> None:
    if not folder.is_dir():
        raise StreamError(
            f"{folder} is no folder. Name the folder into which the cameras put their pictures."
        )
    if out.resolve() == folder.resolve():
        raise StreamError(
            "The results cannot go into the watched folder itself. Choose another folder with --out."
        )
    for name, value in (("settle", options.settle_s), ("poll", options.poll_s)):
        if not 0 < value <= 3600:
            raise StreamError(f"--{name} {value:g}: expected more than 0 and at most 3600 seconds.")
    try:
        checked_time_zone(options.time_zone)
    except RunError as error:
        raise StreamError(str(error)) from None


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".tidelab-watch.lock")
        free = lock.acquire()
    except OSError as error:
        raise StreamError(
            f"The folder {out} cannot be written ({error.strerror}). Choose another with --out."
        ) from None
    if not free:
        raise StreamError(
            f"Another watch is writing to {out}. Stop it first, or choose another folder with --out."
        )
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return iso(datetime.datetime.now(datetime.UTC), "seconds")
