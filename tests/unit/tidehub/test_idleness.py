"""Idle culling never stops work in progress: each kind of work alone keeps a server."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tidehub.idleness import Seen, decide
from tidehub.processes import is_same_process, started_at, tree_use

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
IDLE = Seen(("idle", "idle"), 0, 0.0, False, NOW - 2 * HOUR)


def test_an_idle_server_is_stopped() -> None:
    decision = decide(IDLE, NOW, HOUR)
    assert decision.stop
    assert "120 min" in decision.reason
    assert decide(replace(IDLE, kernel_states=()), NOW, HOUR).stop
    assert decide(replace(IDLE, kernel_states=("dead",)), NOW, HOUR).stop


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kernel_states": ("idle", "busy")}, "a kernel is busy"),
        ({"kernel_states": ("starting",)}, "a kernel is starting"),
        ({"kernel_states": ("unknown",)}, "a kernel is unknown"),
        ({"kernel_states": None}, "did not say"),
        ({"busy_terminals": 1}, "terminal"),
        ({"busy_terminals": None}, "cannot be seen"),
        ({"cpu_share": 0.4}, "40% of a core"),
        ({"cpu_share": None}, "first time"),
        ({"run_in_progress": True}, "analysis of its owner"),
        ({"last_activity": NOW - timedelta(minutes=59)}, "active 59 min ago"),
        ({"last_activity": NOW + HOUR}, "active 0 s ago"),
        ({"last_activity": None}, "not known"),
    ],
)
def test_each_kind_of_work_keeps_it(change: dict[str, object], reason: str) -> None:
    decision = decide(replace(IDLE, **change), NOW, HOUR)  # type: ignore[arg-type]
    assert not decision.stop
    assert reason in decision.reason


def test_zero_is_off() -> None:
    assert not decide(IDLE, NOW, timedelta(0)).stop


def test_processor_time_of_children_is_seen() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        time.sleep(0.5)
        start, before = time.monotonic(), tree_use(process.pid, started_at(process.pid))
        time.sleep(1.0)
        after = tree_use(process.pid, started_at(process.pid))
        assert before is not None
        assert after is not None
        assert after.share_since(before, time.monotonic() - start) > 0.1
        assert after.busy_terminals == 0
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert tree_use(process.pid, None) is None


def test_a_quiet_program_in_a_terminal_is_seen() -> None:
    """`sleep` prints nothing and uses no processor, and still somebody waits for it."""
    server = subprocess.Popen(
        [sys.executable, "-c", "import pty, os, time\npid, fd = pty.fork()\nif pid == 0: os.execvp('sh', ['sh'])\n"
         "time.sleep(0.5); os.write(fd, b'sleep 60\\n'); time.sleep(60)"],
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        seen = []
        while time.monotonic() < deadline and 1 not in seen:
            use = tree_use(server.pid, started_at(server.pid))
            assert use is not None
            seen.append(use.busy_terminals)
            time.sleep(0.1)
        assert seen[0] == 0, "a shell that waits for input is no work"
        assert seen[-1] == 1
    finally:
        import psutil

        for child in psutil.Process(server.pid).children(recursive=True):
            child.kill()
        server.kill()
        server.wait()


def test_a_reused_process_id_is_another_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    created = started_at(process.pid)
    assert created is not None
    assert is_same_process(process.pid, created)
    assert not is_same_process(process.pid, created - 100)
    process.kill()
    deadline = time.monotonic() + 10
    while started_at(process.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert started_at(process.pid) is None, "a zombie runs no more"
    process.wait()
    assert not is_same_process(process.pid, created)
