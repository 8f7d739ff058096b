"""A watch that is killed with SIGKILL again and again, while pictures arrive: each is counted once, and no line is torn."""

import csv
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from tests.support.squares import LABELS, Square, make_detector_case, picture

PICTURES = 60
KILLS = 6


def test_each_picture_once_whatever_kills_it(tmp_path: Path) -> None:
    use_case = make_detector_case(tmp_path / "use-cases")
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (use_case.folder / "delay").write_text("0.01")
    filling = threading.Thread(target=_fill, args=(folder,))
    filling.start()
    chance = random.Random(5)
    for _ in range(KILLS):
        _killed_after(chance.randrange(0, 9), chance.random() * 0.05, _command(tmp_path, folder, out))
    filling.join()
    done = subprocess.run(
        [*_command(tmp_path, folder, out), "--once"],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{PICTURES} pictures counted, 1 could not be used" in done.stdout
    found: Counter[tuple[str, str]] = Counter()
    total = 0
    for path in out.glob("counts-*.csv"):
        assert path.read_bytes().endswith(b"\n")
        with path.open(newline="") as stream:
            for row in csv.DictReader(stream):
                assert None not in row
                assert None not in row.values()
                found[row["picture"], row["taxon"]] += 1
                total += int(row["count"])
    assert set(found.values()) == {1}
    assert len(found) == PICTURES * len(LABELS)
    assert total == sum(n % 4 for n in range(PICTURES))
    with (out / "failed_files.csv").open(newline="") as stream:
        assert [row["image"] for row in csv.DictReader(stream)] == ["broken.jpg"]


def _fill(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    for n in range(PICTURES):
        squares = [Square("red", 30 * place, 10) for place in range(n % 4)]
        target = folder / f"cam{n % 3}" / f"2026-05-0{1 + n % 2}T12-{n:02d}-00Z.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(squares, grey=40 + n)).save(target.with_suffix(".tmp"), "PNG")
        target.with_suffix(".tmp").replace(target)
        time.sleep(0.02)


def _killed_after(lines: int, seconds: float, command: list[str]) -> None:
    process = subprocess.Popen(
        command, env=_environment(Path(command[-1]).parent), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        for _ in range(lines + 1):  # the first names the model
            if not process.stdout.readline():
                break
        time.sleep(seconds)
    finally:
        process.kill()
        process.communicate()


def _command(base: Path, folder: Path, out: Path) -> list[str]:
    start = [
        sys.executable,
        "-m",
        "tidelab.cli",
        "watch",
        "squares-case",
        str(folder),
        "--settle",
        "0.05",
        "--poll",
        "0.05",
    ]
    return [*start, "--model", "demo", "--out", str(base / out.name)]


def _environment(base: Path) -> dict[str, str]:
    return {**os.environ, "TIDELAB_USECASES": str(base / "use-cases"), "PYTHONUNBUFFERED": "1"}
