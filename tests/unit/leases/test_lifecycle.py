"""From reservation to return: activate, renew, keep, mark, drain, and a clock that somebody sets."""

import pytest

from tests.support.leases import FakeClock, granted, simulated, ticket_of
from tidelab.leases import LeaseError, Owner, Request


def test_a_reservation_becomes_active_where_it_is_used(book):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    assert (lease.state, lease.place, lease.deadline) == ("active", "docker:c1", None)
    assert book.activate(lease.id, "docker:c1") == lease
    assert book.activate(lease.id, "docker:c2").place == "docker:c2"
    with pytest.raises(LeaseError, match="at a place"):
        book.activate(lease.id, "")


def test_a_reservation_nobody_came_for_ends(book, clock: FakeClock):
    lease = granted(book, "ada")
    clock.tick(121)
    assert granted(book, "bo", request=Request(count=2))
    ended = book.lease(lease.id)
    assert (ended.state, ended.why) == ("ended", "nothing started on it in time")
    with pytest.raises(LeaseError, match=r"has been given to somebody else since. Start the server again"):
        book.activate(lease.id, "docker:late")


def test_a_late_container_gets_its_gpu_while_nobody_else_has_it(book, clock: FakeClock):
    lease = granted(book, "ada")
    clock.tick(121)
    book.ask(Owner("bo", "s"), Request())
    assert book.lease(lease.id).state == "ended"
    back = book.activate(lease.id, "docker:late")
    assert (back.state, back.held, back.ended) == ("active", lease.held, None)
    assert book.find("ada", "s") == back


def test_a_reservation_is_renewed_while_an_image_is_pulled(book, clock: FakeClock):
    lease = granted(book, "ada")
    for _ in range(5):
        clock.tick(100)
        book.renew(lease.id, 120)
    assert granted(book, "bo")
    assert book.find("ada", "s").id == lease.id
    for seconds in (0, -1, 1e9, float("nan")):
        with pytest.raises(LeaseError, match="renewed for 1 second to 7 days"):
            book.renew(lease.id, seconds)


def test_a_lease_with_a_place_lives_as_long_as_what_runs_there(book, clock: FakeClock):
    lease = book.activate(granted(book, "ada").id, "docker:c")
    book.renew(lease.id, 60)
    clock.tick(10 * 86_400)
    book.ask(Owner("bo", "s"), Request())
    assert book.find("ada", "s") is not None


def test_release_is_said_once_and_twice_harms_nothing(book):
    lease = granted(book, "ada")
    assert book.release(lease.id, "stopped").why == "stopped"
    assert book.release(lease.id, "again").why == "stopped"
    assert book.release("nothing", "x") is None
    assert [event.kind for event in book.events()].count("released") == 1


def test_a_stopped_server_gives_back_whatever_it_has(book):
    granted(book, "ada"), granted(book, "bo")
    ticket_of(book, "cy")
    assert book.release_server("cy", "s", "stopped") is None
    assert book.queue() == []
    assert book.release_server("ada", "s", "stopped").state == "ended"
    assert book.find("ada", "s") is None
    assert book.release_server("ada", "s", "stopped") is None


def test_keep_is_granted_as_often_as_the_policy_says(book, clock: FakeClock):
    lease = granted(book, "ada")
    kept = book.keep(lease.id, 60, 2)
    assert (kept.kept_until, kept.kept_times) == (clock.now + 3600, 1)
    assert book.keep(lease.id, 60, 2).kept_until == clock.now + 7200
    with pytest.raises(LeaseError, match="kept 2 times already"):
        book.keep(lease.id, 60, 2)
    with pytest.raises(LeaseError, match="There is no lease 'x', so it cannot be kept"):
        book.keep("x", 60, 2)
    with pytest.raises(LeaseError, match="up to 7 days"):
        book.keep(lease.id, 0, 5)


def test_a_lost_device_is_marked_and_found_again(book):
    lease = book.activate(granted(book, "ada").id, "docker:c")
    gone = lease.held[0].device
    book.set_inventory([device for device in simulated(2) if device.id != gone])
    assert [state.present for state in book.devices() if state.device.id == gone] == [False]
    (action,) = book.reconcile(None)
    assert (action.kind, book.lease(lease.id).state) == ("lost", "unknown")
    assert book.reconcile(None) == []
    book.set_inventory(simulated(2))
    book.reconcile(None)
    assert (book.lease(lease.id).state, book.lease(lease.id).why) == ("active", "")


def test_a_mark_of_a_sampler_stays_until_it_says_otherwise(book):
    lease = book.activate(granted(book, "ada").id, "docker:c")
    assert book.mark(lease.id, "unknown", "the driver does not answer").state == "unknown"
    book.reconcile(None)
    assert book.lease(lease.id).state == "unknown"
    assert book.mark(lease.id, "active", "").state == "active"
    with pytest.raises(LeaseError, match="unknown or active"):
        book.mark(lease.id, "ended", "")


def test_draining_keeps_leases_and_survives_a_new_inventory(book):
    lease = granted(book, "ada")
    device = lease.held[0].device
    book.drain(device, True, "fan", by="root")
    book.set_inventory(simulated(2))
    assert book.find("ada", "s") == lease
    assert granted(book, "bo").held[0].device != device
    book.release(lease.id, "stopped")
    assert book.free(Request()).total == 1
    waiting = ticket_of(book, "cy")
    book.drain(device, False, "")
    assert book.again(waiting.id).lease is not None
    with pytest.raises(LeaseError, match=r"There is no device 'X'. Those of this machine: SIM-0, SIM-1"):
        book.drain("X", True, "")
    assert [event.kind for event in book.events() if "drain" in event.kind] == ["undrained", "drained"]


def test_a_device_that_is_gone_and_free_is_forgotten(book):
    book.set_inventory(simulated(1))
    assert [state.device.id for state in book.devices()] == ["SIM-0"]


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86_400.0 * 365, -86_400.0 * 365])
def test_a_clock_that_somebody_sets_changes_nothing_but_the_dates(book, clock: FakeClock, jump):
    lease = granted(book, "ada")
    busy = book.activate(granted(book, "bo").id, "docker:b")
    ticket = ticket_of(book, "cy")
    clock.set_by(jump)
    assert book.again(ticket.id).lease is None, "the reservation of ada is as young as before"
    assert book.lease(lease.id).deadline == pytest.approx(clock.now + 120)
    clock.tick(60)
    book.release(busy.id, "stopped")
    assert book.again(ticket.id).lease is not None
    (seconds,) = book.seconds("bo").values()
    assert seconds.allocated == pytest.approx(60)
    assert any(event.kind == "clock" for event in book.events())


def test_a_reboot_is_no_clock_that_was_set(book, clock: FakeClock):
    lease = granted(book, "ada")
    clock.tick(30)
    clock.booted, clock.up = "boot-2", 5.0
    book.live()
    assert book.lease(lease.id).deadline == pytest.approx(clock.now + 90)


def test_small_drift_of_the_clock_is_followed(book, clock: FakeClock):
    for _ in range(20):
        clock.set_by(-1)
        book.live()
    assert len([event for event in book.events() if event.kind == "clock"]) == 3  # each above 5 s


def test_leases_of_the_past_stay_in_the_history(book, clock: FakeClock):
    lease = granted(book, "ada")
    clock.tick(100)
    book.release(lease.id, "stopped")
    granted(book, "bo")
    assert [one.owner.user for one in book.history()] == ["ada", "bo"]
    assert [one.owner.user for one in book.history(since=clock.now + 1)] == ["bo"]
    assert [one.id for one in book.history("ada")] == [lease.id]
