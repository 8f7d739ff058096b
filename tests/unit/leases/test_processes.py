import os
import subprocess

import pytest

from tidelab.leases import processes


def test_this_process_lives():
    assert processes.is_alive(processes.place_of())
    assert processes.place_of() == processes.place_of(os.getpid())


def test_a_later_process_with_the_number_is_not_it():
    place = processes.place_of()
    assert not processes.is_alive(place[:-1] + ("0" if place[-1] != "0" else "1"))


def test_a_zombie_is_dead():
    child = subprocess.Popen(["true"])
    place = f"pid:{child.pid}:"
    for _ in range(200):
        if processes.place_of(child.pid) == "":
            break
        os.sched_yield()
        __import__("time").sleep(0.01)
    assert processes.place_of(child.pid) == ""
    assert not processes.is_alive(place)
    child.wait()


def test_a_process_of_others_that_cannot_be_seen_counts_as_alive(monkeypatch):
    def refuse(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(processes, "_created", lambda _pid: None)
    monkeypatch.setattr(os, "kill", refuse)
    assert processes.is_alive("pid:77:5.b")


@pytest.mark.parametrize(
    "place",
    ["", "pid:", "pid::", "pid:x:1", "pid:0:1", "pid:-1:1", "pid:99999999999999:1", "docker:1", "pid:²:1"],
)
def test_what_is_no_process(place):
    assert not processes.is_alive(place)


def test_no_place_for_a_process_that_is_not_there():
    assert processes.place_of(4_194_303) == ""
