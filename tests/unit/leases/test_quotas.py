"""Limits of a person, their groups and everyone; measured use; asking for more."""

import math

import pytest

from tests.support.leases import FakeClock, granted, ticket_of
from tidelab.leases import LeaseError, Owner, Policy, QuotaExceededError, Request, Seconds


def use(book, user, hours, use_case=""):
    """Let somebody use a GPU for so long at this moment, and give it back."""
    lease = book.ask(Owner(user, "past", use_case), Request()).lease
    book.add_seconds(lease.id, Seconds(hours * 3600, hours * 3600, hours * 1800))
    book.release(lease.id, "stopped")


def test_person_before_group_before_everyone_field_by_field(book):
    book.set_quota("everyone", gpu_hours=10, gpus=1, servers=2, memory_gb=16)
    book.set_quota("group", "students", gpu_hours=20, gpus=2)
    book.set_quota("group", "staff", gpu_hours=5, gpus=4)
    book.set_quota("person", "ada", gpus=8)
    quota = book.quota(Owner("ada", "s", groups=("students", "staff", "others")))
    assert (quota.gpu_hours, quota.gpus, quota.servers, quota.memory_gb) == (20, 8, 2, 16)
    assert quota.sources == {
        "gpu_hours": "group students", "gpus": "person", "servers": "everyone", "memory_gb": "everyone",
    }  # fmt: skip
    assert book.quota(Owner("bo", "s")).gpus == 1


def test_hours_of_different_windows_are_compared_by_the_day(book):
    book.set_quota("group", "a", gpu_hours=10, days=1)
    book.set_quota("group", "b", gpu_hours=100, days=30)
    quota = book.quota(Owner("ada", "s", groups=("b", "a")))
    assert (quota.gpu_hours, quota.days) == (10, 1)


def test_infinity_lifts_a_limit_and_none_removes_it(book):
    book.set_quota("everyone", gpus=1, gpu_hours=0)
    book.set_quota("person", "ada", gpus=math.inf, gpu_hours=math.inf)
    quota = book.quota(Owner("ada", "s"))
    assert (quota.gpus, quota.gpu_hours) == (None, None)
    book.set_quota("person", "ada")
    assert book.quota(Owner("ada", "s")).gpus == 1
    assert [(row.scope, row.name) for row in book.quotas()] == [("everyone", "")]


@pytest.mark.parametrize(
    ("scope", "name", "limits"),
    [
        ("hub", "x", {"gpus": 1}),
        ("everyone", "x", {"gpus": 1}),
        ("person", "", {"gpus": 1}),
        ("person", "ada", {"gpus": -1}),
        ("person", "ada", {"gpu_hours": float("nan")}),
        ("person", "ada", {"gpu_hours": 1, "days": 0}),
        ("person", "ada", {"gpu_hours": 1, "days": 1e6}),
    ],
)
def test_what_is_no_quota(book, scope, name, limits):
    with pytest.raises(LeaseError):
        book.set_quota(scope, name, **limits)
    assert book.quotas() == []


def test_hours_are_measured_use_and_not_the_time_a_gpu_stood_empty(book, clock: FakeClock):
    book.set_quota("everyone", gpu_hours=2)
    lease = granted(book, "ada")
    book.add_seconds(lease.id, Seconds(allocated=36_000, held=0, busy=0))
    assert book.quota(Owner("ada", "s")).used_hours == 0
    book.add_seconds(lease.id, Seconds(allocated=3600, held=3600, busy=600))
    book.add_seconds(lease.id, Seconds(allocated=3600, held=0, busy=1800))
    assert book.quota(Owner("ada", "s")).used_hours == 1.5
    assert book.over_quota() == []
    book.add_seconds(lease.id, Seconds(held=1800))
    ((over, words),) = book.over_quota()
    assert over.id == lease.id
    assert words.startswith("ada used 2.0 of 2 GPU hours of the last 30 days (everyone's limit).")


def test_used_up_hours_refuse_and_say_when_there_are_more(book, clock: FakeClock):
    book.set_quota("person", "ada", gpu_hours=3, days=7)
    clock.now = 1_790_000_000 // 86_400 * 86_400 + 10 * 3600 + 600.0  # 10:10 UTC
    clock.up = clock.now
    book.live()
    use(book, "ada", 2)
    clock.tick(86_400)
    use(book, "ada", 2)
    with pytest.raises(QuotaExceededError) as caught:
        book.ask(Owner("ada", "s"), Request())
    # 2 of the 4 hours were used between 10 and 11 o'clock of the first day and leave the window 7 days after 11 o'clock.
    assert "used 4.0 of 3 GPU hours of the last 7 days (your own limit)" in str(caught.value)
    assert "at 11:00 UTC" in str(caught.value)
    clock.tick(6 * 86_400 + 49 * 60)
    with pytest.raises(QuotaExceededError):
        book.ask(Owner("ada", "s"), Request())
    clock.tick(2 * 60)
    assert granted(book, "ada")


def test_no_hours_at_all_are_said_as_such(book):
    book.set_quota("everyone", gpu_hours=0)
    with pytest.raises(
        QuotaExceededError, match=r"used 0.0 of 0 GPU hours .* No GPU hours are given to you."
    ):
        book.ask(Owner("ada", "s"), Request())


def test_who_uses_up_their_hours_while_waiting_is_told(book):
    book.set_quota("person", "cy", gpu_hours=1)
    use(book, "cy", 0.5)
    granted(book, "ada"), granted(book, "bo")
    ticket = ticket_of(book, "cy")
    book.set_quota("person", "cy", gpu_hours=0.5)
    with pytest.raises(QuotaExceededError):
        book.again(ticket.id)


def test_who_may_hold_no_more_keeps_nothing_back_from_others(book):
    book.set_policy(Policy(per_person=2))
    first = granted(book, "ada")
    granted(book, "bo")
    waiting = ticket_of(book, "ada", "t")
    other = ticket_of(book, "cy")
    book.set_quota("person", "ada", gpus=0)
    book.release(first.id, "stopped")
    assert book.again(other.id).lease is not None
    with pytest.raises(QuotaExceededError):
        book.again(waiting.id)


def test_asking_for_more_and_the_answer(book):
    first = book.ask_more("ada", " two GPUs for a week ")
    assert (first.text, first.granted) == ("two GPUs for a week", None)
    second = book.ask_more("ada", "three")
    assert [wish.id for wish in book.requests()] == [second.id]
    answered = book.answer(second.id, granted=True, by="root", text="until Friday")
    assert (answered.granted, answered.by, answered.answer) == (True, "root", "until Friday")
    assert book.requests() == []
    assert book.requests(open_only=False) == [answered]
    with pytest.raises(LeaseError, match="answered the request"):
        book.answer(second.id, granted=False, by="root")
    with pytest.raises(LeaseError, match="There is no request 99"):
        book.answer(99, granted=False, by="root")
    for text in ("", "  ", "x" * 2001):
        with pytest.raises(LeaseError, match="1 to 2000 characters"):
            book.ask_more("ada", text)
