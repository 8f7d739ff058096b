"""The installer as a program of its own: killed, twice at once, failing in words. Real venv, real pip, a folder of wheels."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.small_checkout import checkout, quick_venv
from tidelab.environments import build, install, is_installed

__all__ = ["checkout"]
REPOSITORY = Path(__file__).resolve().parents[2]


def version_in(python: Path) -> str:
    done = subprocess.run(
        [python, "-c", "import speck; print(speck.VERSION)"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tidelab.environments", *arguments]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "extensions"), **extra}


def test_killed_installation_is_invisible_and_done_again(checkout, monkeypatch):
    checkout.lock("1.0")
    with subprocess.Popen(
        command("install", "tiny"), env=environment(), stderr=subprocess.DEVNULL, start_new_session=True
    ) as first:
        while not list(checkout.envs.glob(".store/tiny/*/bin/python")):
            assert first.poll() is None
            time.sleep(0.02)
        os.killpg(first.pid, signal.SIGKILL)
    assert not is_installed("tiny")
    assert not (checkout.envs / "tiny").exists()
    monkeypatch.setattr(build, "create_venv", quick_venv)
    install("tiny")
    assert version_in(checkout.python()) == "1.0"
    assert len(list((checkout.envs / ".store" / "tiny").iterdir())) == 1


def test_two_at_once_build_once(checkout):
    checkout.lock("1.0")
    both = [
        subprocess.Popen(
            command("install", "tiny", "--progress", "json"),
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum('"fetch"' in output for output in outputs) == 1, "only one of them downloads"
    assert any('"wait"' in output for output in outputs), "the other says that it waits"
    assert version_in(checkout.python()) == "1.0"


def test_command_line_says_cost_first_and_failure_without_traceback(checkout):
    checkout.lock("1.0", digest="0" * 64)
    done = subprocess.run(command("install", "tiny"), env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Installing tiny: about 0.0 GB on disk and under a minute")
    assert "What to do:" in done.stderr
    assert "Traceback" not in done.stderr
