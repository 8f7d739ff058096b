"""What fills the disk: known files give known numbers, and nothing in a home leads out of it or stops the measuring."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub import disk, disk_scan
from tidehub.disk import DiskUse, HomeLimit, HomeUse, in_gb
from tidehub.disk_scan import Budget, home_use, measure, size_of

KB = 1024
NOW = 1_800_000_000.0  # 2027-01-15
OLD, NEW = "20261101T101010123Z-abcdef", "20270110T101010123Z-abcdef"


def put(file: Path, kilobytes: int) -> int:
    """Write a file of so many kB and return what it takes on the disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(kilobytes * KB))
    return file.stat().st_blocks * 512


def budget(files: int = 100_000) -> Budget:
    return Budget(time.monotonic() + 60, files)


def test_each_part_of_a_home_is_what_was_put_there(tmp_path: Path) -> None:
    home = tmp_path / "ada"
    old = put(home / f"runs/flowcam/{OLD}/results.csv", 64)
    new = put(home / f"runs/flowcam/{NEW}/results.csv", 128)
    cache = put(home / "runs/.cache/results.sqlite", 256)
    packages = put(home / ".local/lib/python3.11/site-packages/x/big.so", 512)
    trash = put(home / ".local/share/Trash/files/old.tif", 32)
    other = put(home / "flowcam/analyse.ipynb", 16) + put(home / ".local/share/jupyter/x.json", 4)
    found = home_use(home, budget(), NOW)
    folders = 16 * 4096  # the folders' own blocks
    for name, size in {
        "runs": old + new,
        "cache": cache,
        "packages": packages,
        "trash": trash,
        "other": other,
    }.items():
        assert size <= found["parts"][name] <= size + folders, name
    assert found["parts"]["uploads"] == 0
    assert found["bytes"] == sum(found["parts"].values())
    assert old <= found["old_runs"] <= old + folders < old + new
    assert set(found["use_cases"]) == {"flowcam"}


def test_it_is_what_du_says(tmp_path: Path) -> None:
    for number in range(30):
        put(tmp_path / "x" / f"{number % 5}" / f"{number}.bin", number)
    (tmp_path / "x/loop").symlink_to(tmp_path)
    os.link(tmp_path / "x/1/26.bin", tmp_path / "x/same.bin")
    said = subprocess.run(["du", "-sB1", str(tmp_path / "x")], capture_output=True, text=True, check=True)
    assert size_of(tmp_path / "x", budget()) == int(said.stdout.split()[0])


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside/secret.bin", 2048)
    home = tmp_path / "homes/eve"
    home.mkdir(parents=True)
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "runs").symlink_to(tmp_path / "outside")
    (home / ".local").symlink_to(tmp_path / "outside")
    assert home_use(home, budget(), NOW)["bytes"] < outside


def test_what_takes_too_long_stands_as_at_least(tmp_path: Path) -> None:
    for number in range(50):
        put(tmp_path / f"{number}.bin", 4)
    small = budget(20)
    assert 0 < size_of(tmp_path, small) < size_of(tmp_path, budget())
    assert not small.complete
    late = Budget(time.monotonic() - 1, 257)
    size_of(tmp_path, late)
    assert not late.complete


def test_a_folder_that_nobody_may_read_or_that_is_very_deep(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    here = deep
    for _ in range(200):
        here = here / "d"
    here.mkdir(parents=True)
    os.mkfifo(deep / "pipe")
    assert size_of(deep, budget()) > 0
    assert size_of(tmp_path / "nothing", budget()) == 0


def test_measured_by_a_process_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "envs"))
    assert disk.last_measured() == DiskUse()
    size = put(tmp_path / f"homes/ada/runs/flowcam/{NEW}/x.bin", 300)
    strange = os.fsdecode(b"\xff\xfe")
    put(tmp_path / "homes" / strange / "x", 4)
    assert disk_scan.main([str(tmp_path / "status/disk.json"), "--seconds", "20"]) == 0
    found = disk.last_measured()
    assert found.home("ada").parts["runs"] >= size
    assert found.use_cases["flowcam"] >= size
    assert 0 < found.free <= found.total
    assert found.is_fresh()
    assert len(found.homes) == 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"measured": "x"}', b"[" * 9999, b"\xff", b'{"people": 3}']
)
def test_a_broken_file_is_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    (tmp_path / "status").mkdir()
    (tmp_path / "status/disk.json").write_bytes(content)
    assert disk.last_measured() == DiskUse()


def test_an_engine_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "envs"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert "did not answer" in measure(budget(), engine=True)["engine"]["problem"]
    assert json.dumps(measure(budget(), engine=False)["engine"]) == "null"


def home(gigabytes: float, **parts: float) -> HomeUse:
    return HomeUse(
        "ada", int(gigabytes * 1e9), {name: int(size * 1e9) for name, size in parts.items()}, int(0.5e9)
    )


def test_over_the_soft_limit_warns_and_over_the_hard_one_only_gpus_are_refused() -> None:
    limit = HomeLimit.of(10, 1.5)
    assert limit == HomeLimit(10, 15)
    assert limit.warning(home(10)) == ""
    assert limit.warning(home(10.2)).startswith(
        "Your files take 10.2 GB of the 10 GB that are yours. In a terminal"
    )
    assert limit.refusal(home(15), with_gpu=True) == ""
    refused = limit.refusal(home(15.1, runs=15), with_gpu=True)
    assert "15.1 GB, more than the 15 GB" in refused
    assert "frees about 500 MB" in refused
    assert limit.refusal(home(99), with_gpu=False) == ""
    for no_limit in (None, 0):
        assert HomeLimit.of(no_limit, 1.5).warning(home(1e6)) == ""


def test_words() -> None:
    words = home(3.2, runs=2.1, cache=1.1, trash=0.001).words
    assert words == "3.2 GB: 2.1 GB analyses, 1.1 GB results kept for repeats"
    assert HomeUse("x").words == "0 kB"


@settings(max_examples=60)
@given(st.integers(0, 10**16))
def test_a_size_is_never_rounded_into_the_next_unit(size: int) -> None:
    number, unit = in_gb(size).split()
    assert 0 <= float(number) < 1000 or unit == "TB"
    bytes_each, digits = {"kB": (1e3, 0), "MB": (1e6, 0), "GB": (1e9, 1), "TB": (1e12, 2)}[unit]
    assert abs(float(number) * bytes_each - size) <= 0.501 * bytes_each / 10**digits


def test_it_imports_without_the_hub() -> None:
    """The process starts in a fraction of a second."""
    code = "import sys, tidehub.disk_scan; print('jupyterhub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
