"""The command ``tidelab``.

Commands import what they need when they run, so that ``tidelab --help`` is quick and a broken part breaks one command.
"""

import datetime
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from tidelab import paths
from tidelab.catalogue.errors import ParameterError, ScaffoldError, UnknownUseCaseError
from tidelab.cli._output import warn
from tidelab.cli.app import app

__all__ = ["app", "main", "run"]


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 failed and said why, 2 wrong arguments, 130 interrupted.

    An exception that a Tidelab package defines carries its own sentence. Anything else is a fault of ours: the traceback
    goes to a log file, whose path is printed; ``tidelab --debug ...`` prints it.
    """
    debug = bool(arguments) and arguments[0] == "--debug"
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="tidelab", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Abort:
        warn("Stopped.")
        return 1
    except KeyboardInterrupt:
        warn("Interrupted.")
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _failed(error, arguments)


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    usage = getattr(error, "format_message", None)  # how typer marks errors of arguments
    if usage is not None:
        if type(error).__name__ == "NoArgsIsHelpError":
            warn(usage())
            return 2
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "tidelab"
        warn(f"{usage().rstrip('.')}. See `{where} --help`.")
        return int(getattr(error, "exit_code", 2))
    if type(error).__module__.split(".")[0] in ("tidelab", "tidehub"):
        warn(str(error))
        return 2 if isinstance(error, UnknownUseCaseError | ParameterError | ScaffoldError) else 1
    name = " ".join(argument for argument in arguments[:2] if not argument.startswith("-"))
    log = _write_log(error)
    kept = f" The details are in {log}." if log else ""
    warn(f"`tidelab {name}` stopped on a fault of Tidelab itself ({type(error).__name__}).{kept}")
    warn("Please report it with that file, or run `tidelab --debug ...` to see it here.")
    return 1


def _write_log(error: Exception) -> Path | None:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    text = "".join(traceback.format_exception(error))
    for folder in (paths.data() / "logs" / "cli", Path(tempfile.gettempdir()) / f"tidelab-{os.getuid()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            log = folder / f"{stamp}-{os.getpid()}.log"
            log.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return log
    return None
