"""``make test``: every tier in turn within one time limit, and one summary line at the end.

The tests of `tests/tensorflow` and `tests/torch` run with the interpreters of those stacks, all others with the development environment's.
At the limit the running tier gets the interrupt of Ctrl-C, so that pytest still tears down its services and names the slowest tests.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEAR_DOWN_S = 180
NO_TESTS = 5
STACKS = {"tensorflow": "TensorFlow", "torch": "PyTorch"}
OPTIONS = ["--continue-on-collection-errors", "--durations=20", "--durations-min=0.5", "-m", "not prove"]
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|rerun|xfailed|xpassed|deselected|warnings?)")
SUMMARY = re.compile(r"^=+ .*(passed|failed|error|skipped|no tests ran).* in [\d.]+s.*=+$")
ORDER = ("failed", "passed", "rerun", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")


def main() -> int:
    """Run the tiers; return 0 when all passed, 124 when the limit stopped them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    # A shell that starts us in the background switches SIGINT off, for all that we start too; the tests need it on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    deadline = started + options.minutes * 60
    counts: dict[str, int] = {}
    codes = []
    for title, command in tiers():
        print(f"\n######## {title}\n", flush=True)
        left = deadline - time.monotonic()
        if left <= 0:
            print("Not run: no time left.", flush=True)
            codes.append(124)
            continue
        code, summary = run_tier(command, left)
        codes.append(0 if code == NO_TESTS and title.startswith(tuple(STACKS.values())) else code)
        for number, word in COUNT.findall(summary):
            key = word.rstrip("s") if word.startswith(("error", "warning")) else word
            counts[key] = counts.get(key, 0) + int(number)
    print(f"\n{total_line(counts, codes, time.monotonic() - started)}", flush=True)
    return next((code for code in codes if code), 0)


def tiers() -> list[tuple[str, list[str]]]:
    """Return title and command of each tier."""
    envs = Path(
        os.environ.get("TIDELAB_ENVS") or Path(os.environ.get("TIDELAB_STATE") or ROOT / ".tidelab") / "envs"
    )
    found = []
    for stack, title in STACKS.items():
        if (ROOT / "tests" / stack).exists():
            python = str(envs / f"{stack}-test" / "bin" / "python")
            found.append((f"{title} (tests/{stack})", [python, "-m", "pytest", f"tests/{stack}", *OPTIONS]))
    python = str(envs / "dev" / "bin" / "python")
    others = [*(f"--ignore=tests/{stack}" for stack in STACKS), "--ignore=tests/unit", "tests"]
    found.append(("units", [python, "-m", "pytest", "-n", "auto", *OPTIONS, "tests/unit", "notebooks"]))
    # One at a time: they start services, containers and a browser, and wait for them.
    found.append(("services, containers, browser", [python, "-m", "pytest", *OPTIONS, *others]))
    return found


def run_tier(command: list[str], seconds: float) -> tuple[int, str]:
    """Run one pytest, passing its output on; return its exit code and its summary line."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, errors="replace", env=environment, start_new_session=True,
    )  # fmt: skip
    watchdog = Watchdog(process, seconds)
    summary = ""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if SUMMARY.match(line.strip()):
                summary = line.strip()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=TEAR_DOWN_S)
        print(rest, flush=True)
    code = process.wait()
    return (124 if watchdog.fired else code), summary


class Watchdog:
    """Interrupt a process after some seconds, kill it and its group when it does not end within the time to tear down."""

    def __init__(self, process: "subprocess.Popen[str]", seconds: float) -> None:
        self.fired = False
        self._process = process
        threading.Thread(target=self._watch, args=(seconds,), daemon=True).start()

    def _watch(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fired = True
            print(
                f"\n######## The time limit is reached after {seconds / 60:.1f} minutes in this tier: stopping.\n",
                flush=True,
            )
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(TEAR_DOWN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)


def total_line(counts: dict[str, int], codes: list[int], seconds: float) -> str:
    """Return the line of all tiers together, in the form pytest uses for one."""
    parts = [f"{counts[word]} {word}" for word in ORDER if counts.get(word)]
    if 124 in codes:
        parts.append("stopped by the time limit")
    elif any(codes) and not counts.get("failed") and not counts.get("error"):
        parts.append("a tier ended early (see above)")
    text = f" {', '.join(parts) or 'no tests ran'} in {seconds:.2f}s ({int(seconds // 3600)}:{int(seconds // 60) % 60:02}:{int(seconds) % 60:02}) "
    return text.center(100, "=")


if __name__ == "__main__":
    sys.exit(main())
