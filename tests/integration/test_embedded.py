"""`make run` on real parts: one at a time, restarted when it dies, and nobody left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

import psutil
import pytest

from tests.support.embedded import Embedded
from tidehub.embedded.instance import is_alive
from tidelab import paths

NO_SERVICES = {"TIDEHUB_SERVICES": "[]"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Embedded(tmp_path_factory.mktemp("run") / "data", **NO_SERVICES) as started:
        yield started


def processes(running):
    record = json.loads((running.data / "hub" / "instance.json").read_text())
    found = {}
    for pid, _ in record["processes"]:
        with contextlib.suppress(psutil.NoSuchProcess):  # the record is up to three seconds old
            line = " ".join(psutil.Process(pid).cmdline())
            kind = (
                "hub"
                if "jupyterhub_config" in line
                else "proxy"
                if "configurable-http-proxy" in line
                else line
            )
            found[kind] = pid
    return found


def is_there(pid):
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


def healthy(address):
    try:
        with urllib.request.urlopen(f"{address}hub/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(condition, seconds, message):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message()
        time.sleep(0.2)


def supervise(data, **environment):
    # A start that should fail and does not is ended by `timeout` as by Ctrl-C, so that it leaves nobody behind.
    return subprocess.run(
        ["timeout", "--signal=INT", "100", str(paths.env_python("hub")), "-m", "tidehub.embedded"],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        env={**os.environ, **NO_SERVICES, "TIDELAB_DATA": str(data), **environment},
    )  # fmt: skip


def test_answers_says_how_to_log_in_once_and_keeps_its_files_private(running):
    assert healthy(running.address)
    assert running.user
    assert running.password
    assert not (running.data / "hub" / "first-password").exists()
    logs = "".join(file.read_text() for file in (running.data / "logs").glob("*.log"))
    assert running.password not in logs
    for folder in (running.data, running.data / "hub", running.data / "logs"):
        assert folder.stat().st_mode & 0o077 == 0, folder
    token = psutil.Process(processes(running)["proxy"]).environ()["CONFIGPROXY_AUTH_TOKEN"]
    assert token not in logs
    assert len(token) >= 32


def test_second_start_names_the_address_and_disturbs_nothing(running):
    second = supervise(running.data)
    assert second.returncode == 0
    assert f"already running at {running.address}" in second.stdout
    assert healthy(running.address)


def test_killed_hub_and_killed_proxy_come_back(running):
    for part in ("hub", "proxy"):
        before = processes(running)[part]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda part=part: f"The {part} was ended" in running.output, 20, lambda: running.output)

        def back(part=part, before=before):
            return healthy(running.address) and processes(running).get(part, before) != before

        wait_for(back, 60, running.logs)


def test_ctrl_c_ends_everything(tmp_path):
    with Embedded(tmp_path / "data", **NO_SERVICES) as running:
        ours = list(processes(running).values())
        assert len(ours) >= 2
    assert running.process.returncode == 0
    assert [pid for pid in ours if is_there(pid)] == []
    assert "stay where they are" in running.output


def test_after_a_kill_of_the_supervisor_nobody_is_left_and_the_next_start_works(tmp_path):
    with Embedded(tmp_path / "data", **NO_SERVICES) as first:
        ours = list(processes(first).values())
        first.process.kill()
        first.process.wait()
    with Embedded(tmp_path / "data", **NO_SERVICES) as second:
        assert healthy(second.address)
        assert second.password is None, "a password is shown once"
        assert [pid for pid in ours if is_there(pid)] == []


def test_hub_that_cannot_start_is_said_with_its_reason_and_its_log(tmp_path):
    (tmp_path / "data" / "hub" / "hub.sqlite").mkdir(parents=True)
    failed = supervise(tmp_path / "data")
    assert failed.returncode == 1
    assert "The hub ended (exit code 1) while it started" in failed.stderr
    assert "Its last words: IsADirectoryError" in failed.stderr
    assert str(tmp_path / "data" / "logs" / "hub.log") in failed.stderr
    assert "Traceback" not in failed.stderr


def test_setting_that_breaks_its_rule_is_named_before_anything_starts(tmp_path):
    failed = supervise(tmp_path / "data", TIDEHUB_ADMIN="Ada Lovelace!")
    assert failed.returncode == 1
    assert "TIDEHUB_ADMIN" in failed.stderr
    assert not (tmp_path / "data" / "hub" / "instance.json").exists()


def test_port_in_use_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        failed = supervise(tmp_path / "data", TIDEHUB_PORT=str(port))
    assert failed.returncode == 1
    assert f"Port {port} is in use" in failed.stderr
