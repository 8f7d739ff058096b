"""A real hub with the real services ``mlflow`` and ``models``, seen as several people."""

import concurrent.futures
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import requests

from tests.support.hub import HubClient, RunningHub, wait_for
from tidelab import paths

SCOPES = ["access:services!service=mlflow", "access:services!service=models"]
GROUP = "maintainers-flowcam-plankton"


class Tracking:
    """The two services behind a hub; ``alice`` and ``bob`` are people, ``maya`` maintains, ``admin`` is the hub's."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.mlflow = f"{hub.url}services/mlflow"
        self.models = f"{hub.url}services/models"
        self.people: dict[str, HubClient] = {name: hub.client(name) for name in ("alice", "bob", "maya")}
        self.tokens: dict[str, str] = {}
        for name, client in {**self.people, "admin": hub.admin}.items():
            client.signed_in()
            self.tokens[name] = self.token(name)
        hub.api("POST", f"groups/{GROUP}/users", json={"users": ["maya"]}).raise_for_status()
        wait_for(lambda: self.ask("alice", "GET", "/version").status_code == 200, "MLflow", 120)
        self.first_answers = self._ask_at_once(12)

    def _ask_at_once(self, times: int) -> list[int]:
        """Send the first requests that MLflow needs its databases for, all at once."""
        path = "/api/2.0/mlflow/registered-models/search"
        with concurrent.futures.ThreadPoolExecutor(times) as pool:
            return list(pool.map(lambda _: self.ask("alice", "GET", path).status_code, range(times)))

    def token(self, name: str, scopes: list[str] | None = None) -> str:
        """Return a new hub token of a person."""
        answer = self.hub.api(
            "POST", f"users/{name}/tokens", json={"scopes": SCOPES if scopes is None else scopes}
        )
        answer.raise_for_status()
        return str(answer.json()["token"])

    def ask(
        self, who: str | None, method: str, path: str, service: str = "mlflow", **kwargs: Any
    ) -> requests.Response:
        """Send a request as a person, or as nobody."""
        headers = dict(kwargs.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        url = (self.mlflow if service == "mlflow" else self.models) + path
        return requests.request(method, url, headers=headers, timeout=60, **kwargs)

    @contextlib.contextmanager
    def notebook(self, who: str) -> Iterator[None]:
        """Be in a kernel of a person: the variables that the hub gives it."""
        kernel = {
            "MLFLOW_TRACKING_URI": self.mlflow, "MLFLOW_TRACKING_TOKEN": self.tokens[who], "JUPYTERHUB_USER": who,
        }  # fmt: skip
        with patch.dict(os.environ, kernel):
            yield

    def service_environment(self, name: str) -> dict[str, str]:
        """Return the environment that the hub gave a running service."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                found = process.environ()
                if (
                    found.get("TIDELAB_DATA") == str(self.hub.data)
                    and found.get("JUPYTERHUB_SERVICE_NAME") == name
                ):
                    return found
        raise AssertionError(f"the service {name} does not run:\n{self.hub.log[-3000:]}")

    def as_service(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Python in the environment and with the identity of the model service."""
        return subprocess.run(
            [str(paths.env_python("mlflow")), "-c", program, *arguments], env=self.service_environment("models"),
            cwd=paths.checkout(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    @property
    def champions(self) -> Path:
        """Folder of the published champions of the use case."""
        return self.hub.data / "champions" / "flowcam-plankton"
