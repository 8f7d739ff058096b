"""What works in a server, in words, for the one who is about to stop it."""

import asyncio
from typing import Any

import aiohttp

from tidehub.idleness import BUSY_SHARE, Seen
from tidehub.looking import Eyes, RunningServer
from tidehub.pages.gpu_state import ServerGpu

PATIENCE_S = 3.0
UNKNOWN = "It did not say whether something works in it."


async def look(user: str, spawner: Any) -> Seen | None:
    """Return what one server does; None where it did not say within `PATIENCE_S` seconds."""
    server = RunningServer(user, spawner.name, {"state": spawner.get_state()})
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
            return await Eyes("", "", session).see(server)
    except (TimeoutError, aiohttp.ClientError):
        return None


def what_works(seen: Seen | None, gpu: ServerGpu | None, *, in_container: bool) -> list[str]:
    """Return a sentence for each thing that ends with the server; nothing where nothing works in it.

    Parameters
    ----------
    seen
        What was seen of it.
    gpu
        Its GPU, if it has one.
    in_container
        Whether analyses started in it end with it. Beside other processes they go on.
    """
    if seen is None or seen.kernel_states is None:
        return [UNKNOWN]
    found = []
    busy = sum(state not in ("idle", "dead") for state in seen.kernel_states)
    if busy:
        found.append("A notebook is computing." if busy == 1 else f"{busy} notebooks are computing.")
    if seen.busy_terminals:
        found.append("Something runs in a terminal.")
    if seen.run_in_progress and in_container:
        found.append("An analysis is in progress; it can be resumed later.")
    if gpu is not None and gpu.use.startswith(("busy", "in use")):
        found.append(f"The GPU is {gpu.use}.")
    elif not found and seen.cpu_share is not None and seen.cpu_share > BUSY_SHARE:
        found.append("Its processes are computing.")
    return found
