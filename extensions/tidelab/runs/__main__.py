"""``python -m tidelab.runs execute FOLDER``: what the process of a run executes; ``sweep`` removes what is not kept."""

import argparse
import signal
import sys
import threading
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0 when the run is done, 1 when it failed, 2 when it was cancelled."""
    parser = argparse.ArgumentParser(prog="python -m tidelab.runs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("execute", help="execute a prepared run, or go on with one that stopped")
    one.add_argument("folder", type=Path)
    commands.add_parser("bad-inputs", help="print docs/reference/bad-inputs.md")
    swept = commands.add_parser("sweep", help="remove what data policies do not keep")
    which = swept.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="for every home of the data folder")
    which.add_argument(
        "--runs",
        type=Path,
        help="one person's folder of runs, and give up the right to open anything else first",
    )
    given = parser.parse_args(arguments)
    if given.command == "bad-inputs":
        from tidelab.runs.reference import bad_inputs_page

        sys.stdout.write(bad_inputs_page())
        return 0
    if given.command == "sweep":
        from tidelab.runs.sweep import sweep_all, sweep_held

        if given.runs is not None:
            return sweep_held(given.runs)
        sweep_all(everyone=given.all)
        return 0
    return _execute(given.folder)


def _execute(path: Path) -> int:
    from tidelab.runs.errors import RunError
    from tidelab.runs.folder import RunFolder
    from tidelab.runs.owner import acts_for_others

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    folder = RunFolder(path)
    try:
        if acts_for_others():
            from tidelab.runs.handed import take_over

            take_over(folder, sys.stdin.buffer)
        from tidelab.runs.execute import execute

        state = execute(folder, own_process=True, stop=stop)
    except RunError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return {"done": 0, "cancelled": 2}.get(state.status, 1)


if __name__ == "__main__":
    sys.exit(main())
