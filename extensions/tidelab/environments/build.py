"""Build one Python environment from its lock, in a folder of its own."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import TextIO

from tidelab import paths
from tidelab.environments import machine, processes
from tidelab.environments.errors import InstallError
from tidelab.environments.machine import Interpreter
from tidelab.environments.model import Environment, pins
from tidelab.environments.progress import Progress, Report

# pip as it comes with Python installs a lock exactly: no resolving, every file checked against its SHA-256.
_FETCHING = re.compile(
    r"(?:Collecting|Requirement already satisfied:|Processing \S*/)\s*([A-Za-z0-9_.]+(?:-[A-Za-z][A-Za-z0-9_.]*)*)"
)
STARTUP = "tidelab-startup.pth"
_PIP_INSTALL = (
    "install",
    "--no-deps",
    "--require-hashes",
    "--no-warn-script-location",
    "--progress-bar",
    "off",
)


def supported_python(name: str) -> Interpreter:
    """Return the Python to build with; raises `InstallError` where the machine has none that the locks are made for."""
    found = machine.find_python()
    if found is None:
        raise InstallError(
            name,
            f"no Python {' or '.join(machine.SUPPORTED)} is on PATH.",
            "install one; on Debian or Ubuntu: sudo apt-get install python3.11 python3.11-venv",
        )
    return found


def create_venv(name: str, folder: Path, python: Interpreter, log: TextIO, report: Report) -> None:
    """Create a virtual environment with pip in ``folder``.

    Debian ships Python without ``ensurepip`` (it is in python3-venv); then ``virtualenv`` is fetched through pip into a
    temporary folder, so nothing is added to the machine. Raises `InstallError` with the one line to run where pip is absent too.
    """
    report(Progress(name, "prepare", f"creating it with Python {python.version}"))
    if machine.has_module(python.path, "ensurepip") and machine.has_module(python.path, "venv"):
        processes.run(name, [python.path, "-m", "venv", str(folder)], log, on_line=lambda line: None)
        return
    if not machine.has_module(python.path, "pip"):
        raise InstallError(
            name,
            "this Python has neither venv nor pip.",
            f"run this one line, then the same command again: sudo apt-get install python{python.version}-venv",
        )
    with tempfile.TemporaryDirectory(prefix="tidelab-virtualenv-") as target:
        report(Progress(name, "prepare", "this Python has no venv: fetching virtualenv from the registry"))
        fetch = [python.path, "-m", "pip", "install", "--quiet", "--target", target, "virtualenv"]
        processes.run(name, fetch, log, on_line=lambda line: None)
        start = (
            f"import sys; sys.path.insert(0, {target!r}); import virtualenv; virtualenv.cli_run(sys.argv[1:])"
        )
        make = [python.path, "-c", start, "--no-download", "--no-periodic-update", str(folder)]
        processes.run(name, make, log, on_line=lambda line: None)


def install_lock(name: str, folder: Path, lock: Path, log: TextIO, report: Report) -> None:
    """Install a lock into the virtual environment at ``folder``, reporting packages done of packages in all."""
    if not lock.exists():
        raise InstallError(
            name,
            f"there is no {lock.name} in {lock.parent}.",
            "run `make lock`, or use the other Python version.",
        )
    counter = _Counter(name, folder, len(pins(lock)), report)
    command = [str(folder / "bin" / "python"), "-m", "pip", *_PIP_INSTALL, "-r", str(lock)]
    processes.run(name, command, log, counter.line, counter.tick)


def install_by_machine(
    environment: Environment, folder: Path, variant: str, log: TextIO, report: Report
) -> None:
    """Install what is pinned by name alone, in the build that pip finds for this machine, with what only that build needs.

    After the lock, so that pip adds and replaces nothing that the lock holds.
    """
    named = environment.variant(variant).by_machine
    if not named:
        return
    words = ", ".join(pin.replace("==", " ") for pin in named)
    report(Progress(environment.name, "install", f"fetching {words} in the build for this machine", 1, 1))
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-warn-script-location"]
    processes.run(
        environment.name,
        [*command, "--progress-bar", "off", *named],
        log,
        on_line=lambda line: None,
    )


def write_startup(environment: Environment, folder: Path) -> None:
    """Let every interpreter of an environment import the modules that it declares; a ``.pth`` file of ours says so."""
    packages = next(folder.glob("lib/python*/site-packages"))
    file = packages / STARTUP
    if environment.startup:
        # Python reads these files in the order of their names: after _tidelab.pth, which says where the modules are.
        file.write_text("".join(f"import {module}\n" for module in environment.startup), encoding="utf-8")
    else:
        file.unlink(missing_ok=True)


def install_project(name: str, folder: Path, log: TextIO, report: Report) -> None:
    """Install the checkout itself, editable: the environment runs the code that lies here."""
    report(Progress(name, "project", "linking the project"))
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
    ]
    processes.run(name, [*command, "--editable", str(paths.checkout())], log, on_line=lambda line: None)


def link_base(environment: Environment, folder: Path) -> None:
    """Let a thin layer see everything of the environment it extends, its ``.pth`` files included."""
    assert environment.extends is not None
    base = next((paths.envs() / environment.extends).glob("lib/python*/site-packages"))
    own = next(folder.glob("lib/python*/site-packages"))
    (own / "tidelab-base.pth").write_text(f"import site; site.addsitedir({str(base)!r})\n", encoding="utf-8")


def remove(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


class _Counter:
    """Count packages: first as pip names them while it downloads, then as they appear while it unpacks."""

    def __init__(self, name: str, folder: Path, total: int, report: Report) -> None:
        self._name = name
        self._folder = folder
        self._total = total
        self._report = report
        self._fetched = 0
        self._unpacking = False
        self._before = self._count()

    def line(self, line: str) -> None:
        started = _FETCHING.match(line.strip())
        if started:
            self._fetched = min(self._fetched + 1, self._total)
            message = f"fetching {started[1]} ({self._fetched} of {self._total})"
            self._report(Progress(self._name, "fetch", message, self._fetched, self._total))
        elif line.startswith("Installing collected packages"):
            self._unpacking = True
            self.tick()

    def tick(self) -> None:
        if self._unpacking:
            done = min(self._count() - self._before, self._total)
            self._report(
                Progress(
                    self._name, "install", f"installing packages ({done} of {self._total})", done, self._total
                )
            )

    def _count(self) -> int:
        return sum(1 for _ in self._folder.glob("lib/python*/site-packages/*.dist-info"))
