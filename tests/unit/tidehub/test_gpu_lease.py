"""The desk where servers get their GPUs: in turn, in words, and nothing is left of those who give up."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tidehub import gpu_lease
from tidehub.gpu_lease import GpuDesk, LeaseRefusedError, device_words, queue_sentence
from tidehub.gpu_start import open_desk
from tidehub.settings import Settings
from tidelab.leases import Device, Owner, Place, Request
from tidelab.leases.book import Book
from tidelab.leases.processes import place_of

CARDS = [Device(f"GPU-{n}", name="NVIDIA H200", index=n) for n in range(2)]
ADA, BOB, CLEO = (Owner(name, "flowcam-plankton") for name in ("ada", "bob", "cleo"))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "leases.sqlite")
    made.set_inventory(CARDS[:1])
    return made


@pytest.fixture
def desk(book: Book, monkeypatch: pytest.MonkeyPatch) -> GpuDesk:
    monkeypatch.setattr(gpu_lease, "ASK_AGAIN_SECONDS", 0.01)
    return GpuDesk(book, CARDS, in_processes=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_who_waits_is_told_and_served(book: Book, desk: GpuDesk) -> None:
    async def turns() -> list[str]:
        said: list[str] = []
        first = await desk.obtain(ADA, Request(), said.append)
        assert said == []
        waiting = asyncio.create_task(desk.obtain(BOB, Request(), said.append))
        await until(lambda: said)
        await desk.activate(first, place_of(os.getpid()))
        await desk.release("ada", "flowcam-plankton", "stopped")
        assert (await waiting).held == first.held
        return said

    said = asyncio.run(turns())
    assert said[0].startswith("All GPUs are in use. You are next and the only one who waits")
    assert [lease.owner.user for lease in book.live()] == ["bob"]


def test_a_start_somebody_gives_up_leaves_nothing(book: Book, desk: GpuDesk) -> None:
    """Also in the moment in which the book has granted and the start was told nothing of it."""

    async def give_up(owner: Owner, after: float) -> None:
        task = asyncio.create_task(desk.obtain(owner, Request(), lambda line: None))
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await desk.release(owner.user, owner.server, "gave up")

    for delay in (0.0, 0.001, 0.003, 0.02):
        asyncio.run(give_up(ADA, delay))
        assert book.live() == []
    asyncio.run(desk.obtain(BOB, Request(), lambda line: None))
    asyncio.run(give_up(CLEO, 0.05))
    assert book.queue() == []
    assert [lease.owner.user for lease in book.live()] == ["bob"]


def test_what_cannot_be_given_is_a_sentence(desk: GpuDesk) -> None:
    with pytest.raises(LeaseRefusedError, match=r"1g\.10gb"):
        asyncio.run(desk.obtain(ADA, Request("mig", 1, "1g.10gb"), lambda line: None))


def test_a_lease_that_went_to_somebody_else_is_refused(book: Book, desk: GpuDesk) -> None:
    lease = asyncio.run(desk.obtain(ADA, Request(), lambda line: None))
    book.release(lease.id, "ran out")
    asyncio.run(desk.obtain(BOB, Request(), lambda line: None))
    with pytest.raises(LeaseRefusedError):
        asyncio.run(desk.activate(lease, place_of(os.getpid())))


def test_variables(book: Book, desk: GpuDesk) -> None:
    lease = asyncio.run(desk.obtain(ADA, Request(), lambda line: None))
    beside = desk.environment(lease)
    assert beside["CUDA_VISIBLE_DEVICES"] == "GPU-0"
    assert json.loads(beside["TIDELAB_LEASE"])["promise"]
    assert desk.environment(None) == {"CUDA_VISIBLE_DEVICES": ""}, "without a lease no card is seen"
    contained = GpuDesk(book, CARDS, in_processes=False)
    assert "CUDA_VISIBLE_DEVICES" not in contained.environment(lease)
    assert not json.loads(contained.environment(lease)["TIDELAB_LEASE"])["promise"]
    assert contained.environment(None) == {}
    assert GpuDesk(book, [], in_processes=True).environment(None) == {}, (
        "where there is no card none is hidden"
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(1, 1, None), "You are next and the only one who waits."),
        (Place(1, 3, 40.0), "You are next of 3 who wait; less than a minute."),
        (Place(2, 3, 1200.0), "You are 2nd of 3 who wait; about 20 minutes."),
        (Place(11, 23, None), "You are 11th of 23 who wait."),
        (Place(23, 23, None), "You are 23rd of 23 who wait."),
    ],
)
def test_the_place_in_the_queue(place: Place, words: str) -> None:
    assert queue_sentence(place, Request()) == f"All GPUs are in use. {words}"


def test_devices_in_words() -> None:
    assert device_words(CARDS[1]) == "GPU 1 (NVIDIA H200)"
    assert device_words(Device("MIG-1", "mig", index=0, profile="1g.10gb")) == "slice 1g.10gb of GPU 0"
    assert "shared with others" in device_words(Device("GPU-0", "shared"))


def test_the_desk_of_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.delenv("TIDELAB_LEASES", raising=False)
    assert open_desk(Settings(gpus="none"), None) is None
    desk = open_desk(Settings(gpus="simulated:2", gpu_per_person=2), None)
    assert desk is not None
    assert not desk.has_real
    lease = asyncio.run(desk.obtain(ADA, Request("whole", 2), lambda line: None))
    assert desk.words(lease) == "simulated GPU 0, simulated GPU 1"
    # A hub that starts again knows that nothing came of it.
    assert open_desk(Settings(gpus="simulated:2"), None) is not None
    assert Book().live() == []


def test_a_book_that_cannot_be_used_costs_gpus_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TIDELAB_LEASES", str(tmp_path / "file" / "leases.sqlite"))
    assert open_desk(Settings(gpus="simulated:1"), None) is None
