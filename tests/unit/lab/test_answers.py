"""Whatever the service answers, it can be read, shown and sent on as JSON."""

import doctest
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import fake_gpus
from tests.unit.lab.still import Still
from tidelab.lab import gpu_section, words
from tidelab.lab.answers import Mine, number, read_mine, text
from tidelab.lab.identity import identity
from tidelab.lab.panel import Now, panel

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WHOLE = fake_gpus.mine(
    fake_gpus.lease(**fake_gpus.warned()),
    queue=[{"server": "b", "position": 1, "of": 2, "wait_s": 60}],
    notices=[{"id": "n1", "server": "flowcam-plankton", "when": 1.0, "text": "Given back."}],
)


def shown(mine: Mine) -> dict[str, Any]:
    who = identity({"JUPYTERHUB_SERVER_NAME": "flowcam-plankton", "TIDELAB_GPUS_URL": "http://x"})
    return panel(Now(time.time(), who, "answers", mine, Still()))


def test_reads_what_the_service_says() -> None:
    mine = read_mine(WHOLE)
    lease = mine.lease_of("flowcam-plankton")
    assert lease is not None
    assert lease.devices[0].memory_mb == 143_771
    assert lease.warning is not None
    assert lease.can_keep
    assert mine.queued("b") is not None
    assert mine.notices[0].text == "Given back."
    assert mine.lease_of("another") is None


@pytest.mark.parametrize("module", [words, gpu_section])
def test_examples(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@given(JSON)
@settings(max_examples=60)
def test_anything_can_be_shown(answer: Any) -> None:
    json.dumps(shown(read_mine(answer)), allow_nan=False)


@given(st.sampled_from(sorted(WHOLE)), st.sampled_from(sorted(WHOLE["leases"][0])), JSON, st.booleans())
@settings(max_examples=120)
def test_a_field_of_another_kind_breaks_nothing(outer: str, inner: str, value: Any, deep: bool) -> None:
    answer = json.loads(json.dumps(WHOLE))
    if deep:
        answer["leases"][0][inner] = value
    else:
        answer[outer] = value
    found = shown(read_mine(answer))
    json.dumps(found, allow_nan=False)
    assert [section["id"] for section in found["sections"]] == ["server", "gpu", "runs", "quota", "links"]
    assert found["item"]["text"]


def test_numbers_and_texts_are_bounded() -> None:
    assert [number(value) for value in (True, float("nan"), float("inf"), -1, "1", 10**400, 2)] == [None] * 6 + [2.0]  # fmt: skip
    assert text("a\n  b") == "a b"
    assert len(text("x" * 10_000)) == 600
    assert read_mine({"leases": [fake_gpus.lease()] * 1000}).leases.__len__() == 64
