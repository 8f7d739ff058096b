"""Asking, waiting and giving back, as one server and one batch run see it."""

import pytest

from tests.support.leases import FakeClock, granted, simulated, ticket_of
from tidelab.leases import Book, LeaseError, NoSuchGpuError, Owner, Policy, QuotaExceededError, Request


def places(lease):
    return [(place.device, place.slot) for place in lease.held]


def test_two_people_get_two_gpus_and_the_third_waits(book):
    assert {places(granted(book, user))[0] for user in ("ada", "bo")} == {("SIM-0", 0), ("SIM-1", 0)}
    asked = book.ask(Owner("cy", "s"), Request())
    assert (asked.lease, asked.place.position, asked.place.of) == (None, 1, 1)
    assert book.free(Request()) == type(book.free(Request()))(free=0, total=2, waiting=1)


def test_asking_again_gives_the_same(book):
    first = granted(book, "ada")
    assert book.ask(Owner("ada", "s"), Request()).lease == first
    granted(book, "bo")
    ticket = ticket_of(book, "cy")
    assert ticket_of(book, "cy").id == ticket.id


def test_another_request_replaces_a_reservation_but_not_what_is_in_use(book):
    book.set_inventory([*simulated(1), *simulated(1, "shared", 4, first=1)])
    lease = granted(book, "ada")
    other = granted(book, "ada", request=Request("shared"))
    assert book.lease(lease.id).state == "ended"
    book.activate(other.id, "docker:a")
    with pytest.raises(
        LeaseError, match=r"holds 1 shared GPU already. Stop it before it starts with 1 whole GPU"
    ):
        book.ask(Owner("ada", "s"), Request())


def test_the_next_one_gets_what_is_given_back_and_only_they(book):
    first, _ = granted(book, "ada"), granted(book, "bo")
    cy = ticket_of(book, "cy")
    dee = ticket_of(book, "dee")
    book.release(first.id, "stopped")
    assert book.again(dee.id).lease is None
    assert places(book.again(cy.id).lease) == places(first)
    assert book.again(cy.id).lease.owner.user == "cy"
    assert book.again(dee.id).place.position == 1


def test_a_newcomer_does_not_overtake(book):
    first, _ = granted(book, "ada"), granted(book, "bo")
    cy = ticket_of(book, "cy")
    book.release(first.id, "stopped")
    assert book.ask(Owner("eve", "s"), Request()).lease is None
    assert book.again(cy.id).lease is not None


def test_two_gpus_are_collected_for_the_one_who_needs_two(book):
    first, second = granted(book, "ada"), granted(book, "bo")
    both = ticket_of(book, "cy", request=Request(count=2))
    one = ticket_of(book, "dee")
    book.release(first.id, "stopped")
    assert book.again(one.id).lease is None, "the free GPU is kept for whoever needs two"
    book.release(second.id, "stopped")
    assert book.again(one.id).lease is None
    assert len(book.again(both.id).lease.held) == 2


def test_another_kind_passes_one_that_waits(book):
    book.set_inventory([*simulated(1), *simulated(1, "shared", 2, first=1)])
    granted(book, "ada")
    ticket_of(book, "bo")
    assert granted(book, "cy", request=Request("shared"))


def test_a_wish_that_drained_devices_cannot_fulfil_keeps_nothing_back(book):
    ada = granted(book, "ada")
    both = ticket_of(book, "bo", request=Request(count=2))
    book.drain(places(ada)[0][0], True, "fan")
    assert granted(book, "cy")
    assert book.again(both.id).lease is None


def test_who_is_silent_stands_aside_and_comes_back_to_their_place(book, clock: FakeClock):
    first, _ = granted(book, "ada"), granted(book, "bo")
    for lease in book.live():
        book.activate(lease.id, f"docker:{lease.id}")
    cy = ticket_of(book, "cy")
    clock.tick(31)
    dee = ticket_of(book, "dee")
    assert [ticket.owner.user for ticket, _ in book.queue()] == ["dee"]
    assert book.again(cy.id).place.position == 1, "age counts from the day one asked"
    book.release(first.id, "stopped")
    assert book.again(dee.id).lease is None
    assert book.again(cy.id).lease is not None


def test_a_silent_head_does_not_keep_a_gpu_from_the_next(book, clock: FakeClock):
    first, _ = granted(book, "ada"), granted(book, "bo")
    ticket_of(book, "cy")
    dee = ticket_of(book, "dee")
    book.release(first.id, "stopped")
    clock.tick(20)
    assert book.again(dee.id).lease is None
    clock.tick(11)
    assert book.again(dee.id).lease is not None


def test_withdrawn_is_out(book):
    granted(book, "ada"), granted(book, "bo")
    cy = ticket_of(book, "cy")
    book.withdraw(cy.id)
    assert book.queue() == []
    with pytest.raises(LeaseError, match="no longer waits"):
        book.again(cy.id)
    with pytest.raises(LeaseError, match="no place 999 in the queue"):
        book.again(999)


def test_what_is_not_there_is_refused_at_once(book):
    with pytest.raises(NoSuchGpuError, match="this machine has 2 × whole GPU"):
        book.ask(Owner("ada", "s"), Request("mig", 1, "1g.10gb"))
    with pytest.raises(NoSuchGpuError, match="3 whole GPUs cannot be had"):
        book.ask(Owner("ada", "s"), Request(count=3))
    assert book.queue() == []


@pytest.mark.parametrize(
    ("owner", "request_"),
    [
        (Owner("", "s"), Request()),
        (Owner("a" * 256, "s"), Request()),
        (Owner("ada", "s" * 256), Request()),
        (Owner("ada", "s"), Request(count=0)),
        (Owner("ada", "s"), Request(count=-1)),
        (Owner("ada", "s"), Request(count=65)),
        (Owner("ada", "s"), Request("gpu")),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_asked_for(book, owner, request_):
    with pytest.raises(LeaseError):
        book.ask(owner, request_)
    assert book.live() == []


def test_gpus_kept_for_apps_and_batch_runs(book):
    book.set_policy(Policy(for_apps=1, per_person=None))
    granted(book, "ada")
    waiting = ticket_of(book, "bo")
    assert book.free(Request()).free == 0
    assert book.free(Request(), "batch").free == 1
    assert granted(book, "cy", pool="batch")
    with pytest.raises(NoSuchGpuError, match="keeps 1 free for apps and batch runs"):
        book.ask(Owner("dee", "s"), Request(count=2))
    assert book.again(waiting.id).lease is None


def test_shared_places_spread_over_cards_and_a_lease_has_one_on_each(book):
    book.set_inventory(simulated(2, "shared", 2))
    assert {place.device for place in granted(book, "ada", request=Request("shared", 2)).held} == {
        "SIM-0",
        "SIM-1",
    }
    assert {granted(book, user, request=Request("shared")).held[0].device for user in "xy"} == {
        "SIM-0",
        "SIM-1",
    }
    with pytest.raises(NoSuchGpuError):
        book.ask(Owner("bo", "s"), Request("shared", 3))


def test_a_card_is_whole_or_shared_never_both(book):
    book.set_inventory([*simulated(1), *simulated(1, "shared", 3)])
    whole = granted(book, "ada")
    shared = ticket_of(book, "bo", request=Request("shared"))
    book.release(whole.id, "stopped")
    held = book.again(shared.id).lease
    assert held is not None
    assert ticket_of(book, "ada", request=Request("whole"))
    assert granted(book, "cy", request=Request("shared")).held[0].slot == 1


def test_cards_take_turns(book, clock: FakeClock):
    used = []
    for _ in range(4):
        lease = granted(book, "ada")
        used.append(places(lease)[0][0])
        clock.tick(60)
        book.release(lease.id, "stopped")
    assert used == ["SIM-0", "SIM-1", "SIM-0", "SIM-1"]


def test_recent_use_comes_first_and_age_makes_up_for_it(book, clock: FakeClock):
    from tidelab.leases import Seconds

    book.set_inventory(simulated(1))
    book.set_policy(Policy(per_person=None, age_weight=6, half_life_s=86_400))
    lease = granted(book, "ada")
    book.add_seconds(lease.id, Seconds(allocated=7200, held=7200, busy=3600))
    book.activate(lease.id, "docker:a")
    heavy = ticket_of(book, "ada", "other")
    clock.tick(5)
    light = ticket_of(book, "bo")
    assert [ticket.owner.user for ticket, _ in book.queue()] == ["bo", "ada"]
    for _ in range(
        60
    ):  # 20 minutes of waiting make up for 2 hours of use at 6 hours an hour; bo waited as long
        clock.tick(20)
        book.again(heavy.id), book.again(light.id)
    newcomer = ticket_of(book, "cy")
    assert [ticket.owner.user for ticket, _ in book.queue()] == ["bo", "ada", "cy"]
    assert newcomer


def test_what_one_person_may_hold_at_a_time(book):
    book.set_policy(Policy(per_person=1))
    granted(book, "ada")
    with pytest.raises(
        QuotaExceededError,
        match=r"ada may hold 1 GPU at a time \(the hub's setting\), holds 1 \(with s\), and asks for 1",
    ):
        book.ask(Owner("ada", "t"), Request())
    granted(book, "bo")
    ticket_of(book, "cy")
    with pytest.raises(QuotaExceededError, match="holds none and waits for 1"):
        book.ask(Owner("cy", "t"), Request())


def test_the_command_line_obeys_the_same_policy(book):
    book.set_policy(Policy(for_apps=1, per_person=3, max_s=60))
    assert Book(book.file).policy() == Policy(for_apps=1, per_person=3, max_s=60)
