"""Once an hour: remove what the data policies of use cases do not keep, also where nobody starts an analysis any more.

The work is that of ``python -m tidelab.runs sweep`` in the environment of the analyses: the hub itself reads no runs.
"""

import asyncio
import logging
import os

from tidelab import paths

EVERY_S = 3600.0
LONGEST_S = 600.0
log = logging.getLogger("cull")


async def sweep_forever(every_s: float = EVERY_S) -> None:
    """Sweep at once and then every hour; a sweep that fails is logged and tried again at the next turn."""
    while True:
        await sweep_once()
        await asyncio.sleep(every_s)


async def sweep_once() -> int | None:
    """Sweep all homes; return the exit status, None where it could not be started or took too long."""
    python = paths.env_python("analyse")
    if not python.exists():
        return None  # nothing was ever analysed here
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("TIDELAB_") or name in ("PATH", "LANG")
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(python), "-I", "-m", "tidelab.runs", "sweep", "--all"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=kept,
        )
    except OSError as error:
        log.warning("What is not to be kept could not be swept: %s.", error.strerror)
        return None
    try:
        _, said = await asyncio.wait_for(process.communicate(), LONGEST_S)
    except BaseException as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if not isinstance(error, TimeoutError):
            raise
        log.warning("Sweeping took longer than %.0f s and was ended; it goes on at the next turn.", LONGEST_S)
        return None
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        log.warning("Sweeping failed: %s", last[0][:300])
    return process.returncode
