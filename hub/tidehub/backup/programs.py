"""Programs that others keep well: restic, pg_dump and pg_restore; started with an argument list and errors in words."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from tidehub.backup.errors import BackupError

_PACKAGES = {"restic": "restic", "pg_dump": "postgresql-client", "pg_restore": "postgresql-client"}
_SAID_CHARACTERS = 600


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    as_user: tuple[int, int] | None = None,
    doing: str,
) -> str:
    """Run a program to its end; return what it printed.

    Parameters
    ----------
    command
        Program and arguments. No secret among them: a command line is everyone's to read.
    environment
        Variables besides those of this process.
    as_user
        uid and gid to run as; only root can ask for others than its own.
    doing
        What it is for, e.g. ``copy the database tidelab_hub``.

    Raises
    ------
    BackupError
        The program is missing, or it failed; with the last it said.
    """
    identity = {"user": as_user[0], "group": as_user[1], "extra_groups": []} if as_user else {}
    try:
        done = subprocess.run(
            list(command),
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
            **identity,  # type: ignore[call-overload]
        )
    except FileNotFoundError:
        package = _PACKAGES.get(command[0], command[0])
        raise BackupError(
            f"{command[0]} is not installed; it is needed to {doing}. Install the package {package}."
        ) from None
    except OSError as error:
        raise BackupError(f"{command[0]} could not be started to {doing}: {error.strerror}.") from None
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-_SAID_CHARACTERS:]
        raise BackupError(
            f"Could not {doing}: {command[0]} ended with status {done.returncode} and said: {said}"
        )
    return str(done.stdout)
