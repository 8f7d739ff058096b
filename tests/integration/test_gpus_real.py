"""NVML of a real card: what is read is what `nvidia-smi` says, and a process on it is seen with its memory."""

import os
import shutil
import subprocess
import sys

import pytest

from tidehub.gpus.driver import DeviceUse
from tidehub.gpus.nvml import NvmlDriver

_ALLOCATE = """
import ctypes, sys
cuda = ctypes.CDLL("libcuda.so.1")
assert cuda.cuInit(0) == 0
device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
assert cuda.cuDeviceGet(ctypes.byref(device), 0) == 0
assert cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device) == 0
assert cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(512 * 1024 * 1024)) == 0
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cards() -> dict[str, str]:
    """Return uuid -> name of the machine's cards as `nvidia-smi` lists them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        pytest.skip("needs a real NVIDIA GPU: there is no nvidia-smi here")
    done = subprocess.run(
        [program, "--query-gpu=uuid,name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode or not done.stdout.strip():
        pytest.skip(f"needs a real NVIDIA GPU: nvidia-smi says {done.stdout.strip()[:200]!r}")
    rows = (line.split(", ", 1) for line in done.stdout.splitlines())
    return {uuid.strip(): name.strip() for uuid, name in rows}


def look() -> list[DeviceUse]:
    driver = NvmlDriver()
    try:
        found = driver.look()
        assert driver.problem == ""
        return found
    finally:
        driver.close()


def test_the_cards_are_those_of_nvidia_smi(cards: dict[str, str]) -> None:
    found = look()
    whole = {use.id: use.name for use in found if not use.id.startswith("MIG")}
    assert whole.items() <= cards.items()
    assert found
    for use in found:
        assert use.lost == ""
        assert use.used_mb is not None
        assert use.busy is None or 0 <= use.busy <= 1


def test_memory_of_a_process_is_seen_with_its_number(cards: dict[str, str]) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _ALLOCATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        processes = [process for use in look() for process in use.processes or ()]
        # In a container of its own NVML shows the host's numbers, so the number is compared only where there is one.
        sizes = {process.pid: process.memory_mb for process in processes}
        assert any(size is None or size >= 512 for size in sizes.values()), sizes
        if holder.pid in sizes:
            assert sizes[holder.pid] is None or (sizes[holder.pid] or 0) >= 512
    finally:
        holder.communicate(timeout=30)
