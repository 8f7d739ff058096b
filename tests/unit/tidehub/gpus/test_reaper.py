"""A GPU is given back once, with its owner told, whenever the service dies on the way."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidehub.gpus import notices
from tidehub.gpus.hub_client import HubError
from tidehub.gpus.ladder import Rules
from tidehub.gpus.notices import Notices
from tidehub.gpus.reaper import Reaper
from tidehub.gpus.sampler import LeaseUse
from tidehub.gpus.sizes import Sizes
from tidehub.gpus.watch import Watch
from tidehub.idleness import Seen
from tidehub.looking import RunningServer
from tidelab.catalogue import Catalogue, load_catalogue
from tidelab.leases import Lease, Owner, Request
from tidelab.leases.book import Book

SLUG = "flowcam-plankton"
QUIET = Seen((), 0, 0.0, False, None)
RULES = Rules(20 * 60, 30 * 60)


class KilledError(BaseException):
    """As kill -9: nothing after it runs."""


class FakeHub:
    """A hub with one server; may kill the service before or after any call."""

    def __init__(self, book: Book) -> None:
        self.book, self.state, self.calls = book, "ready", list[str]()
        self.kill_at = ""
        self.refuse_start = ""
        self.resources = "card"

    async def status(self, user: str, server: str) -> str:
        return self.state

    async def stop(self, user: str, server: str) -> None:
        self._killed("before stop")
        self.calls.append("stop")
        self.state = "stopped"
        self._killed("after stop")

    async def start(self, user: str, server: str, resources: str) -> None:
        self._killed("before start")
        if self.refuse_start:
            raise HubError(self.refuse_start)
        if self.state == "stopped":
            self.calls.append(f"start {resources}")
            self.state, self.resources = "ready", resources
        self._killed("after start")

    def _killed(self, where: str) -> None:
        if self.kill_at == where:
            self.kill_at = ""
            raise KilledError


class FakeEyes:
    def __init__(self, hub: FakeHub, seen: Seen = QUIET) -> None:
        self.hub, self.seen = hub, seen

    async def servers(self) -> list[RunningServer]:
        model = {"user_options": {"resources": self.hub.resources}}
        return [RunningServer("ada", SLUG, model)] if self.hub.state == "ready" else []

    async def see(self, server: RunningServer) -> Seen:
        return self.seen


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def held(book: Book) -> Lease:
    asked = book.ask(Owner("ada", SLUG, SLUG), Request())
    assert asked.lease is not None
    return book.activate(asked.lease.id, "docker:" + "ab" * 32)


def service(
    book: Book,
    hub: FakeHub,
    catalogue: Catalogue,
    watch: Watch | None = None,
    eyes: FakeEyes | None = None,
    clock: Callable[[], float] = time.time,
) -> Reaper:
    """A service that was just started."""
    parts: Any = (book, watch or Watch(), Notices(), eyes or FakeEyes(hub), hub, Sizes(lambda: catalogue))
    return Reaper(*parts, RULES, clock)


@pytest.mark.parametrize("kill_at", ["", "before stop", "after stop", "before start", "after start"])
def test_killed_anywhere_it_is_finished_once(
    book: Book, held: Lease, catalogue: Catalogue, kill_at: str
) -> None:
    hub = FakeHub(book)
    hub.kill_at = kill_at
    first = service(book, hub, catalogue)
    if kill_at:
        with pytest.raises(KilledError):
            asyncio.run(first.give_back(held, "small", "nothing had used it for 30 min"))
    else:
        asyncio.run(first.give_back(held, "small", "nothing had used it for 30 min"))
    second = service(book, hub, catalogue)
    asyncio.run(second.finish())
    asyncio.run(second.finish())
    if kill_at == "before stop":
        # Nothing was taken yet: it may be in use by now, so the ladder begins anew.
        assert hub.calls == []
        assert notices.read("ada") == []
        assert book.find("ada", SLUG) is not None
        return
    assert hub.calls == ["stop", "start small"]
    assert book.find("ada", SLUG) is None
    (notice,) = notices.read("ada")
    assert notice.stage == "done"
    assert (
        "because nothing had used it for 30 min. Your server was started again without a GPU." in notice.text
    )
    assert notices.read("bob") == []


def test_a_person_who_started_it_again_is_left_alone(book: Book, held: Lease, catalogue: Catalogue) -> None:
    hub = FakeHub(book)
    hub.kill_at = "after stop"
    with pytest.raises(KilledError):
        asyncio.run(service(book, hub, catalogue).give_back(held, "small", "x"))
    book.release_server("ada", SLUG, "stopped")
    again = book.ask(Owner("ada", SLUG, SLUG), Request()).lease
    assert again is not None
    hub.state = "ready"
    asyncio.run(service(book, hub, catalogue).finish())
    assert hub.calls == ["stop"]
    assert book.find("ada", SLUG) == book.lease(again.id), "the new lease is not the old one's"
    assert notices.read("ada")[0].stage == "done"


def test_a_server_that_does_not_start_again_is_said(book: Book, held: Lease, catalogue: Catalogue) -> None:
    hub = FakeHub(book)
    hub.refuse_start = "JupyterLab did not answer within 120 seconds."
    asyncio.run(service(book, hub, catalogue).give_back(held, "small", "x"))
    (notice,) = notices.read("ada")
    assert notice.stage == "failed"
    assert "could not be started again: JupyterLab did not answer" in notice.text
    assert "was started again" not in notice.text
    assert book.find("ada", SLUG) is None
    asyncio.run(service(book, hub, catalogue).finish())
    assert hub.calls == ["stop"], "a failed start is not tried for ever"


def test_a_server_without_a_smaller_size_stays_stopped_and_says_so(
    book: Book, held: Lease, catalogue: Catalogue
) -> None:
    hub = FakeHub(book)
    asyncio.run(service(book, hub, catalogue).give_back(held, "", "x"))
    assert hub.calls == ["stop"]
    assert "Your server is stopped." in notices.read("ada")[0].text


def test_idle_is_warned_and_then_given_back(book: Book, held: Lease, catalogue: Catalogue) -> None:
    hub, watch = FakeHub(book), Watch()
    eyes = FakeEyes(hub)
    now = held.started
    reaper = service(book, hub, catalogue, watch, eyes, lambda: now)

    def pass_minutes(minutes: float, busy: float = 0.0) -> None:
        nonlocal now
        now += minutes * 60
        watch.see(held.id, LeaseUse(1, 1, busy, busy), now)
        asyncio.run(reaper.look())

    pass_minutes(0)
    pass_minutes(19)
    assert watch[held.id].warning is None
    pass_minutes(2)
    warning = watch[held.id].warning
    assert warning is not None
    assert warning.can_keep
    pass_minutes(5, busy=0.9)  # somebody comes back to work
    assert watch[held.id].warning is None
    pass_minutes(25)
    pass_minutes(9)
    assert hub.calls == []
    eyes.seen = Seen(("busy",), 0, 0.0, False, None)  # a kernel runs: never ended by idleness
    for _ in range(20):
        pass_minutes(30)
    assert hub.calls == []
    eyes.seen = QUIET
    pass_minutes(25)
    pass_minutes(11)
    assert hub.calls == ["stop", "start small"]


def test_batch_leases_are_no_business_of_it(book: Book, catalogue: Catalogue) -> None:
    asked = book.ask(Owner("ada", "run:1", SLUG), Request(), "batch", place="pid:1:1")
    assert asked.lease is not None
    hub, watch = FakeHub(book), Watch()
    watch.see(asked.lease.id, LeaseUse(1), asked.lease.started - 1e6)
    asyncio.run(service(book, hub, catalogue, watch).look())
    assert watch[asked.lease.id].warning is None


def test_two_at_once_give_back_once(book: Book, held: Lease, catalogue: Catalogue) -> None:
    hub = FakeHub(book)
    reaper = service(book, hub, catalogue)

    async def both() -> None:
        await asyncio.gather(reaper.give_back(held, "small", "x"), reaper.give_back(held, "small", "y"))

    asyncio.run(both())
    assert hub.calls == ["stop", "start small"]
    assert len(notices.read("ada")) == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"id": 1}]', "null", '{"a": 1}', "[" * 100_000])
def test_a_broken_file_of_notices_holds_none(data: Path, text: str) -> None:
    file = notices.file()
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert notices.read() == []
    kept = Notices()
    kept.put(notices.Notice.new("ada", SLUG, "l", "small", "text"))
    assert [notice.user for notice in notices.read()] == ["ada"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_notice_is_put_away_by_its_person_alone(data: Path) -> None:
    kept = Notices()
    notice = notices.Notice.new("ada", SLUG, "l", "small", "text")
    kept.put(notice)
    assert not kept.remove(notice.id, "ada"), "it goes on"
    kept.set_stage(notice, "done")
    assert not kept.remove(notice.id, "bob")
    assert kept.remove(notice.id, "ada")
    assert notices.read() == []
