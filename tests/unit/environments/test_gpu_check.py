"""The start-up test of GPU servers, with a fake ``nvidia-smi`` on the PATH and fake frameworks in a fake interpreter's reach."""

import doctest
import json
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.environments.gpu_check import __main__ as command
from tidelab.environments.gpu_check import driver, frameworks
from tidelab.environments.gpu_check.driver import DriverDevice, DriverError, driver_devices, parse_list
from tidelab.environments.gpu_check.frameworks import FrameworkView, look_in
from tidelab.environments.gpu_check.lease import (
    Expected,
    ExpectedDevice,
    LeaseUnreadableError,
    expected,
)
from tidelab.environments.gpu_check.verdict import ADVICE, NONE, SIMULATED, judge

ONE = json.dumps({"id": "l", "devices": [{"id": "GPU-aaa", "name": "NVIDIA H200", "memory_mb": 143_771}]})
LISTED = "GPU 0: NVIDIA H200 (UUID: GPU-aaa)"
FAKE_FRAMEWORKS = {
    "torch": """
        __version__ = "9.9"
        class cuda:
            is_available = staticmethod(lambda: True)
            device_count = staticmethod(lambda: 1)
            get_device_name = staticmethod(lambda n: "NVIDIA H200")
        class Ones:
            def __mul__(self, by): return self
            def sum(self): return 128.0
        def ones(n, device): return Ones()
        """,
    "tensorflow": """
        __version__ = "8.8"
        class config:
            list_physical_devices = staticmethod(lambda kind: [])
        """,
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of our own; `smi` and `framework` put things into it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("TIDELAB_LEASE", raising=False)
    return tmp_path


def smi(machine: Path, listed: str = LISTED, script: str = "") -> None:
    """A program that answers as nvidia-smi does, or runs a script instead."""
    (machine / "listed").write_text(listed + "\n")
    memory = "\n".join(f"{part.split('UUID: ')[1][:-1]}, 143771" for part in listed.splitlines() if "UUID" in part)  # fmt: skip
    (machine / "memory").write_text(memory + "\n")
    body = script or f'case "$1" in -L) cat "{machine}/listed";; *) cat "{machine}/memory";; esac'
    program = machine / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def framework(machine: Path, name: str, source: str = "") -> None:
    lines = [line[8:] for line in (source or FAKE_FRAMEWORKS[name]).splitlines()]
    (machine / f"{name}.py").write_text("\n".join(lines))


@pytest.mark.parametrize("module", [driver])
def test_examples(module: object) -> None:
    assert not doctest.testmod(module).failed  # type: ignore[arg-type]


def test_all_is_well(machine: Path) -> None:
    smi(machine)
    framework(machine, "torch")
    result = command.check(ONE, {"Tidelab: torch": sys.executable})
    assert result.level == "ok", result
    assert result.text == "Your GPU is there: NVIDIA H200, 140 GiB; PyTorch sees it."
    assert result.details == ("Tidelab: torch: PyTorch 9.9 sees NVIDIA H200 and computed on it",)


def test_a_framework_that_sees_none(machine: Path) -> None:
    smi(machine)
    framework(machine, "tensorflow")
    result = command.check(ONE, {"Tidelab: TensorFlow": sys.executable})
    assert result.level == "failed"
    assert (
        result.text
        == f"The lease says 1 GPU (NVIDIA H200), the driver shows it, and TensorFlow sees none. {ADVICE}"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", "ImportError: libcudart"),
        ("import os; os._exit(139)", "ended with status 139"),
        ("import os; os.write(2, b'driver too old'); os._exit(3)", "status 3: driver too old"),
        ("print('noise'); import os; os.write(1, b'tidelab-gpu-check:{}\\n'); os._exit(0)", "ended with"),
        ("import time; time.sleep(60)", "did not answer within 1.5 s"),
    ],
)
def test_a_framework_that_breaks(machine: Path, source: str, said: str) -> None:
    smi(machine)
    framework(machine, "torch", f"        {source}")
    began = time.monotonic()
    result = command.check(ONE, {"k": sys.executable}, framework_s=1.5)
    assert time.monotonic() - began < 15
    assert result.level == "failed"
    assert said in result.text
    assert result.text.endswith(ADVICE)


def test_no_nvidia_smi(machine: Path) -> None:
    result = command.check(ONE, {})
    assert (
        result.text
        == f"The lease says 1 GPU (NVIDIA H200) and the driver shows none: there is no nvidia-smi in this server. {ADVICE}"
    )
    framework(machine, "torch")
    result = command.check(ONE, {"k": sys.executable})
    assert result.level == "warning"
    assert result.text == (
        "PyTorch sees it, but there is no nvidia-smi in this server, so which card it is was not checked."
    )


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("GPU 0: NVIDIA A100 (UUID: GPU-bbb)", "the driver does not show it: it shows NVIDIA A100 instead."),
        ("No devices found.", "the driver does not show it: it shows none."),
        ("<html>what is this", "the driver shows none: nvidia-smi says what cannot be read: <html>what is this."),
        ("\x00\xff\x1b[31m", "cannot be read: ?\ufffd?[31m"),
        ("", "the driver does not show it: it shows none."),
    ],
)  # fmt: skip
def test_what_the_driver_shows_instead(machine: Path, listed: str, said: str) -> None:
    smi(machine, listed)
    (machine / "listed").write_bytes(listed.encode("latin-1"))
    result = command.check(ONE, {})
    assert result.level == "failed"
    assert said in result.text


def test_a_card_that_was_lost(machine: Path) -> None:
    """What is seen after ``systemctl daemon-reload`` (NVIDIA/nvidia-container-toolkit#48)."""
    smi(machine, script="echo 'Failed to initialize NVML: Unknown Error'; exit 255")
    framework(machine, "torch", "        import time; time.sleep(60)")
    began = time.monotonic()
    result = command.check(ONE, {"k": sys.executable})
    assert "the driver shows none: nvidia-smi says: Failed to initialize NVML: Unknown Error." in result.text
    assert time.monotonic() - began < 5, "frameworks are not asked about a driver that shows nothing"


def test_a_driver_that_hangs(machine: Path) -> None:
    smi(machine, script="sleep 60 & wait")
    began = time.monotonic()
    result = command.check(ONE, {}, driver_s=0.5)
    assert "did not answer within 0.5 s, so the driver or the card hangs" in result.text
    assert time.monotonic() - began < 5


def test_endless_output(machine: Path) -> None:
    smi(machine, script="yes nonsense | head -c 5000000")
    with pytest.raises(DriverError, match="cannot be read: nonsense"):
        driver_devices(10)


def test_a_program_that_cannot_be_started(machine: Path) -> None:
    program = machine / "nvidia-smi"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(DriverError, match="cannot be started"):
        driver_devices()


def test_a_mig_slice(machine: Path) -> None:
    listed = "GPU 0: NVIDIA H200 (UUID: GPU-aaa)\n  MIG 1g.18gb     Device  0: (UUID: MIG-1)\n  MIG 1g.18gb     Device  1: (UUID: MIG-2)"
    smi(machine, listed)
    lease = json.dumps({"devices": [{"id": "MIG-2", "name": "NVIDIA H200 1g.18gb", "memory_mb": 16_384}]})
    result = command.check(lease, {})
    assert result.text.startswith("Your GPU is there: NVIDIA H200 1g.18gb, ")
    assert "The driver shows 2 GPUs and your lease is of 1" in result.text
    assert result.level == "warning"


@given(st.text(max_size=400))
@settings(max_examples=60)
def test_any_list_can_be_read(text: str) -> None:
    for device in parse_list(text):
        assert device.id.startswith(("GPU-", "MIG-"))


def view(*devices: str, computed: bool = True, problem: str = "", name: str = "PyTorch") -> FrameworkView:
    return FrameworkView(name, "k", "1", devices, computed, problem)


def lease(count: int = 1, promise: str = "", *, simulated: bool = False) -> Expected:
    devices = tuple(ExpectedDevice(f"GPU-{n}", "NVIDIA H200", 143_771) for n in range(count))
    return Expected(devices, promise, simulated)


SHOWN = [DriverDevice(f"GPU-{n}", "NVIDIA H200", 143_771) for n in range(3)]


def test_verdicts() -> None:
    assert judge(None, [], []).text == NONE
    assert judge(lease(simulated=True), DriverError("gone"), []).text == SIMULATED
    two = judge(lease(2), SHOWN[:2], [view("a", "b"), view("a", "b", name="TensorFlow")])
    assert two.text == (
        "Your 2 GPUs are there: 2 × NVIDIA H200, 140 GiB each; PyTorch and TensorFlow see them."
    )
    assert (
        judge(lease(), SHOWN[:1], []).text
        == "Your GPU is there: NVIDIA H200, 140 GiB; no kernel here has TensorFlow or PyTorch to use it."
    )
    few = judge(lease(2), SHOWN[:2], [view("a")])
    assert "the driver shows them, and PyTorch sees 1." in few.text
    wrong = judge(lease(), SHOWN[:1], [view("a", computed=False)])
    assert "PyTorch computed something wrong on it." in wrong.text
    gone = judge(lease(3), SHOWN[:1], [])
    assert "the driver does not show 2 of 3: it shows NVIDIA H200 instead." in gone.text
    assert [each.level for each in (two, few, wrong, gone)] == ["ok", "failed", "failed", "failed"]


def test_others_cards_in_sight() -> None:
    """In a container that is a leak; beside other processes it is what the promise says."""
    assert judge(lease(), SHOWN, []).level == "warning"
    assert judge(lease(promise="A promise."), SHOWN, [view("a", "b", "c")]).level == "ok"
    assert judge(lease(), SHOWN[:1], [view("a", "b")]).level == "failed"


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "no list"),
        ('{"devices": {}}', "no list"),
        ('{"devices": [3]}', "device without"),
        ('{"devices": [{"id": ""}]}', "device without"),
    ],
)
def test_a_lease_that_cannot_be_read(variable: str, why: str) -> None:
    with pytest.raises(LeaseUnreadableError, match=why):
        expected(variable)
    result = command.check(variable, {})
    assert result.level == "failed"
    assert "cannot be read" in result.text


def test_a_server_without_gpu_and_odd_fields() -> None:
    assert expected("") is None
    assert expected('{"devices": []}') is None
    found = expected('{"devices": [{"id": "GPU-1", "name": 3, "memory_mb": true}], "promise": 1}')
    assert found == Expected((ExpectedDevice("GPU-1", "", 0),))


def test_the_command_writes_its_result(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = machine / "result.json"
    assert command.main(["--out", str(out)]) == 0
    assert json.loads(out.read_text())["level"] == "none"
    monkeypatch.setenv("TIDELAB_LEASE", ONE)
    assert command.main(["--out", str(out), "--kernel", "gone=/no/python"]) == 1
    record = json.loads(out.read_text())
    assert record["level"] == "failed"
    assert abs(record["checked"] - time.time()) < 60
    assert ADVICE in capsys.readouterr().out
    assert out.stat().st_mode & 0o077 == 0
    assert list(machine.glob(".gpu-*")) == []
    with pytest.raises(SystemExit):
        command.main(["--kernel", "nothing"])


def test_an_interpreter_that_is_gone() -> None:
    for found in look_in("k", "/no/python", 5):
        assert "cannot be started" in found.problem


def test_frameworks_that_are_not_there_are_left_out(machine: Path) -> None:
    assert look_in("k", sys.executable, 20) == []
    assert set(frameworks.FRAMEWORKS) == {"tensorflow", "torch"}
