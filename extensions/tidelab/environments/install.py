"""Install environments: tell the cost, build aside, make visible when complete."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from tidelab import paths
from tidelab.environments import build, machine, node, processes, state
from tidelab.environments.errors import InstallError
from tidelab.environments.failures import explain
from tidelab.environments.kernels import sync_kernels
from tidelab.environments.model import Environment, Variant, get_environment, load_environments
from tidelab.environments.progress import Progress, Report, silent

# Downloads lie in pip's cache and in a temporary folder while packages are unpacked.
_DISK_FACTOR = 1.6


def install(name: str, report: Report = silent) -> state.Stamp:
    """Install one environment, unless it is installed already; return its stamp.

    Safe to call at any time and from several processes: a second call waits for the first, and finds the work done.

    Parameters
    ----------
    name
        A folder of ``images/``.
    report
        Called with every `Progress`, from this thread.

    Raises
    ------
    UnknownEnvironmentError
        When there is no such environment.
    InstallError
        What failed and what to do. The previous installation, if there was one, stays as it was.
    """
    environment = get_environment(name)
    if environment.extends is not None:
        install(environment.extends, report)
    waiting = Progress(name, "wait", "another installation of it is under way; waiting for it")
    try:
        with state.exclusive(name, lambda: report(waiting)):
            status = state.status(environment)
            stamp = status.stamp if status.ready else None
            stamp = stamp or _adopt(environment) or _build(environment, report)
            report(Progress(name, "done", "ready"))
        sync_kernels()
    except OSError as error:  # a full disk or a folder we may not write, met by us rather than by pip
        raise InstallError(name, *explain(str(error))) from error
    return stamp


def missing(names: Iterable[str]) -> list[Environment]:
    """Return those of the named environments, with what they extend, that would have to be built now."""
    known = load_environments()
    needed: dict[str, Environment] = {}
    for name in names:
        environment = get_environment(name)
        for candidate in (known[environment.extends], environment) if environment.extends else (environment,):
            if not state.status(candidate).ready and not _adoptable(candidate):
                needed[candidate.name] = candidate
    return list(needed.values())


def cost(environments: Iterable[Environment]) -> tuple[float, float]:
    """Return ``(GB on disk, minutes)`` of installing environments on this machine, as declared."""
    variants = [_variant(environment) for environment in environments]
    return sum(variant.size_gb for variant in variants), sum(variant.minutes for variant in variants)


def _variant(environment: Environment) -> Variant:
    return environment.variant(machine.wanted_variant())


def _adoptable(environment: Environment) -> str | None:
    """Return the Python version of an environment that is complete but carries no valid stamp, else None."""
    folder = paths.envs() / environment.name
    if environment.kind == "node" or environment.extends or not (folder / "bin" / "python").exists():
        return None
    known = next((path.parent.name for path in folder.glob("lib/python*/site-packages")), "")
    version = known.removeprefix("python")
    variant = _variant(environment)
    lock = environment.lock(version, variant.name)
    linked = "tidelab" in state.installed_packages(folder)
    return (
        version
        if linked
        and state.satisfies(folder, lock, variant.by_machine)
        and machine.python_version(folder / "bin" / "python")
        else None
    )


def _adopt(environment: Environment) -> state.Stamp | None:
    """Stamp an environment whose packages satisfy the lock, so that nothing is rebuilt under those who use it."""
    version = _adoptable(environment)
    if version is None:
        return None
    folder = paths.envs() / environment.name
    before = state.read_stamp(folder)
    stamp = state.make_stamp(environment, version, before.seconds if before else 0.0)
    same = (
        (before.checkout, before.project) == (stamp.checkout, stamp.project)
        if before
        else state.links_checkout(folder)
    )
    if not same:
        with processes.install_log(environment.name) as log:
            build.install_project(environment.name, folder, log, silent)
    build.write_startup(environment, folder)
    state.write_stamp(folder, stamp)
    return stamp


def _build(environment: Environment, report: Report) -> state.Stamp:
    name = environment.name
    _check_disk(environment)
    python = build.supported_python(name)
    variant = _variant(environment).name
    key = f"{python.version}-{variant}-{state.content_digest(environment, python.version, variant)[:8]}-{time.time_ns() // 10**6:x}"
    folder = paths.envs() / ".store" / name / key
    for leftover in folder.parent.glob("*"):  # of an interrupted installation; the one in use stays
        if leftover.resolve() != (paths.envs() / name).resolve():
            build.remove(leftover)
    folder.mkdir(parents=True)
    started = time.monotonic()
    try:
        with processes.install_log(name) as log:
            if environment.kind == "node":
                node.install_node(environment, folder, log, report)
            else:
                build.create_venv(name, folder, python, log, report)
                build.install_lock(name, folder, environment.lock(python.version, variant), log, report)
                build.install_by_machine(environment, folder, variant, log, report)
                _finish(environment, folder, log, report)
        stamp = state.make_stamp(environment, python.version, time.monotonic() - started)
        state.write_stamp(folder, stamp)
        state.activate(name, folder)
    except BaseException:  # Ctrl-C too: half an environment is of no use to anybody
        if (paths.envs() / name).resolve() != folder.resolve():
            build.remove(folder)
        raise
    return stamp


def _finish(environment: Environment, folder: Path, log: TextIO, report: Report) -> None:
    if environment.extends is None:
        build.install_project(environment.name, folder, log, report)
    else:
        build.link_base(environment, folder)
    build.write_startup(environment, folder)


def _check_disk(environment: Environment) -> None:
    needed = _variant(environment).size_gb * _DISK_FACTOR
    free = machine.free_gb(paths.envs())
    if free < needed:
        raise InstallError(
            environment.name,
            f"it needs about {needed:.1f} GB while it installs, and {free:.1f} GB are free at {paths.envs()}.",
            "free some space, or put the environments elsewhere with TIDELAB_STATE.",
        )
