"""Limits: what is refused, what is only said, and what a person reads."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tidehub import disk, disk_scan, quotas
from tidehub.disk import HomeLimit, HomeUse
from tidehub.profiles import Choice, profile
from tidehub.quotas import Checked, RunningServer, decide, home_limit, hours_warning
from tidelab.catalogue import load_catalogue
from tidelab.catalogue.resources import Gpu
from tidelab.leases.book import Book
from tidelab.leases.model import Quota

SMALL = Choice("small", "Small", "", 1, 4, None, ("analyse",), True)
GPU = replace(SMALL, name="gpu", memory_gb=16, gpu=Gpu())
PLANKTON = RunningServer("Plankton", 8)
NO_FILES, NO_LIMIT = HomeUse("ada"), HomeLimit()


def decided(quota: Quota, choice: Choice = SMALL, *running: RunningServer) -> str:
    return decide(quota, choice, running, NO_FILES, NO_LIMIT).refusal


def test_without_limits_everything_starts() -> None:
    assert decide(Quota(), GPU, [PLANKTON] * 9, NO_FILES, NO_LIMIT) == Checked()


def test_servers_are_counted_with_the_new_one() -> None:
    quota = Quota(servers=2, sources={"servers": "group students"})
    assert decided(quota, SMALL, PLANKTON) == ""
    refused = decided(quota, SMALL, PLANKTON, RunningServer("Fish", 4))
    assert refused.startswith(
        "You may have 2 servers at a time (group students), and you have 2 (Plankton, Fish). Stop one"
    )
    assert "none can be started" in decided(Quota(servers=0))


def test_memory_is_added_up() -> None:
    quota = Quota(memory_gb=24, sources={"memory_gb": "person"})
    assert decided(quota, GPU, PLANKTON) == ""
    refused = decided(quota, GPU, PLANKTON, RunningServer("Fish", 0.5))
    assert (
        "takes 16 GB of memory, beside 8.5 GB of Plankton, Fish, and your servers may take 24 GB together (your own limit)"
        in refused
    )
    assert "Choose a smaller one." in decided(Quota(memory_gb=8), GPU)


def test_a_full_home_stops_gpus_and_warns_the_others() -> None:
    full = HomeUse("ada", int(20e9), {"runs": int(20e9)}, int(15e9))
    limit = HomeLimit.of(10, 1.5)
    refused = decide(Quota(), GPU, [], full, limit)
    assert "only servers without a GPU start" in refused.refusal
    allowed = decide(Quota(), SMALL, [], full, limit)
    assert allowed.refusal == ""
    assert "20.0 GB of the 10 GB" in allowed.warning


def test_gpu_hours_are_mentioned_when_few_are_left() -> None:
    assert hours_warning(Quota()) == ""
    assert hours_warning(Quota(gpu_hours=10, used_hours=7.9)) == ""
    assert "until some of them come back" not in hours_warning(Quota(gpu_hours=10, used_hours=9.9))
    assert "No GPU is given to you until some of them come back" in hours_warning(
        Quota(gpu_hours=10, used_hours=10)
    )


def test_a_quota_of_disk_space_comes_before_the_setting() -> None:
    assert home_limit(None, 0, 1.5) == NO_LIMIT
    assert home_limit(Quota(), 10, 2) == HomeLimit(10, 20)
    assert home_limit(Quota(disk_gb=3, sources={"disk_gb": "person"}), 10, 2) == HomeLimit(3, 6)
    assert home_limit(Quota(disk_gb=None, sources={"disk_gb": "person"}), 10, 2) == NO_LIMIT, "it was lifted"


class Spawner(SimpleNamespace):
    """What `check` asks of a spawner."""


def check(*arguments: Any) -> Checked:
    return asyncio.run(quotas.check(*arguments))


def spawner(name: str, *, active: bool, options: dict[str, Any] | None = None, user: Any = None) -> Spawner:
    return Spawner(name=name, active=active, user_options=options or {}, catalogue=load_catalogue, user=user)


def test_check_reads_book_servers_and_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.delenv("TIDELAB_LEASES", raising=False)
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "envs"))
    user = SimpleNamespace(name="ada", groups=[SimpleNamespace(name="students")], spawners={})
    new = spawner("flowcam-plankton", active=False, user=user)
    user.spawners = {
        "flowcam-plankton": new,
        "gone": spawner("gone", active=True),
        "stopped": spawner("stopped", active=False),
    }
    size = profile(load_catalogue()["flowcam-plankton"]).choice()
    assert check(new, size) == Checked()
    book = Book()
    book.set_quota("group", "students", servers=1)
    assert "and you have 1 (gone)" in check(new, size).refusal
    book.set_quota("person", "ada", servers=math.inf, memory_gb=size.memory_gb - 1)
    assert "GB of memory" in check(new, size).refusal
    book.set_quota("person", "ada", servers=5, disk_gb=1e-6)
    (tmp_path / "homes/ada").mkdir(parents=True)
    (tmp_path / "homes/ada/x").write_bytes(b"x" * 100_000)
    assert disk_scan.main([str(tmp_path / "status/disk.json")]) == 0
    assert disk.last_measured().home("ada").total > 1000
    assert "that are yours" in check(new, size).warning


def test_a_book_that_cannot_be_read_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_LEASES", str(tmp_path))  # a folder
    user = SimpleNamespace(name="ada", groups=[], spawners={})
    assert check(spawner("x", active=False, user=user), SMALL) == Checked()
