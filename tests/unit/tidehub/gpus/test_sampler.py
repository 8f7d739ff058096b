"""Seconds are given to whom they belong, and nobody gets seconds that nobody saw."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tidehub.gpus.conftest import MakeLease
from tidehub.gpus.driver import DeviceUse, ProcessUse
from tidehub.gpus.sampler import Intruder, LeaseUse, attribute, seconds
from tidelab.leases import Seconds


def test_a_card_alone_counts_by_the_cards_own_measure(lease: MakeLease) -> None:
    card = DeviceUse("G0", busy=0.8, used_mb=900, processes=(ProcessUse(5, 800, 0.3),))
    look = attribute([card], [lease("a")], {5: "a"}.get)
    assert look.uses["a"] == LeaseUse(1, 1, 0.8, 0.8, 800, (5,))
    assert look.intruders == ()


def test_two_on_a_card_count_by_their_processes(lease: MakeLease) -> None:
    card = DeviceUse(
        "G0", busy=0.9, processes=(ProcessUse(5, 100, 0.5), ProcessUse(6, 200, 0.3), ProcessUse(7, 50, 0.1))
    )
    look = attribute([card], [lease("a"), lease("b")], {5: "a", 6: "b", 7: "a"}.get)
    assert look.uses["a"].busy == pytest.approx(0.6)
    assert look.uses["a"].memory_mb == 150
    assert look.uses["b"].busy == 0.3


def test_two_on_a_card_that_tells_nothing_of_processes_are_unknown(lease: MakeLease) -> None:
    card = DeviceUse("G0", busy=0.9, processes=(ProcessUse(5, 100), ProcessUse(6, 200)))
    look = attribute([card], [lease("a"), lease("b")], {5: "a", 6: "b"}.get)
    assert look.uses["a"].busy is None
    assert look.uses["a"].held == 1, "that they are there is known"
    unlisted = attribute([DeviceUse("G0", busy=0.9, used_mb=5, processes=None)], [lease("a")], {}.get)
    assert unlisted.uses["a"] == LeaseUse(1, 1, 0.9, 0.9)


def test_a_stranger_is_reported_and_not_counted_for_the_holder(lease: MakeLease) -> None:
    card = DeviceUse("G0", busy=1.0, processes=(ProcessUse(66, 4000, 1.0),))
    look = attribute([card], [lease("a")], {}.get)
    assert look.uses["a"] == LeaseUse(1), "the holder did nothing"
    assert look.intruders == (Intruder("G0", 66, 4000),)
    both = DeviceUse("G0", busy=1.0, processes=(ProcessUse(66, 4000, 0.9), ProcessUse(5, 10, 0.1)))
    assert attribute([both], [lease("a")], {5: "a"}.get).uses["a"].busy == pytest.approx(0.1)


def test_a_lease_on_another_card_is_a_stranger_here(lease: MakeLease) -> None:
    cards = [DeviceUse("G0", busy=0.5, processes=(ProcessUse(5, 1, 0.5),)), DeviceUse("G1", busy=0.0)]
    look = attribute(cards, [lease("a", "G1"), lease("b", "G0")], {5: "a"}.get)
    assert look.intruders == (Intruder("G0", 5, 1),)
    assert look.uses["b"].busy == 0.0


def test_several_cards_add_up_and_one_unknown_makes_it_unknown(lease: MakeLease) -> None:
    one = DeviceUse("G0", busy=0.5, processes=(ProcessUse(5, 1, 0.5),))
    look = attribute(
        [one, DeviceUse("G1", busy=0.25, processes=(ProcessUse(5, 1, 0.2),))],
        [lease("a", "G0", "G1")],
        {5: "a"}.get,
    )
    assert look.uses["a"] == LeaseUse(2, 2, 0.75, 0.75, 2, (5, 5))
    half = attribute(
        [one, DeviceUse("G1", busy=None, processes=(ProcessUse(5, 1),))],
        [lease("a", "G0", "G1")],
        {5: "a"}.get,
    )
    assert half.uses["a"].busy is None
    assert half.uses["a"].known_busy == 0.5


def test_a_lost_or_missing_card_is_said(lease: MakeLease) -> None:
    lost = DeviceUse("G0", lost="it fell off the bus", processes=None)
    assert attribute([lost], [lease("a")], {}.get).uses["a"].lost == "it fell off the bus"
    assert attribute([DeviceUse("G1")], [lease("a")], {}.get).uses["a"].lost == "the driver does not list it"
    assert attribute([], [lease("a")], {}.get).uses["a"].lost == "no driver answers for it"


@pytest.mark.parametrize(
    ("elapsed", "age", "expected"),
    [
        (10, 100, Seconds(20, 10, 5.0)),
        (10, 4, Seconds(8, 4, 2.0)),  # it began 4 s ago
        (20, 100, Seconds(40, 20, 10.0)),
        (20.1, 100, Seconds()),  # looks were missed: nobody saw that time
        (0, 100, Seconds()),  # the first look
        (-5, 100, Seconds()),
        (10, -3, Seconds(0, 0, 0.0)),  # the clock was set
    ],
)
def test_seconds_of_one_look(elapsed: float, age: float, expected: Seconds) -> None:
    assert seconds(LeaseUse(2, 1, 0.5, 0.5), elapsed, 10, age) == expected


@settings(max_examples=80)
@given(st.integers(1, 4), st.floats(0, 1), st.lists(st.floats(-1, 60), max_size=20), st.floats(0.5, 30))
def test_seconds_never_exceed_the_time_that_passed(
    devices: int, busy: float, gaps: list[float], every: float
) -> None:
    use = LeaseUse(devices, devices, busy * devices, busy * devices)
    added = [seconds(use, gap, every, 1e6) for gap in gaps]
    passed = math.fsum(gap for gap in gaps if gap > 0) * devices
    assert math.fsum(one.allocated for one in added) <= passed + 1e-6
    for one in added:
        assert 0 <= one.busy <= one.held + 1e-9
        assert one.held <= one.allocated
