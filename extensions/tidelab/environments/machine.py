"""What this machine offers: a Python that the locks are made for, a GPU, disk space, Node."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ("3.11", "3.12")
MINIMUM_NODE = 20
_PROBE_S = 20


@dataclass(frozen=True)
class Interpreter:
    """A Python: its ``path`` and its ``version`` (``3.11``)."""

    path: str
    version: str


def find_python() -> Interpreter | None:
    """Return a Python that the locks are made for: the running one, else the first on PATH; None without any."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    # Of a virtual environment we want the Python below it: the new environment must not hang on this one.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if running in SUPPORTED and base:
        return Interpreter(base, running)
    for version in SUPPORTED:
        path = shutil.which(f"python{version}")
        if path and python_version(path) == version:
            return Interpreter(path, version)
    return None


def python_version(path: str | Path) -> str | None:
    """Return ``major.minor`` of an interpreter, or None where it does not run (a pyenv shim of an absent version, say)."""
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = run_quietly([str(path), "-c", probe])
    return answer.strip() if answer else None


def has_module(python: str | Path, module: str) -> bool:
    """Whether an interpreter can import a module."""
    return run_quietly([str(python), "-c", f"import {module}; print('yes')"]) is not None


def wanted_variant() -> str:
    """Return ``cuda`` where an NVIDIA GPU is found, else ``cpu``; ``TIDELAB_VARIANT`` overrides.

    Raises
    ------
    ValueError
        When ``TIDELAB_VARIANT`` is neither.
    """
    chosen = os.environ.get("TIDELAB_VARIANT", "").strip().lower()
    if chosen in ("cpu", "cuda"):
        return chosen
    if chosen:
        raise ValueError(
            f"TIDELAB_VARIANT is {chosen!r}, but it must be 'cpu' or 'cuda' (or unset: decided by the GPU found)."
        )
    return "cuda" if has_nvidia() else "cpu"


def has_nvidia(driver: Path = Path("/proc/driver/nvidia/version")) -> bool:
    """Whether an NVIDIA driver is loaded; a mere ``nvidia-smi`` must list a GPU, for images carry it without any."""
    if driver.exists():
        return True
    smi = shutil.which("nvidia-smi")
    return bool(smi and "GPU" in (run_quietly([smi, "-L"]) or ""))


def free_gb(folder: Path) -> float:
    """Return the free space, in 10**9 bytes, of the disk that will hold ``folder``."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9


def find_node() -> tuple[str, str] | None:
    """Return the machine's ``(node, npm)`` where Node is recent enough and npm is there; None otherwise."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = (run_quietly([node, "--version"]) or "").strip().lstrip("v")
    major = version.split(".")[0]
    return (node, npm) if major.isdigit() and int(major) >= MINIMUM_NODE else None


def run_quietly(command: list[str]) -> str | None:
    """Return the standard output of a short command, or None when it fails or takes longer than 20 s."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
