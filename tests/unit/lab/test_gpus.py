"""The service is asked gently, and its bad days cost the person nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.support import fake_gpus
from tests.support.fake_gpus import TOKEN, FakeGpus
from tidelab.lab.gpus import PAUSES_S, Gpus, RefusedError
from tidelab.lab.identity import identity

LOG = logging.getLogger("tests.lab")


@pytest.fixture
def service() -> Iterator[FakeGpus]:
    with fake_gpus.fake_gpus() as fake:
        fake.answer = fake_gpus.mine(fake_gpus.lease())
        yield fake


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(
    service: FakeGpus, work: Callable[[Gpus, Clock], Awaitable[Any]], token: str = TOKEN, **changes: str
) -> Gpus:
    variables = {
        "TIDELAB_GPUS_URL": service.url,
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_SERVER_NAME": "flowcam-plankton",
    }
    clock = Clock()
    gpus = Gpus(identity(variables | changes), LOG, clock, timeout_s=8.0)
    asyncio.run(asyncio.wait_for(work(gpus, clock), 20))  # type: ignore[arg-type]
    return gpus


def test_tabs_share_an_answer_and_readings_go_back_ten_minutes(service: FakeGpus) -> None:
    async def work(gpus: Gpus, clock: Clock) -> None:
        await asyncio.gather(*(gpus.refresh() for _ in range(5)))
        assert len(service.asked) == 1
        for moment in (1010.0, 1020.0, 1615.0):
            clock.now = moment
            await gpus.refresh()

    gpus = run(service, work)
    assert list(gpus.readings) == [(1020.0, 0.9), (1615.0, 0.9)], "what was seen last, not a mean of minutes"
    assert gpus.state == "answers"


def test_readings_end_with_the_lease(service: FakeGpus) -> None:
    async def work(gpus: Gpus, clock: Clock) -> None:
        await gpus.refresh()
        service.answer = fake_gpus.mine()
        await gpus.refresh(now=True)

    assert not run(service, work).readings


@pytest.mark.parametrize("day", ["silent", "broken", "garbage", "login", "huge"])
def test_a_bad_day_is_said_once_and_left_alone(
    service: FakeGpus, caplog: pytest.LogCaptureFixture, day: str
) -> None:
    async def work(gpus: Gpus, clock: Clock) -> None:
        await gpus.refresh()
        service.day = day
        gpus._timeout_s = 0.8 if day == "silent" else 8.0
        clock.now += 10
        began = time.monotonic()
        await gpus.refresh()
        assert time.monotonic() - began < 5
        asked = len(service.asked)
        assert gpus.state == "away"
        assert gpus.mine.leases, "what was known is still shown, as old"
        clock.now += PAUSES_S[0] - 1
        await gpus.refresh()
        assert len(service.asked) == asked, "left alone for a while"
        clock.now += 2
        await gpus.refresh()
        assert len(service.asked) == asked + 1
        service.day = "good"
        clock.now += PAUSES_S[-1]
        await gpus.refresh()
        assert gpus.state == "answers"

    with caplog.at_level(logging.INFO, "tests.lab"):
        run(service, work)
    said = [record.message for record in caplog.records]
    assert len([line for line in said if "does not answer" in line]) == 1
    assert said[-1] == "The hub's service for GPUs answers again."
    assert TOKEN not in caplog.text


def test_a_service_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    with fake_gpus.fake_gpus() as gone:
        pass

    async def work(gpus: Gpus, clock: Clock) -> None:
        for _ in range(3):
            clock.now += 200
            await gpus.refresh()
        with pytest.raises(RefusedError, match=r"does not answer\. Nothing was changed"):
            await gpus.keep("lease-1")

    assert run(gone, work).state == "away"
    assert len(caplog.records) == 1


def test_a_token_that_is_not_accepted_is_away_not_a_crash(service: FakeGpus) -> None:
    assert run(service, lambda gpus, clock: gpus.refresh(), token="stolen").state == "away"


def test_a_hub_without_the_service_is_not_asked(service: FakeGpus) -> None:
    async def work(gpus: Gpus, clock: Clock) -> None:
        await gpus.refresh(now=True)
        with pytest.raises(RefusedError, match="no service for GPUs"):
            await gpus.give_back("lease-1")

    assert run(service, work, TIDELAB_GPUS_URL="").state == "absent"
    assert service.asked == []


def test_keep_and_give_back(service: FakeGpus) -> None:
    service.answer = fake_gpus.mine(fake_gpus.lease(**fake_gpus.warned()))

    async def work(gpus: Gpus, clock: Clock) -> None:
        await gpus.refresh()
        await gpus.keep("lease-1")
        assert gpus.mine.leases[0].warning is None, "asked again at once"
        await gpus.give_back("lease-1")
        assert gpus.mine.leases == ()

    run(service, work)
    assert ("POST", "api/leases/lease-1/keep") in service.asked
    assert ("DELETE", "api/leases/lease-1") in service.asked


@pytest.mark.parametrize(
    ("refusal", "status", "said"),
    [
        ((409, "You pressed Keep twice already."), 409, "You pressed Keep twice already."),
        ((403, "This lease is somebody else's."), 403, "somebody else's"),
        ((500, ""), 502, "refused this \\(status 500\\)"),
    ],
)
def test_what_is_refused_is_said_in_the_services_words(
    service: FakeGpus, refusal: tuple[int, str], status: int, said: str
) -> None:
    service.refusal = refusal

    async def work(gpus: Gpus, clock: Clock) -> None:
        with pytest.raises(RefusedError, match=said) as raised:
            await gpus.keep("lease-1")
        assert raised.value.status == status

    run(service, work)


@pytest.mark.parametrize("name", ["", "../all", "a/b", "x" * 81, "a b", "ä", ".."])
def test_names_that_are_no_lease_go_nowhere(service: FakeGpus, name: str) -> None:
    async def work(gpus: Gpus, clock: Clock) -> None:
        with pytest.raises(RefusedError, match="no such lease"):
            await gpus.keep(name)

    run(service, work)
    assert service.asked == []
