"""A use case like the worked example, with sizes of server that lease GPUs."""

import shutil
from pathlib import Path

from tidelab import paths

SLUG = "gpu-plankton"
TITLE = "Plankton on GPUs"
_FLAVOURS = """  flavours:
    card: {title: Train on a GPU, cpu: 1, memory_gb: 4, gpu: 1, stacks: [analyse]}
    slice: {title: A slice of a GPU, cpu: 1, memory_gb: 4, gpu: {kind: mig, profile: 1g.10gb}, stacks: [analyse]}
    members: {title: For members, cpu: 1, memory_gb: 4, gpu: 1, groups: [gpu-users], stacks: [analyse]}
"""


def gpu_case(folder: Path) -> Path:
    """Make it in a folder for ``TIDELAB_USECASES``; its first choice is a GPU. Returns the folder."""
    shutil.copytree(paths.checkout() / "notebooks" / "flowcam-plankton", folder / SLUG)
    file = folder / SLUG / "usecase.yaml"
    text = file.read_text().replace("  flavours:\n", _FLAVOURS).replace("default: small", "default: card")
    text = text.replace("title: Phytoplankton from FlowCam images", f"title: {TITLE}")
    file.write_text(text.replace("flowcam-plankton", SLUG))
    return folder
