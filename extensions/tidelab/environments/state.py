"""What is installed: the stamp inside an environment, and whether it still stands for its lock.

An environment is built in ``<envs>/.store/<name>/<key>`` and becomes visible as the link ``<envs>/<name>`` when it is complete, so
an interrupted or failed installation leaves the previous one in place. A plain folder ``<envs>/<name>`` (made by hand) is
accepted where its packages satisfy the lock.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from pathlib import Path

from tidelab import paths
from tidelab.environments import machine
from tidelab.environments.model import Environment, canonical, get_environment, lock_digest, pins

STAMP = "tidelab-environment.json"


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from. ``lock`` and ``project`` are digests; ``seconds`` is what the installation took."""

    environment: str
    variant: str
    python: str
    lock: str
    project: str
    checkout: str
    seconds: float
    installed_at: str


@dataclass(frozen=True)
class Status:
    """Whether an environment is ready, and in words why not."""

    environment: Environment
    ready: bool
    reason: str
    stamp: Stamp | None = None


def read_stamp(folder: Path) -> Stamp | None:
    """Return the stamp of an installed environment; None where it is absent or unreadable."""
    try:
        raw = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return Stamp(**{field.name: raw[field.name] for field in fields(Stamp)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Write the stamp in one step."""
    write_atomically(folder / STAMP, json.dumps(asdict(stamp), indent=2) + "\n")


def write_atomically(file: Path, text: str) -> None:
    """Replace a file's content in one step: readers see the old or the new one, never a part."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


def make_stamp(environment: Environment, python: str, seconds: float) -> Stamp:
    """Return the stamp of an environment made now, for this machine's variant."""
    variant = environment.variant(machine.wanted_variant()).name
    return Stamp(
        environment=environment.name,
        variant=variant,
        python=python,
        lock=content_digest(environment, python, variant),
        project=project_digest(),
        checkout=str(paths.checkout()),
        seconds=round(seconds, 1),
        installed_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def content_digest(environment: Environment, python: str, variant: str) -> str:
    """Return the digest of what an environment holds by its lock (npm's lock for the proxy); empty without a lock."""
    if environment.kind == "node":
        return hashlib.sha256((environment.folder / "package-lock.json").read_bytes()).hexdigest()
    lock = environment.lock(python, variant)
    if not lock.exists():
        return ""
    beside = (*environment.variant(variant).by_machine, *environment.startup)
    digest = lock_digest(lock)
    return hashlib.sha256("\n".join((digest, *beside)).encode()).hexdigest() if beside else digest


def project_digest() -> str:
    """Return the digest of what an editable installation copies from ``pyproject.toml``: the rest is read from the checkout."""
    pyproject = tomllib.loads((paths.checkout() / "pyproject.toml").read_text(encoding="utf-8"))
    copied = {"project": pyproject.get("project"), "build": pyproject.get("tool", {}).get("hatch")}
    return hashlib.sha256(json.dumps(copied, sort_keys=True).encode()).hexdigest()


def status(environment: Environment) -> Status:
    """Return whether an environment is installed as its lock says. Costs no process: milliseconds."""
    folder = paths.envs() / environment.name
    if not folder.exists():
        return Status(environment, False, "not installed")
    stamp = read_stamp(folder)
    if stamp is None:
        return Status(environment, False, "made by hand or interrupted")
    return Status(environment, *_verdict(environment, folder, stamp), stamp)


def _verdict(environment: Environment, folder: Path, stamp: Stamp) -> tuple[bool, str]:
    program = folder / "bin" / ("node" if environment.kind == "node" else "python")
    if not program.exists():
        return False, f"its {program.name} is gone from the machine"
    wanted = environment.variant(machine.wanted_variant()).name
    if stamp.variant != wanted:
        return False, f"installed for {stamp.variant}, this machine wants {wanted}"
    if stamp.lock != content_digest(environment, stamp.python, stamp.variant):
        return False, "its lock has changed"
    own_project = environment.kind != "node" and environment.extends is None
    if own_project and (stamp.checkout != str(paths.checkout()) or stamp.project != project_digest()):
        return False, "the project itself has moved or changed its entry points"
    return True, "installed"


def is_installed(name: str) -> bool:
    """Whether an environment is ready to use."""
    return status(get_environment(name)).ready


def installed_packages(folder: Path) -> dict[str, str]:
    """Return ``{canonical name: version}`` of what lies in an environment's own site-packages."""
    found = {}
    for distribution in metadata.distributions(
        path=[str(path) for path in folder.glob("lib/python*/site-packages")]
    ):
        name = distribution.metadata["Name"]
        if name and distribution.read_text("RECORD") is not None:  # without RECORD, unpacking was interrupted
            found[canonical(name)] = distribution.version
    return found


def links_checkout(folder: Path) -> bool:
    """Whether the project is installed in an environment as a link to this checkout."""
    for distribution in metadata.distributions(
        path=[str(path) for path in folder.glob("lib/python*/site-packages")]
    ):
        if distribution.metadata["Name"] == "tidelab":
            origin = json.loads(distribution.read_text("direct_url.json") or "{}")
            return bool(origin.get("url") == paths.checkout().as_uri())
    return False


def satisfies(folder: Path, lock: Path, by_machine: Iterable[str] = ()) -> bool:
    """Whether an environment holds every package of a lock in the version it names, and any build of those pinned by name."""
    if not lock.exists():
        return False
    here = installed_packages(folder)
    named = dict(pin.split("==") for pin in by_machine)
    return all(
        here.get(name) == version.split("+")[0] or here.get(name) == version
        for name, version in pins(lock).items()
    ) and all(here.get(canonical(name), "").split("+")[0] == version for name, version in named.items())


def activate(name: str, built: Path) -> None:
    """Make a finished build visible as ``<envs>/<name>`` and remove the ones it replaces."""
    link = paths.envs() / name
    store = built.parent
    temporary = link.with_name(f".{name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(built.relative_to(link.parent))
    if link.exists() and not link.is_symlink():
        link.rename(store / f"replaced-{os.getpid()}")
    temporary.replace(link)
    for other in store.iterdir():
        if other != built:
            shutil.rmtree(other, ignore_errors=True)


@contextlib.contextmanager
def exclusive(name: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an environment's lock, so that two installations of it never meet; ``waiting`` is called when it is taken.

    The kernel drops the lock when its holder dies, however it dies.
    """
    folder = paths.envs()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
