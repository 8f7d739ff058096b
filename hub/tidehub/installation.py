"""Installing a stack when it is first needed, in a process of its own, with its progress as sentences."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

from tidelab import paths

_SECRET_PREFIXES = ("TIDEHUB_", "JUPYTERHUB_", "JPY_", "CONFIGPROXY_", "MLFLOW_")
_TAIL_CHARACTERS = 1500


class InstallationError(RuntimeError):
    """An environment that could not be installed; the text says why and what to do."""


def missing_environments(names: tuple[str, ...]) -> list[str]:
    """Return the environments that are not there yet, each once.

    One that is there is used as it is: bringing it up to date is the work of ``make run``, not of somebody's click.
    """
    return [name for name in dict.fromkeys(names) if not paths.env_python(name).exists()]


async def install_missing(names: tuple[str, ...]) -> AsyncIterator[tuple[float, str]]:
    """Install what is missing and yield (share done, sentence) on the way; yields nothing when nothing is missing.

    An installation that nobody waits for any more goes on: the next click finds it done or joins it.

    Raises
    ------
    InstallationError
        One of them could not be installed.
    """
    missing = missing_environments(names)
    for position, name in enumerate(missing):
        yield (
            position / len(missing),
            f"Installing {name}, needed for the first time. This can take some minutes.",
        )
        async for share, line in _install(name):
            yield (position + share) / len(missing), line


async def _install(name: str) -> AsyncIterator[tuple[float, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tidelab.environments", "install", name, "--progress", "json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith(_SECRET_PREFIXES)},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    async for raw in process.stdout:
        if (step := _read_step(raw)) is not None:
            yield step
    said = (await errors).decode(errors="replace").strip()
    if await process.wait() != 0:
        reason = said[-_TAIL_CHARACTERS:] or "The installer gave no reason."
        raise InstallationError(
            f"The environment {name!r} could not be installed, so this server cannot start yet. {reason} "
            f"Try again, or ask an admin to run `tidelab stack install {name}`."
        )


def _read_step(raw: bytes) -> tuple[float, str] | None:
    try:
        record = json.loads(raw)
        return min(1.0, max(0.0, float(record["fraction"]))), str(record["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return None
