"""How `tidelab live` and `tidelab watch` hold out: memory, files, every frame and picture accounted for, killed on the way and begun again.

Run ``python bench/streams.py`` (ten minutes of a file that is repeated at 25 frames a second, then 2,000 pictures); ``--minutes`` and
``--pictures`` for less. The detector is that of the tests, which finds squares by their colour and costs next to nothing: what is measured is
everything around a model.
"""

import argparse
import csv
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.squares import LABELS, Square, make_clip, make_detector_case, picture

RATE: Final = 25
_PATIENCE_S: Final = 300.0
_SQUARES: Final = 4
_BEFORE_KILL: Final = 0.25
_FEWEST_SAMPLES: Final = 30


class NotSoError(RuntimeError):
    """What was measured is not what has to be."""


def memory_of(samples: list[tuple[float, float]]) -> dict[str, float] | None:
    """Return what resident memory did, MiB: medians of the second third and of the last, the highest, and the slope of a straight line through both thirds.

    The first third is left out: what a process loads once is no growth. None: too few samples (seconds, MiB) to say anything.
    """
    if len(samples) < _FEWEST_SAMPLES:
        return None
    times, sizes = np.array(samples).T
    third = len(times) // 3
    found = {
        "process_s": times[-1] - times[0],
        "middle": np.median(sizes[third : 2 * third]),
        "end": np.median(sizes[2 * third :]),
        "highest": sizes.max(),
        "mib_per_minute": np.polyfit(times[third:], sizes[third:], 1)[0] * 60,
    }
    return {name: round(float(value), 2) for name, value in found.items()}


class Watched:
    """A command in a process of its own whose memory is sampled every so many seconds until it ends."""

    def __init__(self, base: Path, arguments: list[str], every_s: float = 0.5) -> None:
        environment = {
            **os.environ,
            "TIDELAB_USECASES": str(base / "use-cases"),
            "TIDELAB_DATA": str(base / "data"),
        }
        command = [sys.executable, "-m", "tidelab.cli", *arguments, "--model", "demo", "--quiet"]
        self._said = (base / "said.txt").open("a")
        self.process = subprocess.Popen(command, env=environment, stdout=self._said, stderr=self._said)
        self.samples: list[tuple[float, float]] = []
        self._every_s = every_s

    def until(
        self, done: Callable[[], bool], also: Callable[[], None] = lambda: None, most_s: float = _PATIENCE_S
    ) -> None:
        """Wait until it is so, sampling; raises when the process ends before, or after `most_s`."""
        begun = time.monotonic()
        while not done():
            if self.process.poll() is not None:
                raise NotSoError(
                    f"the process ended with {self.process.returncode}: {Path(self._said.name).read_text()[-2000:]}"
                )
            if time.monotonic() - begun > most_s:
                raise NotSoError(f"it was not so after {most_s:g} s")
            self.samples.append((time.monotonic(), _resident_mib(self.process.pid)))
            also()
            time.sleep(self._every_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(60)
        self._said.close()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(120)
        self._said.close()
        if self.process.returncode:
            raise NotSoError(f"stopped, it ended with {self.process.returncode}")


def soak_live(base: Path, minutes: float, delay_s: float = 0.06) -> dict[str, Any]:
    """Read a file at 25 frames a second for so long with a model that is too slow for it; kill it after a quarter of the time.

    Raises
    ------
    NotSoError
        Where a frame is not accounted for, a row is torn or there twice, or more files lie there than the stream keeps.
    """
    case = make_detector_case(base / "use-cases")
    (case.folder / "delay").write_text(str(delay_s))
    make_clip(base / "clip.mp4", frames=10 * RATE, rate=RATE, size=(640, 480))
    out = base / "live"
    most = Counter[str]()

    def look() -> None:
        stream = [path for path in out.glob("*") if path.suffix in (".ts", ".m3u8", ".jpg")]
        most["segments"] = max(most["segments"], sum(path.suffix == ".ts" for path in stream))
        most["bytes"] = max(most["bytes"], sum(_size(path) for path in stream))

    command = ["live", case.slug, f"loop:{base / 'clip.mp4'}", "--out", str(out), "--interval", "5"]
    first = Watched(base, command)
    end = time.monotonic() + minutes * 60 * _BEFORE_KILL
    first.until(lambda: time.monotonic() >= end and _analysed(out) > 0, look, minutes * 60 + _PATIENCE_S)
    first.kill()
    before, bytes_before = _rows(out), most["bytes"]
    second = Watched(base, command)
    end = time.monotonic() + minutes * 60 * (1 - _BEFORE_KILL)
    second.until(lambda: time.monotonic() >= end and _rows(out) > before, look, minutes * 60 + _PATIENCE_S)
    second.stop()
    status = json.loads((out / "status.json").read_text())
    rows = [row for path in sorted(out.glob("counts-*.csv")) for row in csv.DictReader(path.open(newline=""))]
    twice = [
        key for key, n in Counter((row["interval_start"], row["taxon"]) for row in rows).items() if n > 1
    ]
    if twice or any(None in row.values() for row in rows):
        raise NotSoError(f"rows are torn, or there twice: {twice[:3]}")
    counted = sum(int(row["n_pictures"]) for row in rows[before:] if row["taxon"] == LABELS[0])
    if counted != status["analysed"]:
        raise NotSoError(f"{status['analysed']} frames were analysed and {counted} are in the table")
    # One frame may wait when it ends.
    if status["received"] - status["analysed"] - status["dropped"] - status["refused"] not in (0, 1):
        raise NotSoError(f"frames are not accounted for: {status['words']}")
    if most["segments"] > 9 + 1:  # one is being written under another name
        raise NotSoError(f"{most['segments']} segments lay there; expected at most 9 and the one at hand")
    return {
        "minutes": minutes, "received": status["received"], "analysed": status["analysed"], "dropped": status["dropped"],
        "received_per_s": round(status["received"] / (minutes * 60 * (1 - _BEFORE_KILL)), 2), "longest_lag_s": status["longest_lag_s"],
        "most_segments": most["segments"], "most_stream_mib": round(most["bytes"] / 2**20, 2), "stream_mib_before_the_kill": round(bytes_before / 2**20, 2),
        "memory_before_the_kill": memory_of(first.samples), "memory": memory_of(second.samples),
    }  # fmt: skip


def soak_watch(base: Path, pictures: int) -> dict[str, Any]:
    """Count pictures that arrive; kill it twice on the way.

    Raises
    ------
    NotSoError
        Where a picture is missing, counted twice or with other counts, or a row is torn.
    """
    case = make_detector_case(base / "use-cases")
    folder, out = base / "pictures", base / "watch"
    folder.mkdir()
    filling = threading.Thread(target=_fill, args=(folder, pictures), daemon=True)
    filling.start()
    begun = time.monotonic()
    command = ["watch", case.slug, str(folder), "--out", str(out), "--settle", "0.2", "--poll", "0.1"]
    for share in (0.1, 0.3, 1.0):
        running = Watched(base, command, 0.1)
        # Rows of all pictures that are settled; three a picture.
        running.until(lambda share=share: _rows(out) >= len(LABELS) * share * pictures)  # type: ignore[misc]
        if share < 1:
            running.kill()
    running.stop()
    filling.join()
    found = Counter[tuple[str, str]]()
    total = 0
    for path in out.glob("counts-*.csv"):
        for row in csv.DictReader(path.open(newline="")):
            if None in row or None in row.values():
                raise NotSoError(f"{path.name} has a torn row: {row}")
            found[row["picture"], row["taxon"]] += 1
            total += int(row["count"])
    if len(found) != pictures * len(LABELS) or set(found.values()) != {1}:
        raise NotSoError(f"{len(found)} of {pictures * len(LABELS)} rows, some {max(found.values())} times")
    if total != sum(n % _SQUARES for n in range(pictures)):
        raise NotSoError(f"{total} squares were counted")
    journal = _size(out / "watch.sqlite")
    return {
        "pictures": pictures, "seconds": round(time.monotonic() - begun, 1), "kills": 2, "journal_bytes_a_picture": round(journal / pictures),
        "other_files": sorted(path.name for path in out.iterdir() if path.suffix not in (".csv", ".sqlite")),
        "memory": memory_of(running.samples),
    }  # fmt: skip


def _fill(folder: Path, pictures: int) -> None:
    for n in range(pictures):
        squares = [Square("red", 30 * place, 10) for place in range(n % _SQUARES)]
        moment = datetime.datetime(2026, 5, 1, 6, tzinfo=datetime.UTC) + datetime.timedelta(minutes=n)
        target = folder / f"cam{n % 3}" / f"{moment:%Y-%m-%dT%H-%M-%SZ}.png"
        target.parent.mkdir(exist_ok=True)
        pixels = picture(squares, size=(320, 240), grey=70)
        pixels[-1, -4:, 0] = [n % 100, n // 100 % 100, n // 10_000, 7]  # no two pictures have the same bytes
        Image.fromarray(pixels).save(target.with_suffix(".tmp"), "PNG")
        target.with_suffix(".tmp").replace(target)
        time.sleep(0.005)


def _rows(out: Path) -> int:
    return sum(max(0, path.read_bytes().count(b"\n") - 1) for path in out.glob("counts-*.csv"))


def _analysed(out: Path) -> int:
    try:
        return int(json.loads((out / "status.json").read_text())["analysed"])
    except (OSError, ValueError):
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # a segment that was removed just now


def _resident_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0.0)


def main() -> None:
    """Run both and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report: dict[str, Any] = {"date": datetime.date.today().isoformat(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as place:
        report["live"] = soak_live(Path(place), given.minutes)
    with tempfile.TemporaryDirectory() as place:
        report["watch"] = soak_watch(Path(place), given.pictures)
    report["load_average"] = round(os.getloadavg()[0], 1)
    text = json.dumps(report, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
