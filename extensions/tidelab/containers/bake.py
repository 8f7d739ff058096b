"""The same builds as a bake file, for those who build with BuildKit: ``docker buildx bake -f docker-bake.json``.

Each target has a context of its own, which `write_bake` writes beside the file. A target names what it lies on in ``contexts``, so
BuildKit builds the chain in order without pushing anything in between.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidelab.containers.content import Item, write_folder
from tidelab.containers.plan import Build


def bake(builds: Sequence[Build], contexts: str = "contexts") -> dict[str, Any]:
    """Return the content of ``docker-bake.json``; nothing in it is secret.

    Parameters
    ----------
    builds
        As `plan` returns them, parents first.
    contexts
        Folder of the contexts, relative to the file.
    """
    targets = {build.image: target_name(build.image) for build in builds}
    return {
        "group": {"default": {"targets": list(targets.values())}},
        "target": {
            targets[build.image]: {
                "context": f"{contexts}/{targets[build.image]}",
                "dockerfile": "Dockerfile",
                "tags": [build.image],
                "args": dict(build.arguments),
                "labels": dict(build.labels),
                **(
                    {"contexts": {build.parent: f"target:{targets[build.parent]}"}}
                    if build.parent in targets
                    else {}
                ),
            }
            for build in builds
        },
    }


def target_name(image: str) -> str:
    """Return an image's name as a target: letters, digits, ``_`` and ``-``.

    >>> target_name("tidelab/stack:analyse-cpu")
    'tidelab_stack_analyse-cpu'
    """
    return "".join(char if char.isalnum() or char == "-" else "_" for char in image)


def write_bake(builds: Sequence[Build], folder: Path, settings: Sequence[Item]) -> Path:
    """Write ``docker-bake.json`` and the contexts into a folder; return the file.

    The contexts hold this machine's registry settings, so the folder is readable for its owner alone.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for build in builds:
        items = [*build.items, *settings] if build.needs_registry else build.items
        write_folder(items, folder / "contexts" / target_name(build.image))
    file = folder / "docker-bake.json"
    file.write_text(json.dumps(bake(builds), indent=2) + "\n", encoding="utf-8")
    return file
