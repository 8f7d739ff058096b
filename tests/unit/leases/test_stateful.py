"""Any order of events on one file: several programs, crashes at any statement, an engine, a clock that is set, devices that go.

After every step no place is leased twice; after every reconciliation the book says exactly what runs.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.leases import DyingConnection, FakeClock, Killed, simulated
from tidelab.leases import (
    Book,
    LeaseError,
    Owner,
    Policy,
    Request,
    Seconds,
    Seen,
    asking,
    labels,
    line,
)

USERS = st.sampled_from(["ada", "bo", "cy", "dee"])
SERVERS = st.sampled_from(["s", "t"])
REQUESTS = st.sampled_from(
    [Request(), Request(), Request(count=2), Request("shared"), Request("mig", 1, "1g.10gb")]
)
POOLS = st.sampled_from(["interactive", "interactive", "batch", "apps"])
INDEX = st.integers(0, 50)
MACHINES = [
    [*simulated(2), *simulated(1, "shared", 2, first=2), *simulated(1, "mig", first=3)],
    [
        *simulated(1),
        *simulated(1, "shared", 2),
        *simulated(1, "mig", first=3),
    ],  # one card offered whole and shared
    simulated(3),
]


class Books(RuleBasedStateMachine):
    """Programs with one book among them, and an engine whose containers carry labels."""

    @initialize(machine=st.sampled_from(MACHINES), for_apps=st.integers(0, 1))
    def begin(self, machine, for_apps):
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.books = [self._book() for _ in range(3)]
        self.books[0].set_inventory(machine)
        self.books[0].set_policy(Policy(per_person=None, for_apps=for_apps, idle_weight=0.0))
        self.containers: dict[str, tuple[bool, dict[str, str]]] = {}
        self.tickets: list[int] = []
        self.made = 0

    def teardown(self):
        if hasattr(self, "folder"):
            DyingConnection.left = None
            for book in self.books:
                book.close()
            shutil.rmtree(self.folder)

    def _book(self):
        return Book(self.folder / "b.sqlite", clock=self.clock, connection=DyingConnection)

    def _try(self, which, call):
        """Do something as one program; a refusal is an answer."""
        try:
            return call(self.books[which % 3])
        except LeaseError:
            return None

    def _got(self, asked):
        """Look at an answer: a grant never passes an equal who waited longer."""
        if asked is None:
            return
        if asked.ticket is not None:
            self.tickets.append(asked.ticket.id)
            assert 1 <= asked.place.position <= asked.place.of

    def _lease(self, index, *states):
        found = [lease for lease in self.books[0].live() if lease.state in states]
        return found[index % len(found)] if found else None

    # People

    @rule(which=INDEX, user=USERS, server=SERVERS, request=REQUESTS, pool=POOLS)
    def ask(self, which, user, server, request, pool):
        waiting = self._waiting()
        had = self.books[0].find(user, server)
        asked = self._try(which, lambda book: book.ask(Owner(user, server), request, pool))
        self._got(asked)
        if asked is not None and asked.lease is not None and asked.lease != had:
            self._passed_nobody(asked.lease, waiting)

    @precondition(lambda self: self.tickets)
    @rule(which=INDEX, index=INDEX)
    def again(self, which, index):
        number = self.tickets[index % len(self.tickets)]
        before = {lease.id for lease in self.books[0].live()}
        waiting = self._waiting()
        asked = self._try(which, lambda book: book.again(number))
        if asked is not None and asked.lease is not None and asked.lease.id not in before:
            self._passed_nobody(asked.lease, waiting)

    def _waiting(self):
        return [ticket for ticket, _ in self.books[1].queue()]

    def _passed_nobody(self, lease, waiting):
        """Among those who want the same and used as little, nobody who waited longer is left with nothing."""
        used = self.books[0].seconds()
        mine = [
            ticket for ticket in waiting if ticket.owner == lease.owner and ticket.request == lease.request
        ]
        asked = mine[0].asked if mine else self.clock.now
        with self.books[1]._open() as (db, now):
            standing = asking.order(db, now)
            turns = line.plan(standing, asking.ground_of(db), {}).turns
        for other in waiting:
            same = (other.request, other.pool) == (lease.request, lease.pool)
            equal = not any(used.get(one.owner.user, Seconds()).used for one in (other, lease))
            if same and equal and other.owner != lease.owner and other.asked < asked:
                assert other.id in turns, f"{lease.owner} passed {other.owner}"

    @precondition(lambda self: self.tickets)
    @rule(which=INDEX, index=INDEX)
    def withdraw(self, which, index):
        self._try(which, lambda book: book.withdraw(self.tickets[index % len(self.tickets)]))

    @rule(which=INDEX, index=INDEX, times=st.integers(0, 2))
    def keep(self, which, index, times):
        if lease := self._lease(index, "active"):
            self._try(which, lambda book: book.keep(lease.id, 10, times))

    # The hub

    @rule(which=INDEX, index=INDEX, activate=st.booleans())
    def start_container(self, which, index, activate):
        """The spawner starts what a reservation is for; without `activate` it is killed right after."""
        if lease := self._lease(index, "reserved"):
            self.made += 1
            name = f"docker:{self.made}"
            self.containers[name] = (True, labels.of(lease))
            if activate and self._try(which, lambda book: book.activate(lease.id, name)) is None:
                del self.containers[name]  # as the spawner does when the book says no

    @rule(which=INDEX, index=INDEX, really=st.sampled_from([True, True, True, False]), told=st.booleans())
    def stop_server(self, which, index, really, told):
        """A server is stopped; the engine may fail to stop its container, and the hub may die before it says so."""
        if lease := self._lease(index, "active", "unknown"):
            if really:
                self.containers.pop(lease.place, None)
            if told or not really:
                self._try(
                    which, lambda book: book.release_server(lease.owner.user, lease.owner.server, "stopped")
                )

    @rule(which=INDEX, index=INDEX, user=USERS, goes_on=st.booleans())
    def the_engine_does_not_stop_it_and_the_next_one_starts(self, which, index, user, goes_on):
        """What random steps seldom reach: two containers on one device, or one beside a reservation."""
        lease = self._lease(index, "active")
        if lease is None or lease.place not in self.containers:
            return
        self._try(
            which, lambda book: book.release_server(lease.owner.user, lease.owner.server, "stopped, it seems")
        )
        asked = self._try(which, lambda book: book.ask(Owner(user, "next"), lease.request, "batch"))
        if goes_on and asked is not None and asked.lease is not None and asked.lease.state == "reserved":
            self.made += 1
            name = f"docker:{self.made}"
            self.containers[name] = (True, labels.of(asked.lease))
            self._try(which, lambda book: book.activate(asked.lease.id, name))

    @precondition(lambda self: self.containers)
    @rule(index=INDEX, remains=st.booleans())
    def container_dies(self, index, remains):
        name = sorted(self.containers)[index % len(self.containers)]
        if remains:
            self.containers[name] = (False, self.containers[name][1])
        else:
            del self.containers[name]

    @rule(which=INDEX, index=INDEX, held=st.floats(0, 1e4))
    def measure(self, which, index, held):
        if lease := self._lease(index, "active"):
            self._try(which, lambda book: book.add_seconds(lease.id, Seconds(held, held, held / 2)))

    @rule(which=INDEX, index=INDEX, seconds=st.floats(1, 1000))
    def renew(self, which, index, seconds):
        if lease := self._lease(index, "reserved", "active"):
            self._try(which, lambda book: book.renew(lease.id, seconds))

    # The machine

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds):
        self.clock.tick(seconds)

    @rule(seconds=st.sampled_from([-1e6, -3600.0, 3600.0, 1e6]))
    def clock_is_set(self, seconds):
        self.clock.set_by(seconds)

    @rule(which=INDEX, machine=st.sampled_from(MACHINES))
    def devices_change(self, which, machine):
        self._try(which, lambda book: book.set_inventory(machine))

    @rule(which=INDEX, device=st.sampled_from(["SIM-0", "SIM-1", "SIM-2"]), on=st.booleans())
    def drain(self, which, device, on):
        self._try(which, lambda book: book.drain(device, on, "test"))

    @rule(
        which=INDEX,
        user=USERS,
        request=REQUESTS,
        index=INDEX,
        left=st.integers(1, 40),
        after=st.booleans(),
        act=st.integers(0, 3),
    )
    def killed_at_a_statement(self, which, user, request, index, left, after, act):
        """One program dies in the middle of a call; another takes its place."""
        which %= 3
        book, lease = self.books[which], self._lease(index, "reserved", "active", "unknown")
        book.live()  # opened before, so that the statements counted are those of the call
        DyingConnection.left, DyingConnection.after = left, after
        try:
            if act == 0 or lease is None:
                book.ask(Owner(user, "s"), request)
            elif act == 1:
                book.release(lease.id, "stopped")
            elif act == 2:
                book.activate(lease.id, lease.place or "docker:never")
            else:
                book.reconcile(self._seen(), as_of=self.clock.now)
        except (Killed, LeaseError):
            pass
        finally:
            DyingConnection.left = None
            book.close()
            self.books[which] = self._book()

    # Reconciliation

    def _seen(self):
        return [Seen(name, running, told) for name, (running, told) in self.containers.items()]

    @rule(which=INDEX, boot=st.booleans())
    def reconcile(self, which, boot):
        book = self.books[which % 3]
        self.clock.tick(0.001)
        for _ in range(len(self.containers) + 1):
            actions = book.reconcile(self._seen(), boot=boot, as_of=self.clock.now)
            conflicts = [action for action in actions if action.kind == "conflict"]
            if not conflicts:
                break
            self.clock.tick(0.001)
            for action in conflicts:  # the hub stops what the book names
                event("conflict")
                del self.containers[action.stop]
        assert book.reconcile(self._seen(), boot=boot, as_of=self.clock.now) == [], (
            "a second time changes nothing"
        )
        live = {lease.id: lease for lease in book.live()}
        running = {name: told[labels.LEASE] for name, (runs, told) in self.containers.items() if runs}
        assert len(set(running.values())) == len(running), "two containers with one lease"
        for name, lease_id in running.items():
            assert live[lease_id].place == name, "a container runs without its lease"
        for lease in live.values():
            if lease.place:
                assert lease.place in running or lease.place == "docker:never", (
                    "a lease without what it is for"
                )
            else:
                assert lease.deadline >= self.clock.now
                assert not (boot and lease.pool != "batch")

    @invariant()
    def nothing_is_leased_twice(self):
        if not hasattr(self, "books"):
            return
        live = self.books[0].live()
        places = [place for lease in live for place in lease.held]
        assert len(places) == len(set(places))
        assert all(len(lease.held) == lease.request.count for lease in live)
        owners = [(lease.owner.user, lease.owner.server) for lease in live]
        assert len(owners) == len(set(owners))
        kinds: dict[str, set[str]] = {}
        for lease in live:
            for place in lease.held:
                kinds.setdefault(place.device, set()).add(lease.request.kind)
        assert all(len(of_device) == 1 for of_device in kinds.values())

    @invariant()
    def nothing_is_negative(self):
        if not hasattr(self, "books"):
            return
        for total in self.books[0].seconds().values():
            assert min(total.allocated, total.held, total.busy, total.used) >= 0
        for lease in self.books[0].history():
            assert lease.ended is None or lease.ended >= lease.started


EVERYTHING = list(HealthCheck)
TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=EVERYTHING
)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_many_more_events():
    more = settings(
        max_examples=400,
        stateful_step_count=80,
        deadline=None,
        suppress_health_check=EVERYTHING,
        database=None,
    )
    run_state_machine_as_test(Books, settings=more)
