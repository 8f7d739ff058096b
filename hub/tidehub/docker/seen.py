"""What the engine knows of this hub's containers: the truth that the lease book is compared with."""

import time
from collections.abc import Sequence
from typing import Any, Final

from tidelab.containers import names
from tidelab.leases import Seen

STARTING_SECONDS: Final = 60.0
"""A container that was made and not yet started so recently is one that somebody is starting."""
STOP_SECONDS: Final = 10


def containers(client: Any, instance: str) -> list[dict[str, Any]]:
    """Return the engine's list of this hub's servers, whatever their state."""
    labels = [f"{names.INSTANCE}={instance}", names.SERVER]
    found: list[dict[str, Any]] = client.containers(all=True, filters={"label": labels})
    return found


def seen(
    client: Any, instance: str, *, starting_seconds: float = STARTING_SECONDS, now: float | None = None
) -> list[Seen]:
    """Return this hub's containers for `tidelab.leases.book.Book.reconcile`.

    Parameters
    ----------
    client
        docker-py's ``APIClient``.
    instance
        `tidehub.docker.service_container.instance`.
    starting_seconds
        Containers that were made and not started count as running so long; 0 at the start of a hub, when nobody is starting any.

    Raises
    ------
    docker.errors.DockerException, requests.RequestException
        The engine does not answer; nothing may be concluded then.
    """
    now = time.time() if now is None else now
    return [
        Seen(
            place=f"docker:{container['Id']}",
            running=is_alive(container, now - starting_seconds),
            labels=dict(container.get("Labels") or {}),
        )
        for container in containers(client, instance)
    ]


def stop_conflicting(client: Any, instance: str, place: str) -> str:
    """Stop one of this hub's servers that runs on a device another one has; return its name, empty where it is gone or not ours.

    Two programs that each believe to have a card alone ruin each other's work, and its owner finds the home as it was.

    Parameters
    ----------
    client, instance
        As for `seen`.
    place
        `tidelab.leases.Action.stop`: ``docker:<container id>``.
    """
    for container in containers(client, instance):
        if place == f"docker:{container['Id']}":
            client.stop(container["Id"], timeout=STOP_SECONDS)
            return _name(container)
    return ""


def is_alive(container: dict[str, Any], not_before: float) -> bool:
    """Tell whether an entry of the engine's list has, or is about to have, processes."""
    state = str(container.get("State", ""))
    if state in ("created", "removing"):
        return state == "created" and float(container.get("Created", 0)) > not_before
    return state in ("running", "paused", "restarting")


def remove_ended(client: Any, instance: str) -> list[str]:
    """Remove this hub's containers that do not run, at its start; return their names."""
    removed = []
    for container in containers(client, instance):
        if not is_alive(container, float("inf")):
            client.remove_container(container["Id"], v=True, force=True)
            removed.append(_name(container))
    return removed


def _name(container: dict[str, Any]) -> str:
    listed: Sequence[str] = container.get("Names") or [container["Id"][:12]]
    return listed[0].lstrip("/")
