"""What runs is the truth, and the book follows."""

import pytest

from tests.support.leases import FakeClock, granted, simulated, ticket_of
from tidelab.leases import LeaseError, Owner, Policy, Request, Seen, labels, processes


def look(book, clock, *seen, boot=False):
    return [
        (action.kind, action.lease.owner.user)
        for action in book.reconcile(list(seen), boot=boot, as_of=clock.now)
    ]


def container(lease, name="c1", running=True):
    return Seen(f"docker:{name}", running, labels.of(lease))


def test_nothing_to_do(book, clock):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    clock.tick(1)
    assert look(book, clock, container(lease)) == []
    assert book.find("ada", "s") == lease


def test_a_hub_killed_between_container_and_activation(book, clock):
    lease = granted(book, "ada")
    clock.tick(1)
    assert look(book, clock, container(lease), boot=True) == [("activated", "ada")]
    assert book.find("ada", "s").place == "docker:c1"
    assert look(book, clock, container(lease), boot=True) == []


def test_a_hub_killed_between_lease_and_container(book, clock):
    granted(book, "ada")
    assert look(book, clock) == [], "while the hub runs, its reservation has time"
    assert look(book, clock, boot=True) == [("released", "ada")]
    assert granted(book, "ada")


def test_a_hub_without_engine_ends_what_an_earlier_one_reserved(book):
    granted(book, "ada")
    assert [action.kind for action in book.reconcile(None, boot=True)] == ["released"]


def test_a_batch_reservation_survives_the_restart_of_the_hub(book, clock):
    granted(book, "ada", "run:1", pool="batch")
    assert look(book, clock, boot=True) == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_container_that_ended_gives_its_gpu_back(book, clock, gone):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    clock.tick(1)
    seen = [] if gone else [container(lease, running=False)]
    assert look(book, clock, *seen) == [("released", "ada")]


def test_a_container_that_was_made_and_not_started_yet_is_left_alone(book, clock):
    lease = granted(book, "ada")
    clock.tick(1)
    assert look(book, clock, container(lease, running=False)) == []


def test_without_the_engine_containers_are_left_alone(book, clock):
    book.activate(granted(book, "ada").id, "docker:c1")
    clock.tick(100)
    assert book.reconcile(None) == []


def test_what_began_after_the_engine_was_asked_is_left_alone(book, clock):
    asked = clock.now
    clock.tick(1)
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    assert book.reconcile([], as_of=asked) == []
    clock.tick(1)
    stale = container(lease)
    book.release(lease.id, "stopped")
    assert book.reconcile([stale], as_of=clock.now - 1) == []
    assert book.live() == []
    book.activate(granted(book, "bo").id, "docker:c2")
    assert book.reconcile([]) == [], "a caller who does not say when gets ten seconds"
    clock.tick(11)
    assert [action.kind for action in book.reconcile([])] == ["released"]


def test_a_lost_book_is_written_again_from_labels(tmp_path, book, clock):
    from tidelab.leases import Book

    leases = [book.activate(granted(book, user).id, f"docker:{user}") for user in ("ada", "bo")]
    new = Book(tmp_path / "new.sqlite", clock=clock)
    new.set_inventory(simulated(2))
    assert look(new, clock, *(container(one, one.owner.user) for one in leases)) == [
        ("adopted", "ada"),
        ("adopted", "bo"),
    ]
    for one in leases:
        again = new.find(one.owner.user, "s")
        assert (again.id, again.held, again.place, again.state) == (one.id, one.held, one.place, "active")
    new.set_policy(Policy(per_person=None))
    ticket_of(new, "cy")


def test_a_running_container_wins_over_a_reservation(book, clock):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    granted(book, "bo")
    book.release(lease.id, "stopped, says the hub, and the engine did not stop it")
    clock.tick(1)
    other = granted(book, "cy")
    clock.tick(1)
    assert look(book, clock, container(lease)) == [("adopted", "ada")]
    assert book.lease(other.id).state == "ended"
    with pytest.raises(LeaseError, match="given to somebody else"):
        book.activate(other.id, "docker:c9")


def test_two_containers_on_one_gpu_are_a_conflict_and_say_which_to_stop(book, clock):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    granted(book, "bo")
    book.release(lease.id, "stopped, says the hub")
    other = book.activate(granted(book, "cy").id, "docker:c2")
    clock.tick(1)
    (action,) = book.reconcile([container(lease, "c1"), container(other, "c2")], as_of=clock.now)
    assert (action.kind, action.lease.owner.user) == ("conflict", "ada")
    assert (action.stop, action.why) == (
        "docker:c1",
        "docker:c1 runs on a GPU that docker:c2 of cy has; stop docker:c1",
    )
    assert book.find("cy", "s") == other


def test_two_containers_with_one_lease(book, clock):
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    clock.tick(1)
    assert look(book, clock, container(lease, "c1"), container(lease, "c2")) == [("conflict", "ada")]
    assert look(book, clock, container(lease, "c2")) == [("activated", "ada")]


def test_a_server_started_anew_while_its_old_container_runs(book, clock):
    old = book.activate(granted(book, "ada").id, "docker:c1")
    book.release(old.id, "stopped, says the hub")
    granted(book, "ada")
    clock.tick(1)
    assert look(book, clock, container(old, "c1")) == [("adopted", "ada")]
    assert [lease.id for lease in book.live()] == [old.id]


def test_an_expired_reservation_whose_container_runs_is_not_ended(book, clock: FakeClock):
    lease = granted(book, "ada")
    clock.tick(500)
    assert look(book, clock, container(lease)) == [("activated", "ada")]


def test_labels_of_others_and_broken_ones_are_nothing(book, clock):
    lease = granted(book, "ada")
    broken = labels.of(lease) | {labels.DEVICES: "SIM-0/x"}
    assert look(book, clock, Seen("docker:z", True, {}), Seen("docker:y", True, broken)) == []


def test_a_container_on_devices_this_machine_has_not(tmp_path, book, clock):
    lease = granted(book, "ada")
    seen = Seen(
        "docker:z",
        True,
        labels.of(lease) | {labels.LEASE: "other", labels.USER: "zoe", labels.DEVICES: "GPU-9/0"},
    )
    kinds = look(book, clock, seen)
    assert ("adopted", "zoe") in kinds
    assert ("lost", "zoe") in kinds


def test_a_process_that_is_gone_gives_its_gpu_back(book, clock):
    from subprocess import Popen

    child = Popen(["sleep", "60"])
    place = processes.place_of(child.pid)
    lease = book.ask(Owner("ada", "run:1"), Request(), "batch", place=place).lease
    assert (lease.state, lease.place, lease.deadline) == ("active", place, None)
    assert book.reconcile(None) == []
    child.kill()
    child.wait()
    assert [action.kind for action in book.reconcile(None)] == ["released"]


def test_asking_alone_finds_out_that_a_process_is_gone(book):
    for user in ("ada", "bo"):
        book.ask(Owner(user, "run:1"), Request(), "batch", place="pid:4194303:1.x")
    assert granted(book, "cy")


def test_a_batch_lease_that_is_not_renewed_ends(book, clock: FakeClock):
    lease = granted(book, "ada", "run:1", pool="batch")
    book.renew(lease.id, 300)
    clock.tick(299)
    assert look(book, clock) == []
    clock.tick(2)
    assert look(book, clock) == [("released", "ada")]


def test_a_clock_that_was_set_back_hides_no_container(book, clock: FakeClock):
    """Found by the stateful test: the end of a lease lay in the future, and its running container had none."""
    lease = granted(book, "ada")
    book.release(lease.id, "nothing started on it in time")
    clock.set_by(-1e6)
    clock.tick(1)
    assert look(book, clock, container(lease)) == [("adopted", "ada")]


def test_a_reservation_whose_container_runs_is_nobodys_to_take(book, clock: FakeClock):
    """Found by the stateful test: the older container took the place of one that ran and was not noted yet."""
    old = book.activate(granted(book, "ada").id, "docker:c1")
    granted(book, "bo")
    book.release(old.id, "stopped, says the hub")
    new = granted(book, "cy")
    clock.tick(1)
    actions = book.reconcile([container(old, "c1"), container(new, "c2")], as_of=clock.now)
    assert [(action.kind, action.stop) for action in actions] == [
        ("activated", ""),
        ("conflict", "docker:c1"),
    ]
    assert book.find("cy", "s").place == "docker:c2"
