"""The way to MLflow from a kernel: where it is, who we are, and a dead server that costs seconds, not minutes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from tidelab.tracking.errors import TrackingError, TrackingUnavailableError

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0
_LIMITS = {
    # The defaults (7 retries, 120 s, doubling pauses) keep a notebook busy for four minutes when the server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.1",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True)
class Connection:
    """A server and the token for it. The token is in no representation, message or log.

    Parameters
    ----------
    url
        Base URL of a service, without a final slash.
    token
        Hub token.
    title
        What a person calls the service.
    """

    url: str
    token: str = field(repr=False)
    title: str = "MLflow"

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Send a GET request and return the JSON answer.

        Raises
        ------
        TrackingUnavailableError
            If the service does not answer.
        TrackingError
            If it refuses; the text holds its reason.
        """
        return self._json("GET", path, params=dict(parameters or {}))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a POST request with a JSON body and return the JSON answer; raises like :meth:`get`."""
        return self._json("POST", path, json=dict(body))

    def put(self, path: str, content: bytes) -> None:
        """Send bytes; raises like :meth:`get`."""
        self._send("PUT", path, data=content, timeout=(CONNECT_SECONDS, 600)).close()

    def download(self, path: str, parameters: Mapping[str, str], limit: int) -> bytes:
        """Return the bytes at a path; raises like :meth:`get`, and if there are more than ``limit``."""
        with self._send("GET", path, params=dict(parameters), stream=True) as answer:
            content = bytearray()
            try:
                for chunk in answer.iter_content(1 << 20):
                    content += chunk
                    if len(content) > limit:
                        raise TrackingError(
                            f"{parameters.get('path', path)} is larger than the {limit // 2**20} MB allowed for it; "
                            "nothing was kept."
                        )
            except requests.RequestException:
                raise self._unavailable() from None
        return bytes(content)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with self._send(method, path, **options) as answer:
            try:
                body = answer.json()
            except ValueError:
                raise TrackingError(
                    f"{self.title} at {self.url} answered with something that is not JSON."
                ) from None
        if not isinstance(body, dict):
            raise TrackingError(
                f"{self.title} at {self.url} answered with {type(body).__name__}, expected an object."
            )
        return body

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", (CONNECT_SECONDS, READ_SECONDS))
        session = requests.Session()
        session.trust_env = False  # a netrc or proxy variable must not replace or carry off the token
        try:
            answer = session.request(
                method, self.url + quote(path), headers={"Authorization": f"Bearer {self.token}"},
                allow_redirects=False, **options,
            )  # fmt: skip
        except requests.RequestException:
            raise self._unavailable() from None
        if answer.status_code in (502, 503, 504):
            raise self._unavailable(_reason(answer))
        if answer.status_code >= 300:
            raise TrackingError(f"{self.title} refused ({answer.status_code}): {_reason(answer)}")
        return answer

    def _unavailable(self, reason: str = "") -> TrackingUnavailableError:
        said = f" It says: {reason}" if reason else ""
        return TrackingUnavailableError(f"{self.title} is not reachable at {self.url}.{said}")


def connect(environ: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection to MLflow that the hub gave this kernel, and set the client's limits.

    Reads ``MLFLOW_TRACKING_URI`` and ``MLFLOW_TRACKING_TOKEN`` (else ``JUPYTERHUB_API_TOKEN``); asks nothing of the server.

    Raises
    ------
    TrackingUnavailableError
        If the kernel was started without them.
    """
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    url = environ.get("MLFLOW_TRACKING_URI", "").rstrip("/")
    token = environ.get("MLFLOW_TRACKING_TOKEN") or environ.get("JUPYTERHUB_API_TOKEN", "")
    if urlsplit(url).scheme not in ("http", "https") or not token:
        missing = (
            "MLFLOW_TRACKING_URI (http or https)" if not url.startswith("http") else "MLFLOW_TRACKING_TOKEN"
        )
        raise TrackingUnavailableError(
            f"MLflow is not connected: {missing} is not set. It is set for you in a server that the hub started; "
            "elsewhere, nothing is sent anywhere."
        )
    return Connection(url, token)


def connect_models(environ: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection to the model service: ``TIDELAB_MODELS_URL``, else beside MLflow at the same hub.

    Raises
    ------
    TrackingUnavailableError
        Like :func:`connect`.
    """
    mlflow = connect(environ)
    url = environ.get("TIDELAB_MODELS_URL", "").rstrip("/") or f"{mlflow.url.removesuffix('/mlflow')}/models"
    return Connection(url, mlflow.token, "The model service")


def _reason(answer: requests.Response) -> str:
    try:
        body = answer.json()
        reason = body.get("message") or body.get("error") or ""
    except (ValueError, AttributeError):
        reason = answer.text if answer.headers.get("Content-Type", "").startswith("text/plain") else ""
    return str(reason).strip()[:500] or f"no reason given, HTTP {answer.status_code}"
