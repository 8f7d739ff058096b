"""Files that can hold code are opened in a person's own server alone."""

import os
from collections.abc import Mapping

from tidelab.models.errors import ModelError

_SHARED = {
    "JUPYTERHUB_SERVICE_NAME": "a service of the hub",
    "VOILA_BASE_URL": "an app",
    "TIDELAB_ON_BEHALF": "a run that an app started",
    "CONFIGPROXY_AUTH_TOKEN": "the hub itself or its proxy",
}
"""Variables by which a process is recognised that other people's work goes through. JupyterHub gives the first to its services, Voila
the second to the kernels of apps, whose runs bear the third; the hub and its proxy share the last. A person's server, its kernels and a command line have none."""


def check_own_server(what: str, environment: Mapping[str, str] | None = None) -> None:
    """Raise `ModelError` unless this process belongs to one person.

    Parameters
    ----------
    what
        What is to be opened, for the message: ``Keras files``.
    environment
        Its variables; default: this process's.
    """
    here = os.environ if environment is None else environment
    for name, words in _SHARED.items():
        if here.get(name):
            raise ModelError(
                f"{what} can hold code, so they are opened in a person's own server only, never in a shared service or an app (this is "
                f"{words}). Open the retrain notebook in Lab."
            )
