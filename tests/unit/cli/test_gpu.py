"""``tidelab gpu``: who has which GPU, run a command on one, drain, release, limits."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidelab.leases import Book, Owner, Request, processes


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Return the book of the command line, which pretends to have two GPUs."""
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.setenv("TIDEHUB_GPUS", "simulated:2")
    monkeypatch.setenv("TIDELAB_USER", "ada")
    return Book()


def command(*arguments):
    return [sys.executable, "-m", "tidelab.cli", "gpu", *arguments]


def wait_for(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return found


def test_status_without_a_hub_looks_at_the_machine_itself(tidelab, book):
    said = tidelab("gpu", "status")
    assert said.out.splitlines()[1:] == [
        "SIM-0\tSimulated GPU, 16 GiB\tfree\t\t\t\t",
        "SIM-1\tSimulated GPU, 16 GiB\tfree\t\t\t\t",
    ]
    book.set_inventory([])  # a hub that says otherwise is believed
    said = tidelab("gpu", "status")
    assert said.out == "No GPU is in the book of this machine.\n"


def test_status_without_any_gpu_says_what_was_looked_at(tidelab, book, monkeypatch):
    monkeypatch.setenv("TIDEHUB_GPUS", "none")
    assert tidelab("gpu", "status").out == "GPUs are switched off by the setting.\n"
    monkeypatch.setenv("TIDEHUB_GPUS", "simulated:x")
    assert "is not simulated:1 to simulated:64" in tidelab("gpu", "status").out


def test_status_shows_who_has_what_and_who_waits(tidelab, book):
    tidelab("gpu", "status")
    lease = book.ask(Owner("bo", "flowcam"), Request()).lease
    book.ask(Owner("cy", "fish"), Request())
    book.ask(Owner("dee", "s"), Request())
    said = tidelab("gpu", "status")
    assert f"{lease.held[0].device}\tSimulated GPU, 16 GiB\t{lease.id}\tbo\tflowcam\t20" in said.out
    assert said.out.splitlines()[-1] == "Waiting, 1 of 1: dee (s) for 1 whole GPU."
    answer = json.loads(tidelab("gpu", "status", "--json").out)
    assert [len(answer[key]) for key in ("devices", "leases", "queue")] == [2, 2, 1]
    assert answer["leases"][0]["owner"]["user"] == "bo"


def test_run_gives_the_exit_code_and_the_environment(book):
    code = 'import os, sys; print([os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TIDELAB_GPU_LEASE"]]); sys.exit(7)'
    done = subprocess.run(
        command("run", "--use-case", "plankton", "--", sys.executable, "-c", code),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    (lease,) = book.history()
    assert done.stdout == f"['', '{lease.id}']\n"
    assert "no GPU is visible to the command" in done.stderr
    assert "This is a promise and not isolation" in done.stderr
    assert (lease.state, lease.why) == ("ended", "the command ended with status 7")
    assert (lease.owner.user, lease.owner.use_case, lease.pool) == ("ada", "plankton", "batch")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--"], 2, "say which command, after --"),
        (["--kind", "half", "--", "true"], 2, "none of whole, mig, shared"),
        (["--kind", "mig", "--", "true"], 2, "a MIG slice needs its profile"),
        (["--count", "0", "--", "true"], 2, "Invalid value"),
        (["--count", "3", "--", "true"], 1, "3 whole GPUs cannot be had here"),
        (["--count", "2", "--", "true"], 1, "ada may hold 1 GPU at a time"),
        (["--", "no-such-program"], 127, ""),
        (["--", "/dev/null"], 126, ""),
    ],
)
def test_run_that_cannot(tidelab, book, arguments, code, words):
    said = tidelab("gpu", "run", *arguments)
    assert said.code == code
    assert words in said.err
    assert book.live() == []


def test_run_does_not_wait_longer_than_asked(tidelab, book):
    tidelab("gpu", "status")
    for user in ("bo", "cy"):
        book.ask(Owner(user, "s"), Request())
    said = tidelab("gpu", "run", "--wait", "0", "--", "true")
    assert (said.code, "No GPU is free" in said.err) == (1, True)
    assert book.queue() == []


def test_ctrl_c_ends_the_command_and_gives_the_gpu_back(book):
    started = subprocess.Popen(
        command("run", "--", "sleep", "60"), start_new_session=True, stderr=subprocess.DEVNULL
    )
    wait_for(book.live)
    wait_for(lambda: _becomes(book, "sleep"))
    os.killpg(started.pid, signal.SIGINT)
    assert started.wait(20) == 130
    assert book.live() == []


def test_kill_is_passed_on_and_gives_the_gpu_back(book):
    started = subprocess.Popen(command("run", "--", "sleep", "60"), stderr=subprocess.DEVNULL)
    wait_for(lambda: _becomes(book, "sleep"))
    started.terminate()
    assert started.wait(20) == 143
    assert book.live() == []


def test_killed_hard_the_lease_lives_as_long_as_the_command(book):
    started = subprocess.Popen(command("run", "--", "sleep", "60"), stderr=subprocess.DEVNULL)
    wait_for(lambda: _becomes(book, "sleep"))
    (lease,) = book.live()
    started.kill()
    started.wait()
    assert book.reconcile(None) == [], "the command still computes on the GPU"
    os.kill(int(lease.place.split(":")[1]), signal.SIGKILL)
    wait_for(lambda: not processes.is_alive(lease.place))
    assert [action.kind for action in book.reconcile(None)] == ["released"]


def test_killed_while_it_waits_leaves_the_queue_and_starts_nothing(book, tidelab, tmp_path):
    tidelab("gpu", "status")
    for user in ("bo", "cy"):
        book.ask(Owner(user, "s"), Request())
    waiting = subprocess.Popen(
        command("run", "--", "touch", str(tmp_path / "ran")), stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr.readline() == "Waiting for a GPU: 1 of 1.\n"
    waiting.terminate()
    assert waiting.wait(20) == 1
    assert waiting.stderr.read() == "Stopped while waiting for a GPU.\n"
    assert book.queue() == []
    assert not (tmp_path / "ran").exists()


def _becomes(book, name):
    for lease in book.live():
        pid = lease.place.split(":")[1]
        if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] == name.encode():
            return True
    return False


def test_drain_and_undrain(tidelab, book):
    tidelab("gpu", "status")
    lease = book.ask(Owner("bo", "s"), Request()).lease
    device = lease.held[0].device
    said = tidelab("gpu", "drain", device, "--why", "fan")
    assert (
        said.out == f"{device} is given to nobody any more.\nIt is still held by bo (s), lease {lease.id}.\n"
    )
    assert "drained: fan" in tidelab("gpu", "status").out
    assert tidelab("gpu", "undrain", device).code == 0
    assert "drained" not in tidelab("gpu", "status").out
    said = tidelab("gpu", "drain", "GPU-9", "--why", "x")
    assert (said.code, said.err) == (1, "There is no device 'GPU-9'. Those of this machine: SIM-0, SIM-1.\n")


def test_release_asks_first_and_is_logged(tidelab, book, monkeypatch):
    tidelab("gpu", "status")
    lease = book.ask(Owner("bo", "s"), Request()).lease
    monkeypatch.setattr("sys.stdin", io.StringIO())
    said = tidelab("gpu", "release", lease.id)
    assert said.code == 1
    assert "will be given to others, while what bo (s) runs there goes on computing on it" in said.err
    assert book.live() != []
    said = tidelab("gpu", "release", lease.id, "--yes", "--why", "hangs")
    assert said.out == f"{lease.held[0].device} is free. bo (s) was not stopped.\n"
    assert (book.events()[0].kind, book.events()[0].text) == ("released", "released by ada: hangs")
    assert (
        tidelab("gpu", "release", lease.id, "--yes").err
        == f"There is no lease '{lease.id}' now. `tidelab gpu status` lists them.\n"
    )


def test_limits(tidelab, book):
    said = tidelab("gpu", "quota", "--group", "students", "--gpu-hours", "10", "--days", "7", "--gpus", "inf")
    assert said.out.splitlines()[1] == "group\tstudents\t10\t7\tno limit\t\t\t"
    tidelab("gpu", "quota", "--person", "ada", "--gpu-hours", "4", "--memory-gb", "64")
    said = tidelab("gpu", "quota")
    assert said.out.splitlines() == [
        "ada: 0.0 GPU hours used in the last 30 days (limit: 4).",
        "GPUs held now: 0 (limit: 1).",
        "Memory of all servers: 64 GB.",
        "From: gpu_hours person, memory_gb person, gpus the hub's setting.",
    ]
    assert "students" not in tidelab("gpu", "quota", "--group", "students", "--remove").out
    assert tidelab("gpu", "quota", "--gpus", "2").code == 2
    assert tidelab("gpu", "quota", "--person", "a", "--everyone", "--gpus", "2").code == 2
