"""Device-seconds by hour: what is added, what is settled, and recent use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leases import START, FakeClock, granted, simulated
from tidelab.leases import Book, LeaseError, Owner, Policy, Request, Seconds
from tidelab.leases.line import decayed


def test_added_up_by_person_use_case_lease_and_day(book, clock: FakeClock):
    ada = book.ask(Owner("ada", "s", "plankton"), Request()).lease
    bo = book.ask(Owner("bo", "s", "fish"), Request()).lease
    book.add_seconds(ada.id, Seconds(10, 8, 5))
    clock.tick(86_400)
    book.add_seconds(ada.id, Seconds(10, 0, 2))
    book.add_seconds(bo.id, Seconds(1, 1, 1))
    assert book.seconds() == {"ada": Seconds(20, 8, 7, 10), "bo": Seconds(1, 1, 1, 1)}
    assert set(book.seconds(by="use_case")) == {"plankton", "fish"}
    assert set(book.seconds(by="lease")) == {ada.id, bo.id}
    assert list(book.seconds("ada", by="day").values()) == [Seconds(10, 8, 5, 8), Seconds(10, 0, 2, 2)]
    assert next(iter(book.seconds("ada", by="day"))) == "2026-09-21"
    assert book.seconds(since=clock.now) == {"ada": Seconds(10, 0, 2, 2), "bo": Seconds(1, 1, 1, 1)}
    with pytest.raises(LeaseError, match="not by 'month'"):
        book.seconds(by="month")


@pytest.mark.parametrize(
    "bad", [Seconds(-1), Seconds(held=-0.1), Seconds(busy=float("nan")), Seconds(float("inf"))]
)
def test_seconds_are_never_negative(book, bad):
    lease = granted(book, "ada")
    with pytest.raises(LeaseError, match="never negative"):
        book.add_seconds(lease.id, bad)
    assert book.seconds() == {}


def test_a_lease_that_is_not_in_the_book_is_left_out(book):
    book.add_seconds("nothing", Seconds(1, 1, 1))
    assert book.seconds() == {}


def test_time_that_nobody_measured_is_allocated_when_a_lease_ends(book, clock: FakeClock):
    lease = book.activate(granted(book, "ada", request=Request(count=2)).id, "docker:a")
    clock.tick(3600 * 3)
    book.add_seconds(lease.id, Seconds(7200, 3600, 1800))
    clock.tick(3600)
    book.release(lease.id, "stopped")
    (total,) = book.seconds().values()
    assert total.allocated == pytest.approx(2 * 4 * 3600)
    assert total.used == 3600
    book.add_seconds(lease.id, Seconds(100, 50, 50))
    (total,) = book.seconds().values()
    assert total.allocated == pytest.approx(2 * 4 * 3600), "was settled"
    assert total.used == 3650


def test_what_a_sampler_reported_in_full_is_not_counted_twice(book, clock: FakeClock):
    lease = book.activate(granted(book, "ada").id, "docker:a")
    for _ in range(100):
        clock.tick(50)
        book.add_seconds(lease.id, Seconds(50, 50, 10))
    book.release(lease.id, "stopped")
    assert book.seconds()["ada"].allocated == pytest.approx(5000)


def test_last_use_is_kept_with_the_lease(book, clock: FakeClock):
    lease = granted(book, "ada")
    assert lease.used_at is None
    book.add_seconds(lease.id, Seconds(5, 5, 0))
    used = clock.now
    clock.tick(60)
    book.add_seconds(lease.id, Seconds(5, 0, 0))
    assert book.lease(lease.id).used_at == used


def test_recent_use_halves_and_idle_time_weighs_less(book, clock: FakeClock):
    from tidelab.leases import ledger, rows

    policy = Policy(per_person=None, half_life_s=3600, idle_weight=0.25)
    book.set_policy(policy)
    lease = granted(book, "ada")
    book.add_seconds(lease.id, Seconds(allocated=1000, held=600, busy=0))

    def recent():
        with book._open() as (db, now):
            return ledger.recent(db, ["ada"], rows.policy(db), now)["ada"]

    assert recent() == pytest.approx(600 + 0.25 * 400)
    clock.tick(3600)
    assert recent() == pytest.approx(350)
    book.set_policy(Policy(per_person=None, half_life_s=3600, idle_weight=1.0))
    # Counted anew from whole hours: the use lies at the end of its hour, at most an hour later than it was.
    assert 500 <= recent() <= 1000


@given(
    reports=st.lists(
        st.tuples(st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 7000)), max_size=8
    ),
    count=st.integers(1, 3),
)
@settings(max_examples=6, deadline=None)
def test_a_ledger_never_says_less_than_a_lease_lasted(tmp_path_factory, reports, count):
    clock = FakeClock()
    book = Book(tmp_path_factory.mktemp("book") / "b.sqlite", clock=clock)
    book.set_inventory(simulated(3))
    book.set_policy(Policy(per_person=None))
    lease = book.activate(granted(book, "ada", request=Request(count=count)).id, "docker:a")
    told = 0.0
    for allocated, held, busy, pause in reports:
        clock.tick(pause)
        book.add_seconds(lease.id, Seconds(allocated, held, busy))
        told += allocated
    book.release(lease.id, "stopped")
    total = book.seconds().get("ada", Seconds())
    due = (clock.now - START) * count
    assert total.allocated == pytest.approx(max(due, total.allocated), abs=0.01)
    assert total.allocated <= max(due, told) + told + 0.01
    assert min(total.allocated, total.held, total.busy, total.used) >= 0
    book.close()


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1e6))
@settings(max_examples=25)
def test_decay_only_takes_away(seconds, since, half_life):
    assert 0 <= decayed(seconds, since, half_life) <= seconds
