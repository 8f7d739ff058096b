"""Thousands of generated images through a run, twice, and once more with the process killed in the middle.

    .tidelab/envs/analyse/bin/python bench/runs.py --images 5000

Prints one JSON object: images per second and peak memory of the first run; seconds, model calls and decoded images of a
second run of the same (it must do neither); and, for a run that was killed after about half of the images and run again,
whether any finished image was repeated and whether the tables are the same bytes. With ``--report`` the first two go through
``tidelab report``, notebook and HTML included.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tidelab.catalogue import load_catalogue
from tidelab.runs import RunFolder, get_executor, list_runs, prepare
from tidelab.runs.manifest import code_version

TABLES = ("results.csv", "counts.csv", "failed_files.csv", "statistics.csv", "embeddings.npy")


def analyse(images: Path, runs_root: Path, slug: str) -> tuple[RunFolder, float]:
    """Run in a process of its own and return folder and seconds, start of the process included."""
    start = time.perf_counter()
    folder = prepare(slug, images=images, person="bench", runs_root=runs_root)
    state = get_executor("process").submit(folder).wait()
    if state.status != "done":
        raise SystemExit(f"{state.status}: {state.message}\n{folder.log()}")
    return folder, time.perf_counter() - start


def report(images: Path, runs_root: Path, slug: str) -> tuple[RunFolder, float]:
    """Run ``tidelab report`` and return the folder of its run and seconds, from command to exit."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "tidelab.cli", "report", slug, "--images", str(images)]
    out = Path(tempfile.mkdtemp(prefix="report-", dir=runs_root.parent))
    environment = {**os.environ, "TIDELAB_RUNS": str(runs_root), "JUPYTERHUB_USER": "bench"}
    subprocess.run([*command, "--out", str(out)], check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    return list_runs(slug, runs_root)[0], seconds


def killed(images: Path, runs_root: Path, slug: str, half: int) -> tuple[RunFolder, int, int]:
    """Kill a run in the middle and run it again; return its folder and the predicted images of both attempts."""
    folder = prepare(slug, images=images, person="bench", runs_root=runs_root)
    get_executor("process").submit(folder)
    while (state := folder.state()).predicted < half and not state.is_over:
        time.sleep(0.05)
    if state.is_over or state.pid is None:
        raise SystemExit(f"The run was over before it could be killed: {state.status} {state.message}")
    os.kill(state.pid, signal.SIGKILL)
    while not folder.state().is_over:
        time.sleep(0.05)
    before = folder.state().predicted
    state = get_executor("process").submit(folder).wait()
    if state.status != "done":
        raise SystemExit(f"{state.status}: {state.message}")
    return folder, before, state.predicted


def measure(images: Path, n: int, slug: str, through_report: bool, work: Path) -> dict[str, Any]:
    """Return the figures."""
    go = report if through_report else analyse
    first, first_seconds = go(images, work / "runs", slug)
    second, second_seconds = go(images, work / "runs", slug)
    again, before, after = killed(images, work / "killed", slug, n // 2)
    usage, counts = json.loads((first.path / "usage.json").read_text()), second.manifest()["counts"]
    return {
        "images": n,
        "through": "tidelab report" if through_report else "a run",
        "first": {
            "seconds": round(first_seconds, 2),
            "images_per_second": round(n / first_seconds, 1),
            "run_seconds": usage["seconds"],
            "run_peak_mb": usage["peak_mb"],
        },
        "second": {
            "seconds": round(second_seconds, 2),
            "limit_seconds": round(5 + n * 0.0005, 2),
            "run_seconds": json.loads((second.path / "usage.json").read_text())["seconds"],
            "model_calls": counts["model_calls"],
            "images_decoded": counts["decoded"],
            "same_tables": same(first, second),
        },
        "killed": {
            "predicted_before": before,
            "predicted_after": after,
            # The batch in work when the process dies was never finished; it alone is done again.
            "finished_images_repeated": max(0, before + after - n),
            "same_tables": same(first, again),
        },
    }


def same(one: RunFolder, other: RunFolder) -> bool:
    """Return whether two runs wrote the same bytes."""
    return all((one.path / name).read_bytes() == (other.path / name).read_bytes() for name in TABLES)


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--use-case", default="flowcam-plankton")
    parser.add_argument("--report", action="store_true", help="through `tidelab report`")
    parser.add_argument("--folder", type=Path, help="where the generated images are kept for the next time")
    given = parser.parse_args()
    load_catalogue()[given.use_case]
    with tempfile.TemporaryDirectory(prefix="tidelab-bench-") as scratch:
        work = Path(scratch)
        os.environ["TIDELAB_DATA"] = str(work / "data")
        images = given.folder or work / "images"
        if not (images / "truth.csv").exists():
            from tidelab.training.synthetic import generate

            generate(given.images, 1, images, layout="stations")
        figures = measure(images, given.images, given.use_case, given.report, work)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()}
    print(
        json.dumps(
            {**figures, "code": code_version(), "machine": machine, "date": time.strftime("%Y-%m-%d")},
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
