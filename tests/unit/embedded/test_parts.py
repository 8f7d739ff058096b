"""Ports, the claim on a data folder, and a child process: each by itself, with real sockets and processes."""

import json
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from tidehub.embedded.children import Child
from tidehub.embedded.instance import AlreadyRunningError, Instance, end
from tidehub.embedded.ports import Ports, PortTakenError, choose_ports, is_free


@pytest.fixture
def listening():
    """Return a port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class TestPorts:
    def test_are_free_different_and_the_same_next_time(self, tmp_path):
        first = choose_ports("127.0.0.1", None, tmp_path / "ports.json")
        assert len({first.public, first.api, first.hub}) == 3
        assert all(is_free(port) for port in (first.public, first.api, first.hub))
        assert choose_ports("127.0.0.1", None, tmp_path / "ports.json") == first

    def test_taken_ones_of_last_time_are_replaced_and_the_others_kept(self, tmp_path, listening):
        file = tmp_path / "ports.json"
        first = choose_ports("127.0.0.1", None, file)
        file.write_text(json.dumps({"public": first.public, "api": first.api, "hub": listening}))
        second = choose_ports("127.0.0.1", None, file)
        assert (second.public, second.api) == (first.public, first.api)
        assert second.hub != listening

    def test_asked_for_and_taken_is_said_with_a_way_out(self, tmp_path, listening):
        with pytest.raises(PortTakenError, match=rf"Port {listening} is in use.*PORT="):
            choose_ports("127.0.0.1", listening, tmp_path / "ports.json")

    @pytest.mark.parametrize("content", ["", "[]", '{"public": "x"}', '{"public": 1}'])
    def test_damaged_memory_is_no_obstacle(self, tmp_path, content):
        (tmp_path / "ports.json").write_text(content)
        assert isinstance(choose_ports("127.0.0.1", None, tmp_path / "ports.json"), Ports)


class TestInstance:
    def test_second_claim_learns_the_address_of_the_first(self, tmp_path):
        first = Instance(tmp_path).claim()
        first.record("http://127.0.0.1:8000/", [psutil.Process()])
        with pytest.raises(AlreadyRunningError) as caught:
            Instance(tmp_path).claim()
        assert caught.value.address == "http://127.0.0.1:8000/"
        first.release()
        Instance(tmp_path).claim().release()

    def test_leftovers_are_the_recorded_processes_and_no_later_one_with_their_number(self, tmp_path):
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
            before = Instance(tmp_path)
            before.record("", [psutil.Process(child.pid)])
            assert [process.pid for process in Instance(tmp_path).leftovers()] == [child.pid]
            record = json.loads((tmp_path / "instance.json").read_text())
            record["processes"][0][1] -= 3600  # the number was given to another process since
            (tmp_path / "instance.json").write_text(json.dumps(record))
            assert Instance(tmp_path).leftovers() == []
            child.kill()

    def test_process_that_ignores_a_request_is_ended_all_the_same(self):
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
        with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            assert end([psutil.Process(child.pid)], patience_s=0.5) == 1
            assert child.wait(5) == -signal.SIGKILL

    def test_ended_process_that_nobody_collects_costs_no_patience(self):
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
            process = psutil.Process(child.pid)
            child.send_signal(signal.SIGKILL)
            wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
            before = time.monotonic()
            end([process], patience_s=30)
            assert time.monotonic() - before < 5


class TestChild:
    def make(self, tmp_path, code):
        return Child("part", [sys.executable, "-c", code], {"PYTHONUNBUFFERED": "1"}, tmp_path, tmp_path)

    def test_failure_is_told_by_its_reason_not_by_its_last_line(self, tmp_path):
        child = self.make(
            tmp_path, "print('[E 12:00 hub] ValueError: no cookie'); print('bye'); raise SystemExit(3)"
        )
        child.start()
        wait_for(lambda: child.exit_code is not None)
        assert child.exit_code == 3
        assert child.last_words() == "[E 12:00 hub] ValueError: no cookie"
        assert "exit code 3" in child.how_it_ended()
        wait_for(lambda: "bye" in child.log_file.read_text())
        assert child.log_file.stat().st_mode & 0o077 == 0

    def test_silence_and_signals_have_words_too(self, tmp_path):
        child = self.make(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        child.start()
        wait_for(lambda: child.exit_code is not None)
        assert child.last_words() == "(it said nothing)"
        assert "SIGKILL" in child.how_it_ended()

    def test_starts_are_counted_and_ctrl_c_of_the_terminal_does_not_reach_it(self, tmp_path):
        import os

        child = self.make(tmp_path, "import time; time.sleep(60)")
        child.start()
        assert os.getsid(child.pid) == child.pid
        child.stop(5)
        child.start()
        assert child.starts_within(60) == 2
        child.stop(5)
        assert child.exit_code is not None
