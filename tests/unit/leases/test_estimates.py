"""Waiting times from how long leases lasted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leases import FakeClock, granted, ticket_of
from tidelab.leases import Policy
from tidelab.leases.estimates import estimate


def test_known_answers():
    hour = [3600.0] * 5
    assert estimate([(1, 1)], [600.0, 3000.0], hour) == {1: 600.0}
    assert estimate([(1, 2)], [600.0, 3000.0], hour) == {1: 3000.0}
    assert estimate([(1, 1), (2, 1), (3, 1)], [600.0, 3000.0], hour) == {1: 600.0, 2: 3000.0, 3: 4200.0}


def test_the_median_of_those_that_became_as_old():
    assert estimate([(1, 1)], [1000.0], [60.0, 60.0, 1300.0, 1600.0, 4000.0]) == {1: 600.0}


def test_nothing_known_nothing_said():
    assert estimate([(1, 1)], [600.0], [3600.0] * 4) == {}
    assert estimate([(1, 1)], [9999.0], [3600.0] * 5) == {}
    assert estimate([(1, 3)], [600.0, 700.0], [3600.0] * 5) == {}
    assert estimate([], [], []) == {}


def test_the_longest_time_bounds_it():
    assert estimate([(1, 1)], [600.0], [], max_s=3600.0) == {1: 3000.0}
    assert estimate([(1, 1)], [600.0], [90_000.0] * 5, max_s=3600.0) == {1: 3000.0}
    assert estimate([(1, 1)], [5000.0], [], max_s=3600.0) == {1: 0.0}


@given(
    st.lists(st.integers(1, 3), max_size=5),
    st.lists(st.floats(0, 1e5), max_size=5),
    st.lists(st.floats(30, 1e5), max_size=20),
    st.none() | st.floats(1, 1e5),
)
@settings(max_examples=25)
def test_never_negative_and_later_tickets_of_one_place_wait_longer(counts, ages, lengths, max_s):
    wanted = list(enumerate(counts))
    found = estimate(wanted, ages, lengths, max_s)
    assert all(wait >= 0 and wait % 60 == 0 for wait in found.values())
    ones = [found[number] for number, count in wanted if count == 1 and number in found]
    if all(count == 1 for count in counts):
        assert ones == sorted(ones)


def test_the_queue_shows_it_once_the_book_has_a_past(book, clock: FakeClock):
    def stay(seconds):
        lease = book.activate(granted(book, "past").id, "docker:p")
        clock.tick(seconds)
        book.release(lease.id, "stopped")

    for _ in range(5):
        stay(1800)
    for user in ("ada", "bo"):
        book.activate(granted(book, user).id, f"docker:{user}")
    clock.tick(600)
    ticket_of(book, "cy")
    assert book.queue()[0][1].wait_s == pytest.approx(1200)


def test_servers_that_did_not_start_say_nothing(book, clock: FakeClock):
    for _ in range(9):
        lease = granted(book, "past")
        clock.tick(100)
        book.release(lease.id, "did not start")
    book.set_policy(Policy(per_person=None))
    granted(book, "ada"), granted(book, "bo")
    ticket_of(book, "cy")
    assert book.queue()[0][1].wait_s is None
