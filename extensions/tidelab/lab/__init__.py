"""The server's side of the Lab extension ``extensions/jupyterlab-tidelab``: what the panel *Tidelab* shows and does.

A Jupyter server extension below ``<server>/tidelab/api/``. It asks the hub's service ``gpus`` in its owner's name (the
server's own token), reads the states of runs and the result of the GPU's start-up test, and puts all of it into
words; the page only draws. Nothing here waits for another process longer than seconds, and a service that is away is said
once.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tidelab.lab"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers and start the GPU's test; called once by Jupyter Server."""
    from tidelab.lab.extension import load

    load(server)
