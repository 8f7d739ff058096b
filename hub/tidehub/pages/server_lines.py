"""One's servers, as far as they run, with what their GPUs do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidehub.pages.gpu_state import Mine, ServerGpu
from tidehub.profiles import Profile


@dataclass(frozen=True)
class Server:
    """One of the person's servers, as far as it runs."""

    name: str
    title: str
    state: str  # ready, spawn, stop or check
    url: str
    choice: str
    gpu: ServerGpu | None = None
    waiting: str = ""
    """Where it stands in the queue for a GPU."""


def server_lines(handler: Any, profiles: Mapping[str, Profile], mine: Mine) -> list[Server]:
    """Return the servers of the person who asks.

    Parameters
    ----------
    handler
        The request.
    profiles
        Slug -> use case.
    mine
        Their GPUs.
    """
    user = handler.current_user
    found = []
    for spawner in user.all_spawners(include_default=False):
        if not spawner.active:
            continue
        waiting = f"{handler.hub.base_url}spawn-pending/{user.escaped_name}/{spawner.name}"
        known = profiles.get(spawner.name)
        found.append(
            Server(
                name=spawner.name,
                title=known.title if known else spawner.name,
                state="ready" if spawner.ready else str(spawner.pending),
                url=user.server_url(spawner.name) if spawner.ready else waiting,
                choice=choice_title(known, spawner.user_options),
                gpu=mine.servers.get(spawner.name),
                waiting=mine.waiting.get(spawner.name, "") if not spawner.ready else "",
            )
        )
    return found


def choice_title(known: Profile | None, options: Any) -> str:
    """Return the title of the size that a server was started with; empty where that is not known."""
    if known is None:
        return ""
    name = options.get("resources") if isinstance(options, dict) else None
    return next(
        (choice.title for choice in known.choices if choice.name == name or (not name and choice.is_default)),
        "",
    )
