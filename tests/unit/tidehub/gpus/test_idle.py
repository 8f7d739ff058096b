"""A GPU is idle only when nothing at all works; what cannot be seen counts as work."""

from dataclasses import replace

import pytest

from tidehub.gpus.idle import CardSeen, use_of
from tidehub.gpus.sampler import LeaseUse
from tidehub.gpus.watch import Watched
from tidehub.idleness import Seen

QUIET = Seen(("idle",), 0, 0.0, False, None)
CARD = CardSeen(0.0, True, 3)


def test_memory_alone_is_no_use() -> None:
    assert use_of(QUIET, CARD) == ""
    assert use_of(replace(QUIET, kernel_states=()), replace(CARD, processes=False)) == ""


@pytest.mark.parametrize(
    ("server", "card", "words"),
    [
        (QUIET, replace(CARD, busiest=0.05), "the card computes"),
        (QUIET, replace(CARD, busiest=None), "cannot be measured"),
        (QUIET, replace(CARD, looks=0), "not looked at yet"),
        (None, CARD, "cannot be seen"),
        (replace(QUIET, kernel_states=("busy",)), CARD, "a kernel is busy"),
        (replace(QUIET, kernel_states=None), CARD, "did not say"),
        (replace(QUIET, busy_terminals=1), CARD, "terminal"),
        (replace(QUIET, busy_terminals=None), CARD, "cannot be seen"),
        (replace(QUIET, run_in_progress=True), CARD, "analysis"),
        (replace(QUIET, cpu_share=0.2), CARD, "20% of a core"),
        (replace(QUIET, cpu_share=None), CARD, "first time"),
    ],
)
def test_each_kind_of_work_alone_is_use(server: Seen | None, card: CardSeen, words: str) -> None:
    assert words in use_of(server, card)


def test_a_short_burst_between_two_decisions_is_not_overlooked() -> None:
    watched = Watched(last_use=0.0)
    for moment, busy in ((10.0, 0.0), (15.0, 0.9), (20.0, 0.0)):
        watched.add(LeaseUse(1, 1, busy, busy), moment)
    assert watched.card() == CardSeen(0.9, True, 3)
    assert watched.last_use == 15.0
    assert watched.busy_share() == pytest.approx(0.3)
    assert watched.now(0.0).busy_now == 0.0, "of the last look alone"
    watched.add(LeaseUse(1), 25.0)
    assert watched.card() == CardSeen(0.0, False, 1), "the burst was judged already"


def test_an_unknown_look_makes_the_time_unknown() -> None:
    watched = Watched(last_use=0.0)
    watched.add(LeaseUse(1, 1, 0.0, 0.0), 10.0)
    watched.add(LeaseUse(1, 1, None, 0.0), 20.0)
    assert watched.card().busiest is None
    assert watched.busy_share() is None
    watched.add(LeaseUse(2, 2, 1.0, 1.0), 500.0)
    assert watched.busy_share() == 0.5, "two cards, one of them busy; older looks are forgotten"
