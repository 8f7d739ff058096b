"""What people read of GPUs: before the click, beside a running server, in the queue."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub.idleness import Seen
from tidehub.pages import gpu_state
from tidehub.pages.at_work import UNKNOWN, what_works
from tidehub.pages.gpu_state import ServerGpu
from tidehub.pages.gpu_view import availability, lease_words, longest_waits, offers, place_words, use_words
from tidehub.profiles import Choice, Profile
from tidelab.catalogue.resources import Gpu
from tidelab.leases.model import Owner, Place, Request, Ticket


def row(free: int, total: int, waiting: int = 0, kind: str = "whole", profile: str = "") -> dict[str, Any]:
    return {"kind": kind, "profile": profile, "free": free, "total": total, "waiting": waiting}


@pytest.mark.parametrize(
    ("gpu", "free", "wait_s", "words", "state"),
    [
        (Gpu(), [row(2, 2)], None, "2 of 2 GPUs free", "free"),
        (Gpu(), [row(1, 1)], None, "1 of 1 GPU free", "free"),
        (Gpu(), [row(0, 2)], None, "all 2 GPUs in use", "queue"),
        (Gpu(), [row(0, 2, 1)], 1200, "all 2 GPUs in use, 1 waits, about 20 min", "queue"),
        (Gpu(), [row(0, 1, 3)], None, "the GPU is in use, 3 wait", "queue"),
        (Gpu(count=2), [row(1, 4)], None, "only 1 of 4 GPUs free", "queue"),
        (Gpu(count=2), [row(1, 1)], None, "needs 2, this machine has 1", "none"),
        (Gpu(), [], None, "this machine has no GPU", "none"),
        (Gpu(), [row(0, 0)], None, "this machine offers no GPU", "none"),
        (Gpu(kind="mig", profile="1g.10gb"), [row(2, 2)], None, "this machine offers no GPU slice 1g.10gb", "none"),
        (Gpu(kind="mig", profile="1g.10gb"), [row(3, 7, kind="mig", profile="1g.10gb")], None, "3 of 7 GPU slices 1g.10gb free", "free"),
        (Gpu(kind="shared"), [row(0, 4, kind="shared")], 30, "all 4 places on shared GPUs in use, about a minute", "queue"),
    ],
)  # fmt: skip
def test_availability(
    gpu: Gpu, free: list[Mapping[str, Any]], wait_s: float | None, words: str, state: str
) -> None:
    assert availability(gpu, free, wait_s) == (words, state)


@settings(max_examples=80)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(1, 4))
def test_free_means_that_nobody_has_to_wait(free: int, taken: int, waiting: int, count: int) -> None:
    _, state = availability(Gpu(count=count), [row(free, free + taken, waiting)])
    assert (state == "free") == (free >= count)
    assert (state == "none") == (free + taken < count)


def choice(
    name: str, gpu: Gpu | None = None, *, default: bool = False, groups: tuple[str, ...] = ()
) -> Choice:
    return Choice(name, name.title(), "", 1, 4, gpu, ("analyse",), default, groups)


def card(*choices: Choice) -> Profile:
    return Profile("x", "X", "", "", (), "", "", "", None, "analyse.ipynb", choices, False)


def test_a_card_offers_what_the_person_may_have() -> None:
    made = card(
        choice("small"), choice("gpu", Gpu(), default=True), choice("big", Gpu(), groups=("gpu-users",))
    )
    found = offers(made, [], [row(1, 2)])
    assert [(one.choice.name, one.selected) for one in found.all] == [("small", False), ("gpu", True)]
    assert found.instead is None, "the GPU is there: nothing to offer instead"
    assert [one.words for one in found.lines] == ["1 of 2 GPUs free"]
    assert len(offers(made, ["gpu-users"], [row(1, 2)]).all) == 3


def test_the_size_without_gpu_is_one_click_away_while_one_would_wait() -> None:
    made = card(choice("small"), choice("gpu", Gpu(), default=True))
    full = offers(made, [], [row(0, 2, 1)], {("whole", ""): 600})
    assert [one.state for one in full.all] == ["cpu", "queue"]
    assert full.instead is not None
    assert full.instead.name == "small"
    assert full.all[1].label == "Gpu: all 2 GPUs in use, 1 waits, about 10 min"
    other_way = card(choice("small", default=True), choice("gpu", Gpu()))
    assert offers(other_way, [], [row(0, 2)]).instead is None, "it is the one that is selected"


@pytest.mark.parametrize("free", [[], None])
def test_what_cannot_be_started_is_not_selected(free: list[Mapping[str, Any]] | None) -> None:
    found = offers(card(choice("gpu", Gpu(), default=True), choice("small")), [], free)
    assert [(one.state, one.selected) for one in found.all] == [("none", False), ("cpu", True)]
    assert found.all[0].words
    nothing = offers(card(choice("gpu", Gpu(), default=True)), [], free)
    assert not any(one.selected for one in nothing.all)


def lease(**values: Any) -> dict[str, Any]:
    return {"trouble": "", "busy_share": None, "idle_s": None, "use": "", "devices": []} | values


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"busy_share": 0.634, "idle_s": 2}, "busy 63 %"),
        ({"busy_share": 0.0, "idle_s": 22 * 60}, "idle for 22 min"),
        ({"busy_share": 0.3, "idle_s": 61}, "idle for 1 min"),
        ({"busy_share": 0.0, "idle_s": 5, "use": "a kernel is busy"}, "in use"),
        ({"busy_share": 0.0, "idle_s": 5}, "idle"),
        ({"idle_s": 8000}, "idle for 2 h"),
        ({}, ""),
        (
            {"trouble": "The driver lost this GPU.", "busy_share": 0.9, "idle_s": 0},
            "The driver lost this GPU.",
        ),
    ],
)
def test_what_a_gpu_does(values: dict[str, Any], words: str) -> None:
    assert use_words(lease(**values)) == words


def test_a_device_is_named_as_people_know_it() -> None:
    devices = [
        {"name": "NVIDIA H200", "memory_mb": 143771, "index": 0},
        {"name": "", "memory_mb": 0, "index": 3},
    ]
    assert lease_words(lease(devices=devices)) == "NVIDIA H200, 140 GB, GPU 3"
    assert lease_words(lease()) == "a GPU that is not listed any more"


def test_places_in_the_queue() -> None:
    assert place_words(1, 4, 1200) == "You are next, about 20 min."
    assert place_words(3, 4, None) == "You are number 3 of 4 who wait."


def test_an_estimate_for_newcomers_needs_one_of_everybody_before_them() -> None:
    def waits(kind: Any, wait_s: float | None) -> tuple[Ticket, Place]:
        return Ticket(1, Owner("a", "b"), Request(kind), "interactive", 0.0), Place(1, 1, wait_s)

    assert longest_waits([waits("whole", 60), waits("whole", 90), waits("shared", None)]) == {
        ("whole", ""): 90
    }
    assert longest_waits([waits("whole", None), waits("whole", 90)]) == {}


def seen(**values: Any) -> Seen:
    nothing = {
        "kernel_states": ("idle",),
        "busy_terminals": 0,
        "cpu_share": 0.0,
        "run_in_progress": False,
        "last_activity": None,
    }
    return Seen(**(nothing | values))


def test_what_ends_with_a_server() -> None:
    assert what_works(seen(), None, in_container=False) == []
    assert what_works(None, None, in_container=False) == [UNKNOWN]
    assert what_works(seen(kernel_states=None), None, in_container=False) == [UNKNOWN]
    busy = what_works(
        seen(kernel_states=("busy", "busy", "dead"), busy_terminals=1), None, in_container=False
    )
    assert busy == ["2 notebooks are computing.", "Something runs in a terminal."]
    assert what_works(seen(run_in_progress=True), None, in_container=False) == [], (
        "it goes on beside the server"
    )
    assert "can be resumed" in what_works(seen(run_in_progress=True), None, in_container=True)[0]
    assert what_works(seen(), ServerGpu("l", "H200", "busy 63 %"), in_container=False) == [
        "The GPU is busy 63 %."
    ]
    assert what_works(seen(), ServerGpu("l", "H200", "idle for 3 min"), in_container=False) == []
    assert what_works(seen(cpu_share=0.5), None, in_container=False) == ["Its processes are computing."]


def test_a_notice_that_was_read_stays_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    notices = [{"id": "a", "when": time.time(), "text": "x"}, {"id": "b", "when": time.time(), "text": "y"}]
    gpu_state.dismiss("ada", "a")
    assert [notice["id"] for notice in gpu_state.unread("ada", notices)] == ["b"]
    assert len(gpu_state.unread("bob", notices)) == 2
    file = tmp_path / "status/dismissed.json"
    old = time.time() - 40 * 86400
    file.write_text(json.dumps({"ada": {"a": old}, "eve": {"z": old}}))
    gpu_state.dismiss("ada", "b")
    assert json.loads(file.read_text()).keys() == {"ada"}
    for broken in ("[]", "{", '{"ada": 3}', '{"ada": {"a": "x"}}'):
        file.write_text(broken)
        assert len(gpu_state.unread("ada", notices)) == 2
