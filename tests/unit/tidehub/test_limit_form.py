"""What an admin types into the page Limits, and what everyone reads of their use."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub.disk import HomeUse
from tidehub.pages.limit_form import FIELDS, LimitFormError, read_limits, read_number, typed
from tidehub.pages.use_lines import use_lines
from tidehub.quotas import RunningServer
from tidelab.leases.model import Quota, QuotaRow


def form(**values: str) -> dict[str, str]:
    return dict.fromkeys(("scope", "name", "days", *FIELDS), "") | values


def read(**values: str) -> object:
    return read_limits(form(**values).__getitem__)


def test_what_was_typed_becomes_limits() -> None:
    limits = read_limits(
        form(
            scope="group", name=" students ", gpu_hours="12,5", gpus="2", memory_gb=" No  Limit "
        ).__getitem__
    )
    assert (limits.scope, limits.name, limits.days) == ("group", "students", 30.0)
    assert limits.values == {
        "gpu_hours": 12.5,
        "gpus": 2.0,
        "servers": None,
        "memory_gb": math.inf,
        "disk_gb": None,
    }
    assert limits.words == "GPU hours 12.5, GPUs at a time 2, Memory of all servers, GB no limit"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scope": "nobody", "gpus": "1"}, "Choose whom"),
        ({"scope": "person", "gpus": "1"}, "Type the name of the person"),
        ({"scope": "person", "name": "a\x00b", "gpus": "1"}, "printable"),
        ({"scope": "group", "name": "x" * 256, "gpus": "1"}, "Type the name of the group"),
        ({"scope": "everyone"}, "at least one limit"),
        ({"scope": "everyone", "gpus": "1.5"}, r"GPUs at a time: '1\.5' is no whole number"),
        ({"scope": "everyone", "gpu_hours": "many"}, "GPU hours: 'many' is no number from 0 to 1,000,000"),
        ({"scope": "everyone", "disk_gb": "-1"}, "Files, GB: '-1'"),
        ({"scope": "everyone", "disk_gb": "1e9"}, "Files, GB"),
        ({"scope": "everyone", "gpus": "nan"}, "GPUs at a time"),
        ({"scope": "everyone", "gpus": "1_0"}, "GPUs at a time"),
        ({"scope": "everyone", "gpus": "1", "days": "0"}, "1 to 366 days"),
        ({"scope": "everyone", "gpus": "1", "days": "no limit"}, "1 to 366 days"),
    ],
)
def test_what_is_no_limit_is_named(values: dict[str, str], words: str) -> None:
    with pytest.raises(LimitFormError, match=words):
        read(**values)


@settings(max_examples=100)
@given(st.text(max_size=60), st.booleans())
def test_any_text_is_a_limit_or_a_sentence(text: str, whole: bool) -> None:
    try:
        value = read_number(text, "GPUs", whole=whole)
    except LimitFormError as error:
        assert str(error).startswith("GPUs: ")  # noqa: PT017 (most texts are none)
    else:
        assert value is None or value >= 0


def test_a_limit_that_is_set_is_shown_as_it_is_typed() -> None:
    row = QuotaRow("person", "ada", 12.5, 7.0, 2.0, None, math.inf, None)
    again = read_limits((form() | typed(row)).__getitem__)
    assert (again.scope, again.name, again.days) == ("person", "ada", 7.0)
    assert again.values == {
        "gpu_hours": 12.5,
        "gpus": 2.0,
        "servers": None,
        "memory_gb": math.inf,
        "disk_gb": None,
    }
    assert typed(None) == {}


def test_lines_of_use() -> None:
    quota = Quota(
        gpu_hours=10, days=7, gpus=1, servers=2, used_hours=8.04, holds=1,
        sources={"gpu_hours": "group students", "gpus": "the hub's setting", "servers": "everyone"},
    )  # fmt: skip
    home = HomeUse("ada", int(12e9))
    lines = use_lines(quota, [RunningServer("A", 4), RunningServer("B", 8.5)], home, 10)
    assert [(line.title, line.words, line.source, line.state) for line in lines] == [
        ("GPU hours in 7 days", "8.0 of 10", "group students", "near"),
        ("GPUs now", "1 of 1", "the hub's setting", "near"),
        ("Servers now", "2 of 2", "the limit of everyone", "near"),
        ("Memory of them", "12.5 GB (no limit)", "", ""),
        ("Files", "12.0 GB of 10 GB", "the hub's setting", "over"),
    ]
    assert use_lines(quota, [], home, None)[-1].words == "12.0 GB (no limit)"
    assert use_lines(Quota(memory_gb=16), [], home, None)[3].words == "0 of 16 GB"
