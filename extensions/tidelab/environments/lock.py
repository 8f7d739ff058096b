"""Resolve the locks: one per environment, Python version and variant.

uv resolves (it is in the development environment) and pip installs. uv ignores pip's settings, so the index and the local wheels
that pip is told to use are passed on.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tidelab import paths
from tidelab.environments import machine
from tidelab.environments.errors import LockError
from tidelab.environments.failures import explain
from tidelab.environments.model import Environment, images_folder, load_environments, pins

# Each would be uninstalled again: opencv-python needs a display's libraries; rfc3987-syntax costs a second per import of nbformat.
FORBIDDEN = ("opencv-python", "rfc3987-syntax")
_PLACE = re.compile(r"https?://|file:|(?<![\w.])/[A-Za-z]|\\[A-Za-z]")


def make_locks(names: Iterable[str] = (), upgrade: bool = False) -> list[Path]:
    """Resolve the locks of the named environments (default: all) for every Python version; return the files written.

    Parameters
    ----------
    names
        Environments; those that extend others are resolved after them.
    upgrade
        Take the newest versions that the requirements allow; otherwise what is locked stays where it can.

    Raises
    ------
    LockError
        Naming the environment, Python version and reason; the lock it concerns stays as it was.
    """
    known = load_environments()
    chosen = [known[name] for name in names] if names else list(known.values())
    chosen.sort(key=lambda environment: environment.extends is not None)
    return [
        _make_lock(environment, python, variant, upgrade)
        for environment in chosen
        for python in machine.SUPPORTED
        for variant in environment.variants
        if environment.requirements(variant).exists()
    ]


def problems(lock: Path) -> list[str]:
    """Return what is wrong with a lock, in words: places and hosts, forbidden packages, missing hashes; empty when sound."""
    text = lock.read_text(encoding="utf-8")
    found = [
        f"{lock}: holds {name}, which images/overrides.txt drops" for name in FORBIDDEN if name in pins(lock)
    ]
    for number, line in enumerate(text.splitlines(), 1):
        if _PLACE.search(line):
            found.append(f"{lock}:{number}: names a place or a host: {line.strip()}")
        if "==" in line and "+" in line and not line.lstrip().startswith("#"):
            found.append(
                f"{lock}:{number}: a local version installs only where that file lies: {line.strip()}"
            )
    for entry in re.split(r"\n(?=\S)", text):
        if "==" in entry.split("\n")[0] and "--hash=sha256:" not in entry and not entry.startswith("#"):
            found.append(f"{lock}: {entry.split()[0]} has no hash")
    return found


def _make_lock(environment: Environment, python: str, variant: str, upgrade: bool) -> Path:
    lock = environment.lock(python, variant)
    # uv writes beside the lock and from inside the checkout, so that its comments carry relative names and no place of this machine.
    with tempfile.TemporaryDirectory(prefix="tidelab-lock-") as scratch:
        result = Path(scratch) / lock.name
        if lock.exists():
            result.write_bytes(lock.read_bytes())  # uv keeps the versions it finds there
        command = [
            *_command(environment, python, variant),
            "--output-file",
            str(result),
            *(["--upgrade"] if upgrade else []),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=paths.checkout(),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            what, remedy = explain(done.stderr)
            raise LockError(
                f"Locking {environment.name} for Python {python} ({variant}): {what}\n{done.stderr.strip()}\nWhat to do: {remedy}"
            )
        wrong = problems(result)
        if wrong:
            raise LockError("\n".join(wrong))
        lock.write_bytes(result.read_bytes())
    return lock


def _command(environment: Environment, python: str, variant: str) -> list[str]:
    root = paths.checkout()
    uv = paths.envs() / "dev" / "bin" / "uv"
    if not uv.exists():
        raise LockError(
            "uv resolves the locks and is in the development environment. Run: ./tidelab env install dev"
        )
    command = [
        str(uv),
        "pip",
        "compile",
        "--quiet",
        "--generate-hashes",
        "--no-header",
        "--no-emit-find-links",
        "--no-emit-index-url",
    ]
    command += [
        "--python-version",
        python,
        "--override",
        str((images_folder() / "overrides.txt").relative_to(root)),
    ]
    if environment.extends is not None:
        base = load_environments()[environment.extends].lock(python, "cpu")
        command += ["--constraint", str(base.relative_to(root))]
    own = environment.folder / f"overrides-{variant}.txt"
    if own.exists():
        command += ["--override", str(own.relative_to(root))]
    for pin in environment.variant(variant).by_machine:
        command += ["--no-emit-package", pin.split("==")[0]]
    # The CUDA lock comes from the registry alone: wheels that lie on this machine are CPU builds.
    if variant == "cpu" and os.environ.get("PIP_FIND_LINKS"):
        command += ["--find-links", os.environ["PIP_FIND_LINKS"]]
    index = machine.run_quietly([sys.executable, "-m", "pip", "config", "get", "global.index-url"])
    if index:
        command += ["--default-index", index.strip()]
    return [*command, str(environment.requirements(variant).relative_to(root))]
