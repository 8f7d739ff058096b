"""A use case with sizes with and without a GPU, whose servers run the image that the real one has: nothing is built for it."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.support.images import PREFIX
from tidelab import paths
from tidelab.catalogue import load_usecase
from tidelab.containers import names

REAL = "flowcam-plankton"
SLUG = "gpu-plankton"


def make_gpu_case(parent: Path, engine: Any | None, slug: str = SLUG) -> Path:
    """Write the use case below a folder and give its image a name; return the folder for ``TIDELAB_USECASES``.

    Without an engine its image does not exist.
    """
    folder = parent / slug
    shutil.copytree(paths.checkout() / "notebooks" / REAL, folder)
    for notebook in folder.glob("*.ipynb"):
        notebook.write_text(notebook.read_text().replace(REAL, slug))
    file = folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text().replace(REAL, slug))
    small = {"cpu": 1, "memory_gb": 2, "stacks": ["analyse"]}
    declared["resources"] = {
        "default": "gpu",
        "flavours": {
            "gpu": {"title": "With a GPU", "gpu": 1, **small},
            "small": {"title": "Without", **small},
        },
    }
    # No image with TensorFlow is built for the tests.
    declared["stacks"] = {"analyse": "analyse"}
    declared["notebooks"] = {"analyse": declared["notebooks"]["analyse"]}
    # The catalogue takes no YAML aliases, which the two sizes would share.
    file.write_text(json.dumps(declared))
    for path in (parent, folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    load_usecase(folder)
    if engine is not None:
        repository, _, tag = names.use_case_image(slug, ("analyse",), "cpu", PREFIX).rpartition(":")
        engine.tag(names.use_case_image(REAL, ("analyse",), "cpu", PREFIX), repository, tag)
    return parent
