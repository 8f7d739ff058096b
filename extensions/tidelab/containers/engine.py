"""Asks the container engine through its command line, with lists of arguments and sentences for what goes wrong."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidelab.containers.errors import ImageError

PROGRAM: Final = "docker"
_ASK_S: Final = 60


@dataclass(frozen=True)
class Image:
    """An image of the engine: its id, names, size in bytes, labels, the digests of its layers from the lowest up."""

    id: str
    names: tuple[str, ...]
    size: int
    labels: dict[str, str]
    layers: tuple[str, ...]


def ask(arguments: Sequence[str], timeout_s: float = _ASK_S) -> "subprocess.CompletedProcess[str]":
    """Run one short command of the engine; raises `ImageError` where there is no program or it hangs."""
    if shutil.which(PROGRAM) is None:
        raise ImageError(
            "There is no `docker` on PATH. Install Docker (Debian, Ubuntu: sudo apt-get install docker.io) and try again."
        )
    try:
        return subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"The container engine did not answer `docker {arguments[0]}` within {timeout_s:.0f} s. Is the machine overloaded? "
            "See: systemctl status docker"
        ) from None


def require_engine() -> str:
    """Return the engine's version; raises `ImageError` saying why none answers."""
    done = ask(["version", "--format", "{{.Server.Version}}"])
    version = done.stdout.strip()
    if done.returncode == 0 and version:
        return version
    if "permission denied" in done.stderr.lower():
        raise ImageError(
            "The container engine runs, and this account may not use it. Ask for membership in the group `docker` "
            "(sudo usermod -aG docker $USER, then log in again)."
        )
    raise ImageError(
        f"No container engine answers ({_first(done.stderr)}). Start it (sudo systemctl start docker) and try again."
    )


def inspect(name: str) -> Image | None:
    """Return an image of the engine by name or id, None where it is not there."""
    done = ask(["image", "inspect", name])
    if done.returncode != 0:
        if "no such image" in done.stderr.lower():
            return None
        raise ImageError(f"The engine cannot say whether {name} is there: {_first(done.stderr)}.")
    raw: dict[str, Any] = json.loads(done.stdout)[0]
    labels = (raw.get("Config") or {}).get("Labels") or {}
    layers = (raw.get("RootFS") or {}).get("Layers") or ()
    return Image(raw["Id"], tuple(raw.get("RepoTags") or ()), int(raw["Size"]), dict(labels), tuple(layers))


def own_size(image: Image, parent: Image) -> int:
    """Return the bytes that an image adds to the one it lies on; all of them where it lies on another build of it."""
    shared = image.layers[: len(parent.layers)] == parent.layers
    return image.size - parent.size if shared else image.size


def _first(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[-1])[:300].rstrip(".") if lines else "no reason given"
