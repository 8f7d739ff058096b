"""A server that does not start, in one sentence."""

from typing import Any

from jupyterhub.spawner import SpawnException


class StartRefusedError(SpawnException):  # type: ignore[misc]
    """A server that does not start, with the sentence for the person who asked for it.

    JupyterHub shows the message of its own `SpawnException` on some pages, and this attribute on the others.
    """

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.jupyterhub_message = message
