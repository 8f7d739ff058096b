"""A program that holds a lease while it works."""

import subprocess
import sys
import threading
import time

import pytest

from tests.support.leases import simulated
from tidelab.leases import Book, Device, LeaseError, NoSuchGpuError, Owner, Policy, Request, hold, processes
from tidelab.leases.environment import environment_of
from tidelab.leases.holding import NotYourTurnError

ADA, BO = Owner("ada", "run:1"), Owner("bo", "run:2")


@pytest.fixture
def one_gpu(tmp_path, monkeypatch):
    """Return a book with one GPU, by the real clock, that is the book of this process."""
    monkeypatch.setenv("TIDELAB_LEASES", str(tmp_path / "b.sqlite"))
    monkeypatch.setattr("tidelab.leases.holding.ASK_EVERY_S", 0.02)
    book = Book()
    book.set_inventory(simulated(1))
    book.set_policy(Policy(per_person=None))
    return book


def test_taken_for_this_process_and_given_back(one_gpu):
    with hold(ADA, Request()) as lease:
        assert (lease.state, lease.pool, lease.place) == ("active", "batch", processes.place_of())
        assert one_gpu.free(Request()).free == 0
    assert one_gpu.lease(lease.id).why == "finished"


def test_given_back_when_the_program_fails(one_gpu):
    with pytest.raises(ZeroDivisionError), hold(ADA, Request()) as lease:
        raise ZeroDivisionError
    assert one_gpu.lease(lease.id).why == "ended with ZeroDivisionError"


def test_not_waiting_leaves_no_ticket(one_gpu):
    with hold(ADA, Request()):
        with (
            pytest.raises(NotYourTurnError, match=r"No GPU is free; you would be number 1 of 1 in the queue"),
            hold(BO, Request()),
        ):
            pass
        with (
            pytest.raises(NotYourTurnError, match="came free within less than a minute"),
            hold(BO, Request(), wait_s=0.1),
        ):
            pass
        assert one_gpu.queue() == []


def test_waiting_shows_the_place_and_ends_with_a_lease(one_gpu):
    places = []

    def other():
        with hold(BO, Request(), wait_s=20, on_wait=places.append):
            places.append("mine")
        one_gpu.close()

    with hold(ADA, Request()):
        thread = threading.Thread(target=other)
        thread.start()
        while not places:
            time.sleep(0.01)
    thread.join(20)
    assert [place.position for place in places[:-1]] == [1]
    assert places[-1] == "mine"


def test_what_the_book_refuses_is_refused(one_gpu):
    with pytest.raises(NoSuchGpuError), hold(ADA, Request(count=2)):
        pass
    with pytest.raises(LeaseError, match="no process"), hold(ADA, Request(), pid=4_194_303):
        pass


def test_a_second_job_of_the_same_name_does_not_end_the_first(one_gpu):
    with hold(ADA, Request()) as lease:
        with (
            pytest.raises(LeaseError, match="holds 1 whole GPU already"),
            hold(ADA, Request(count=1, kind="shared")),
        ):
            pass
        assert one_gpu.find("ada", "run:1") == lease


def test_an_interrupted_wait_leaves_nothing(one_gpu):
    def interrupt(_place):
        raise KeyboardInterrupt

    with hold(ADA, Request()):
        with pytest.raises(KeyboardInterrupt), hold(BO, Request(), wait_s=9, on_wait=interrupt):
            pass
        assert one_gpu.queue() == []
        assert one_gpu.find("bo", "run:2") is None


def test_a_killed_program_gives_its_gpu_to_the_next(one_gpu):
    code = (
        "import time\nfrom tidelab.leases import *\n"
        "with hold(Owner('ada', 'run:1'), Request()):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    child.kill()
    child.wait()
    with hold(BO, Request()) as lease:
        assert lease.owner == BO


def test_cuda_sees_the_devices_of_the_lease_alone(one_gpu):
    cards = [Device("GPU-a", index=0), Device("GPU-b", index=1)]
    one_gpu.set_inventory(cards)
    with hold(ADA, Request(count=2)) as lease:
        told = environment_of(lease, cards)
        assert sorted(told.pop("CUDA_VISIBLE_DEVICES").split(",")) == ["GPU-a", "GPU-b"]
        assert told == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "TIDELAB_GPU_LEASE": lease.id}
    pretended = [Device("SIM-0", simulated=True)]
    one_gpu.set_inventory(pretended)
    with hold(ADA, Request()) as lease:
        assert environment_of(lease, pretended)["CUDA_VISIBLE_DEVICES"] == ""
