"""Lines of /proc/<pid>/cgroup as they are found in the wild."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub.gpus.cgroups import container_ids, containers_of

ONE = "4f1d3c0b9e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c6b5a4938271605f4e"
TWO = "ab" * 32
V1 = "\n".join(
    f"{number}:{name}:/docker/{ONE}" for number, name in enumerate(["pids", "devices", "cpu,cpuacct"], 1)
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (V1 + f"\n0::/docker/{ONE}\n", (ONE,)),
        (f"0::/system.slice/docker-{ONE}.scope\n", (ONE,)),
        (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ONE}.scope", (ONE,)),
        (f"0::/../docker-{ONE}.scope/init", (ONE,)),
        (f"0::/machine.slice/libpod-{ONE}.scope/container", (ONE,)),
        (f"0::/kubepods.slice/kubepods-burstable.slice/pod1_2.slice/cri-containerd-{ONE}.scope", (ONE,)),
        (f"4:memory:/kubepods/besteffort/pod0a1b2c3d-1111-2222-3333-444455556666/{ONE}", (ONE,)),
        (f"12:devices:/docker/{TWO}/docker/{ONE}", (TWO, ONE)),
        (f"1:name=systemd:/docker/{ONE}/init.scope", (ONE,)),
        ("0::/", ()),
        ("0::/user.slice/user-1000.slice/session-3.scope", ()),
        ("11:cpuset:/\n0::/init.scope", ()),
        ("", ()),
        (f"0::/docker/{ONE[:-1]}", ()),
        (f"0::/docker/{ONE}0", ()),
        (f"0::/docker/{ONE.upper()}", ()),
        (f"no colons {ONE}", ()),
    ],
)
def test_containers_are_found(text: str, ids: tuple[str, ...]) -> None:
    assert container_ids(text) == ids


@settings(max_examples=60)
@given(st.text(max_size=300))
def test_nothing_in_the_file_is_too_much(text: str) -> None:
    found = container_ids(text)
    assert all(len(each) == 64 for each in found)


@settings(max_examples=40)
@given(
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.sampled_from(["", "docker-", "libpod-", "crio-", "cri-containerd-"]),
    st.lists(st.from_regex(r"[a-z][a-z0-9.@_-]{0,12}", fullmatch=True), max_size=4),
)
def test_an_id_is_found_wherever_a_runtime_puts_it(identifier: str, prefix: str, above: list[str]) -> None:
    last = f"{prefix}{identifier}.scope" if prefix else identifier
    assert container_ids(f"0::/{'/'.join([*above, last])}") == (identifier,)


def test_a_process_that_is_gone_is_in_none(tmp_path: Path) -> None:
    assert containers_of(4711, tmp_path) == ()
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "cgroup").write_text(V1)
    assert containers_of(12, tmp_path) == (ONE,)
