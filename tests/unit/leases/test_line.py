"""Properties of the queue's order and of who is served, without a database."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leases import simulated
from tidelab.leases import DeviceState, Owner, Policy, Request, Ticket
from tidelab.leases.ground import Ground
from tidelab.leases.line import in_order, plan

USERS = ("ada", "bo", "cy")
requests = st.sampled_from(
    [
        Request(),
        Request(count=2),
        Request(count=3),
        Request("shared"),
        Request("shared", 2),
        Request("mig", 1, "1g.10gb"),
    ]
)
pools = st.sampled_from(["interactive", "batch", "apps"])
tickets = st.lists(st.tuples(st.sampled_from(USERS), requests, pools, st.floats(0, 1000)), max_size=8).map(
    lambda rows: [
        Ticket(i, Owner(user, f"s{i}"), request, pool, asked)
        for i, (user, request, pool, asked) in enumerate(rows)
    ]
)


def ground(whole=2, shared=1, mig=1, for_apps=0):
    devices = [
        *simulated(whole),
        *simulated(shared, "shared", 2, first=whole),
        *simulated(mig, "mig", first=whole + shared),
    ]
    return Ground([DeviceState(device, True, False, "") for device in devices], Policy(for_apps=for_apps))


@given(tickets, st.integers(0, 4), st.integers(0, 2), st.integers(0, 2))
@settings(max_examples=25)
def test_no_place_is_given_twice_and_each_gets_what_was_asked(order, whole, shared, for_apps):
    made = plan(order, ground(whole, shared, 1, for_apps), {})
    given_out = [place for places in made.turns.values() for place in places]
    assert len(set(given_out)) == len(given_out)
    by_id = {ticket.id: ticket for ticket in order}
    for number, places in made.turns.items():
        assert len(places) == by_id[number].request.count
        assert len({place.device for place in places}) == len(places)


@given(tickets)
@settings(max_examples=25)
def test_nobody_behind_takes_what_the_one_ahead_could_have(order):
    """Without the later tickets, the earlier ones get exactly the same."""
    full = plan(order, ground(), {}).turns
    for cut in range(len(order)):
        assert plan(order[:cut], ground(), {}).turns == {
            number: places
            for number, places in full.items()
            if number in {ticket.id for ticket in order[:cut]}
        }


@given(tickets, st.dictionaries(st.sampled_from(USERS), st.integers(0, 3)))
@settings(max_examples=25)
def test_nobody_gets_more_than_they_may_hold(order, room):
    turns = plan(order, ground(4, 2, 2), room).turns
    for user, most in room.items():
        assert (
            sum(ticket.request.count for ticket in order if ticket.owner.user == user and ticket.id in turns)
            <= most
        )


@given(st.integers(1, 3))
def test_interactive_servers_leave_devices_for_apps(for_apps):
    order = [Ticket(i, Owner(f"u{i}", "s"), Request(), "interactive", 0.0) for i in range(4)]
    assert len(plan(order, ground(4, for_apps=for_apps), {}).turns) == 4 - for_apps


@given(tickets, st.dictionaries(st.sampled_from(USERS), st.floats(0, 1e7)))
@settings(max_examples=25)
def test_equals_are_served_by_age(order, recent):
    sorted_ = in_order(order, recent, Policy(), 2000.0)
    assert sorted(ticket.id for ticket in sorted_) == sorted(ticket.id for ticket in order)
    for first, second in pairwise(sorted_):
        if recent.get(first.owner.user, 0) == recent.get(second.owner.user, 0):
            assert (first.asked, first.id) <= (second.asked, second.id)


@given(st.floats(0, 1e5), st.floats(0.5, 50))
@settings(max_examples=25)
def test_nobody_waits_for_ever(used_hours, age_weight):
    """With any use behind them, somebody is ahead of all who come `use / age_weight` hours later."""
    policy = Policy(age_weight=age_weight)
    wait_s = used_hours / age_weight * 3600 + 60
    heavy = Ticket(1, Owner("ada", "s"), Request(), "interactive", 0.0)
    newcomer = Ticket(2, Owner("bo", "s"), Request(), "interactive", wait_s)
    assert in_order([newcomer, heavy], {"ada": used_hours * 3600}, policy, wait_s + 1)[0] is heavy


def test_a_heavy_user_is_served_although_newcomers_never_stop():
    """Simulated: one place, a newcomer each 10 minutes who keeps it for 10 minutes, one person with 48 hours of recent use."""
    policy, now, waiting, served = Policy(age_weight=6), 0.0, [], None
    heavy = Ticket(0, Owner("heavy", "s"), Request(), "interactive", 0.0)
    waiting.append(heavy)
    for step in range(1, 200):
        now = step * 600.0
        waiting.append(Ticket(step, Owner(f"u{step}", "s"), Request(), "interactive", now))
        first = in_order(waiting, {"heavy": 48 * 3600.0}, policy, now)[0]
        waiting.remove(first)
        if first is heavy:
            served = now
            break
    assert served == 8 * 3600.0, "48 hours of use at 6 hours an hour"
