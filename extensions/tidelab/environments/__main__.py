"""Command line of the environments: ``python3 -m tidelab.environments install|list|status|lock``."""

import argparse
import sys

from tidelab.environments import (
    EnvironmentsError,
    cost,
    install,
    load_environments,
    missing,
    reporter,
    status,
)
from tidelab.environments.lock import make_locks
from tidelab.environments.model import Environment


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code (1: failed and said why, 130: interrupted)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (EnvironmentsError, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Nothing half-installed is left; the same command starts again.", file=sys.stderr
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tidelab env", description="The environments that Tidelab's processes and kernels run in."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "install", help="install environments; those that are installed cost nothing"
    )
    command.add_argument("names", nargs="+", metavar="NAME")
    command.add_argument("--progress", choices=["auto", "terminal", "lines", "json", "none"], default="auto")
    command.set_defaults(run=_install)
    command = commands.add_parser("list", help="what there is, what it costs")
    command.set_defaults(run=_list)
    command = commands.add_parser("status", help="what is installed; exit code 1 when a named one is not")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.set_defaults(run=_status)
    command = commands.add_parser("lock", help="resolve the locks again (needs the environment `dev`)")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.add_argument(
        "--upgrade", action="store_true", help="take the newest versions the requirements allow"
    )
    command.set_defaults(run=_lock)
    return parser


def _install(options: argparse.Namespace) -> int:
    needed = missing(options.names)
    if needed and options.progress not in ("json", "none"):
        print(_announcement(needed), file=sys.stderr)
    report = reporter(options.progress)
    quiet = {name for name in options.names if name not in {environment.name for environment in needed}}
    for name in options.names:
        # What is ready says nothing: a second `make run` is about the hub, not about packages.
        install(name, reporter("none") if name in quiet and options.progress != "json" else report)
    return 0


def _announcement(needed: list[Environment]) -> str:
    gigabytes, minutes = cost(needed)
    names = ", ".join(environment.name for environment in needed)
    time = "under a minute" if minutes < 1 else f"about {minutes:.0f} min"
    return (
        f"Installing {names}: about {gigabytes:.1f} GB on disk and {time} on two cores "
        "(longer on a slow network). Ctrl-C stops it without harm."
    )


def _list(options: argparse.Namespace) -> int:
    for environment in load_environments().values():
        gigabytes, minutes = cost([environment])
        print(f"{environment.name:<16} {gigabytes:4.1f} GB {minutes:4.1f} min  {environment.purpose}")
    return 0


def _status(options: argparse.Namespace) -> int:
    known = load_environments()
    states = [status(known[name]) for name in options.names or known if name in known]
    for state in states:
        made = (
            f"Python {state.stamp.python}, {state.stamp.variant}, {state.stamp.installed_at}"
            if state.stamp
            else ""
        )
        print(
            f"{state.environment.name:<16} {'ready' if state.ready else 'no':<6} {state.reason:<32} {made}".rstrip()
        )
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"unknown: {', '.join(unknown)}", file=sys.stderr)
    return int(bool(unknown) or (bool(options.names) and not all(state.ready for state in states)))


def _lock(options: argparse.Namespace) -> int:
    for file in make_locks(options.names, options.upgrade):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
