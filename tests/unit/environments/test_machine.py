"""What the machine offers, told with programs that only pretend."""

import os
import sys

import pytest

from tidelab.environments import machine


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a shell script on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, text: str) -> str:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return str(file)

    return put


def test_running_python_is_taken_and_never_the_virtual_environment_itself():
    found = machine.find_python()
    assert found is not None
    assert found.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert os.path.realpath(found.path) == os.path.realpath(sys._base_executable)
    assert not found.path.startswith(sys.prefix)


def test_too_new_python_looks_on_path_and_passes_over_a_shim_of_nothing(programs, monkeypatch):
    monkeypatch.setattr(machine.sys, "version_info", (3, 13, 0, "final", 0), raising=False)
    monkeypatch.setattr(machine, "SUPPORTED", ("3.11", "3.12"))
    programs("python3.11", "echo 'pyenv: python3.11: command not found' >&2; exit 127")
    path = programs("python3.12", "echo 3.12")
    monkeypatch.setattr(machine.sys, "version_info", _Version(3, 13))
    assert machine.find_python() == machine.Interpreter(path, "3.12")
    programs("python3.12", "exit 1")
    assert machine.find_python() is None


class _Version(tuple):
    def __new__(cls, major, minor):
        made = super().__new__(cls, (major, minor, 0, "final", 0))
        made.major, made.minor = major, minor
        return made


@pytest.mark.parametrize(
    ("node", "npm", "found"),
    [("echo v20.19.0", "echo 10", True), ("echo v18.19.0", "echo 9", False), ("echo v22.1.0", None, False), (None, None, False),
     ("exit 1", "echo 9", False), ("echo nonsense", "echo 9", False)],
)  # fmt: skip
def test_node_must_be_recent_and_have_npm(programs, node, npm, found):
    for name, text in (("node", node), ("npm", npm)):
        if text is not None:
            programs(name, text)
    assert (machine.find_node() is not None) is found


@pytest.mark.parametrize(
    ("answer", "found"), [("echo 'GPU 0: NVIDIA H200'", True), ("exit 9", False), ("echo No devices", False)]
)
def test_nvidia_smi_alone_is_no_gpu(programs, tmp_path, answer, found):
    programs("nvidia-smi", answer)
    assert machine.has_nvidia(tmp_path / "no-driver") is found


def test_loaded_driver_is_a_gpu(programs, tmp_path):
    (tmp_path / "version").touch()
    assert machine.has_nvidia(tmp_path / "version")


def test_variant_follows_the_gpu_unless_somebody_chose(monkeypatch):
    monkeypatch.delenv("TIDELAB_VARIANT", raising=False)
    monkeypatch.setattr(machine, "has_nvidia", lambda: True)
    assert machine.wanted_variant() == "cuda"
    monkeypatch.setenv("TIDELAB_VARIANT", "CPU")
    assert machine.wanted_variant() == "cpu"
    monkeypatch.setenv("TIDELAB_VARIANT", "rocm")
    with pytest.raises(ValueError, match="'rocm', but it must be 'cpu' or 'cuda'"):
        machine.wanted_variant()
