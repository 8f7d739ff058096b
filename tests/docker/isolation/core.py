"""What the attempts have in common. Standard library only: they run inside a container, with what is there.

Each attempt returns what happened in words that are the same on every machine. Whatever is made or filled is bounded and taken away.
"""

import errno
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

Attempt = Callable[[dict[str, Any]], str]
ATTEMPTS: dict[str, Attempt] = {}
SECONDS = 3.0


def attempt(function: Attempt) -> Attempt:
    """Note a function under its name."""
    ATTEMPTS[function.__name__] = function
    return function


def connect(address: str, port: int) -> bool:
    """Return whether somebody accepts a connection; nothing is sent and nothing read."""
    try:
        socket.create_connection((address, port), SECONDS).close()
    except OSError:
        return False
    return True


def reached(*targets: tuple[str, int]) -> str:
    """Say which of some addresses accept a connection."""
    found = [f"{address}:{port}" for address, port in targets if connect(address, port)]
    return f"connected to {', '.join(found)}" if found else "no connection"


def ask(method: str, url: str, body: Any = None, token: str | None = "own") -> tuple[int, str]:
    """Send a request with the server's own token (or none) and return status and text; redirects are not followed."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {os.environ['JUPYTERHUB_API_TOKEN']}"
    request = urllib.request.Request(url, method=method, headers=headers)
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        with opener.open(request, data, timeout=20) as answer:
            return answer.status, answer.read(200_000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(200_000).decode(errors="replace")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def refused(*answers: tuple[int, str]) -> str:
    """Say whether every answer was a refusal; "not found" is one: what one may not see does not exist."""
    codes = [code for code, _ in answers]
    return "refused" if codes and all(code in (401, 403, 404, 405) for code in codes) else f"answered {codes}"


def error_of(action: Callable[[], Any]) -> str:
    """Say how an action failed, or that it did not."""
    try:
        action()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            return "not permitted"
        return {errno.EROFS: "read-only", errno.ENOENT: "not there"}.get(
            error.errno or 0, errno.errorcode.get(error.errno or 0, str(error))
        )
    return "done"


def once(outcomes: list[str]) -> str:
    """Return the different outcomes, joined."""
    return ", ".join(sorted(set(outcomes))) or "nothing to try"


def write(folder: str) -> str:
    """Try to make a file in a folder, and take it away again."""

    def make() -> None:
        file = Path(folder) / f".tidelab-probe-{os.getpid()}"
        file.touch(0o600)
        file.unlink()

    return error_of(make)


def there(paths: list[str]) -> str:
    """Look whether files or folders are there."""
    return once([error_of(Path(path).stat) for path in paths])
