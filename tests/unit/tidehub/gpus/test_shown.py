"""What people, admins and Prometheus are shown, also where there is no GPU at all."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tidehub.gpus import metrics, now, overview, summary
from tidehub.gpus.driver import NoDriver
from tidehub.gpus.holders import Holders
from tidehub.gpus.measuring import Measuring
from tidehub.gpus.simulated import SimulatedDriver, folder
from tidehub.gpus.watch import Watch
from tidehub.gpus.web.base import caller_of
from tidehub.gpus.weeks import WEEKS, bar, weeks
from tidelab.leases import Lease, Owner, Request, Seconds
from tidelab.leases.book import Book
from tidelab.leases.processes import place_of


def hold(book: Book, user: str = "ada", server: str = "case") -> Lease:
    asked = book.ask(Owner(user, server, server), Request(), place=place_of())
    assert asked.lease is not None
    return asked.lease


def test_nothing_is_all_zero(data: Path) -> None:
    empty = Book(data / "gpus" / "leases.sqlite")
    found = summary.for_person(empty, "ada")
    assert found["leases"] == found["queue"] == found["free"] == found["notices"] == []
    assert found["used"] == {"allocated_s": 0.0, "held_s": 0.0, "busy_s": 0.0, "days": 28}
    assert weeks(empty, "ada", datetime.now(UTC)) == []
    assert overview.of_all(empty)["devices"] == []
    families = {
        family.name for family in text_string_to_metric_families(metrics.text(empty, now.Now()).decode())
    }
    assert {"tidelab_gpu_busy_seconds", "tidelab_gpu_devices_lost", "tidelab_gpu_queue_length"} <= families
    measuring = Measuring(empty, NoDriver(), Watch(), 5, (60, 2))
    measuring.look()
    assert now.load().leases == {}


def test_a_simulated_gpu_from_file_to_figures(book: Book) -> None:
    lease = hold(book)
    device = lease.held[0].device
    use = folder() / device / str(os.getpid())
    use.parent.mkdir(parents=True)
    use.write_text('{"memory_mb": 2000, "busy": 0.5}')
    driver = SimulatedDriver([state.device for state in book.devices()])
    measuring = Measuring(book, driver, Watch(), 10, (60, 2))
    tick, wall = 100.0, time.time() + 60
    for step in (0, 10, 10, 500, 10):  # the gap of 500 s was seen by nobody
        tick += step
        measuring.look(tick, wall)
    found = book.seconds(user="ada")["ada"]
    assert (found.allocated, found.held, found.busy) == pytest.approx((30, 30, 15))
    shown = summary.for_person(book, "ada", moment=wall)["leases"][0]
    assert shown["busy_share"] == pytest.approx(0.5)
    assert shown["memory_mb"] == 2000
    assert "simulated" in shown["promise"]
    later = summary.for_person(book, "ada", moment=wall + 3600)["leases"][0]
    assert later["busy_share"] is None, "an old look says nothing of now"
    os.utime(use, (0, 0))
    assert driver.look()[lease.held[0].device != "SIM-0"].busy == 0.0
    (use.parent / "lost").touch()
    measuring.look(tick, wall)
    marked = book.lease(lease.id)
    assert marked is not None
    assert marked.state == "unknown"
    assert "the card is lost" in summary.for_person(book, "ada", moment=wall)["leases"][0]["trouble"]
    (use.parent / "lost").unlink()
    measuring.look(tick, wall)
    assert (book.lease(lease.id) or lease).state == "active"


def test_a_process_without_a_lease_is_shown_to_admins(book: Book) -> None:
    use = folder() / "SIM-1" / str(os.getpid())
    use.parent.mkdir(parents=True)
    use.touch()
    driver = SimulatedDriver([state.device for state in book.devices()])
    Measuring(book, driver, Watch(), 10, (60, 2)).look()
    (stranger,) = overview.of_all(book)["strangers"]
    assert stranger["device"] == "SIM-1"
    assert stranger["pid"] == os.getpid()
    assert stranger["command"].startswith(("python", "pytest"))
    assert b"tidelab_gpu_processes_without_lease 1.0" in metrics.text(book, now.load())


@settings(max_examples=40)
@given(st.binary(max_size=200), st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True))
def test_nothing_in_the_folder_of_pretence_ends_the_look(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDELAB_DATA", str(tmp_path_factory.mktemp("data")))
        place = folder() / "SIM-0"
        place.mkdir(parents=True)
        (place / str(os.getpid())).write_bytes(raw)
        if name not in (".", ".."):
            (place / name).write_bytes(raw)
        from tidelab.leases import Device

        (use,) = SimulatedDriver([Device("SIM-0", simulated=True)]).look()
        assert use.busy is None or 0 <= use.busy <= 1


def test_links_and_pipes_are_not_followed(tmp_path: Path, book: Book) -> None:
    place = folder() / "SIM-0"
    place.mkdir(parents=True)
    os.mkfifo(place / str(os.getppid()))
    (place / str(os.getpid())).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("{}")
    assert SimulatedDriver([state.device for state in book.devices()]).look()[0].processes == ()


def test_a_process_belongs_to_the_lease_it_descends_from(book: Book) -> None:
    lease = hold(book)
    holders = Holders([lease])
    assert holders.lease_of(os.getpid()) == lease.id
    assert holders.lease_of(1) is None
    container = "cd" * 32
    inside = Holders([lease], containers=lambda pid: (container,))
    assert inside.lease_of(1) is None
    from dataclasses import replace

    docker = replace(lease, id="d", place=f"docker:{container}")
    assert Holders([docker], containers=lambda pid: ("00" * 32, container)).lease_of(99) == "d"


def test_an_admin_without_a_token_of_their_own_is_none() -> None:
    model = {
        "kind": "user",
        "name": "root",
        "admin": True,
        "groups": ["a"],
        "scopes": ["access:services!service=gpus"],
    }
    assert caller_of(model, by_token=False).admin, "in a browser"
    assert not caller_of(model, by_token=True).admin, "a server's token runs in notebooks"
    assert caller_of({**model, "scopes": ["admin-ui"]}, by_token=True).admin
    assert not caller_of({**model, "admin": False, "scopes": ["admin-ui"]}, by_token=True).admin
    prometheus = caller_of({"kind": "service", "name": "p", "scopes": ["read:metrics"]}, by_token=True)
    assert prometheus.metrics
    assert not prometheus.admin
    assert not prometheus.is_person


def test_weeks_add_up(book: Book) -> None:
    lease = hold(book)
    book.add_seconds(lease.id, Seconds(7200, 3600, 1800))
    (week,) = weeks(book, "ada", datetime.now(UTC))
    assert week.bars == (bar("case", Seconds(7200, 3600, 1800)),)
    assert (week.bars[0].busy, week.bars[0].held, week.bars[0].idle) == (0.5, 0.5, 1.0)
    assert weeks(book, "bob", datetime.now(UTC)) == []
    assert WEEKS == 6


@settings(max_examples=60)
@given(*(st.floats(0, 1e6) for _ in range(3)))
def test_parts_of_a_bar_are_never_negative_and_add_up(allocated: float, held: float, busy: float) -> None:
    made = bar("x", Seconds(allocated, held, busy))
    parts = made.parts(max(made.allocated, 1e-9))
    assert min(made.busy, made.held, made.idle) >= -1e-9
    assert made.allocated == pytest.approx(allocated / 3600)
    assert sum(width for _, _, width in parts) == pytest.approx(
        100 if allocated > 1e-3 else 0, abs=100 if allocated <= 1e-3 else 1e-6
    )


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"leases": 3}', '{"written": 1e12, "leases": {}, "strangers": [], "odd": 1}']
)
def test_a_broken_state_says_nothing(data: Path, text: str) -> None:
    now.file().parent.mkdir(parents=True)
    now.file().write_text(text)
    assert now.load().leases == {}
