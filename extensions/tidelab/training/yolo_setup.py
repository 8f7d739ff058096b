"""Bring ultralytics in, once, so that it keeps to itself: no network, no packages installed, no trackers, no files left behind.

Left alone it resolves two names at import, fetches a font, reports how it is used, installs packages it misses and writes an MLflow
database into the current folder. All of that is decided when it is first imported, so nothing else in the toolkit imports it.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

SWITCHES: Final = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",  # weights alone: no code out of a checkpoint
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Environment variables that ultralytics reads when it is imported."""

_OFF: Final = (
    "sync",
    "mlflow",
    "clearml",
    "comet",
    "dvc",
    "raytune",
    "tensorboard",
    "wandb",
    "vscode_msg",
    "openvino_msg",
)
_FONTS: Final = ("Arial.ttf", "Arial.Unicode.ttf")

_own_folder: tempfile.TemporaryDirectory[str] | None = None


def import_yolo() -> Any:
    """Return the ``ultralytics`` package with everything off that reaches beyond this process.

    Raises
    ------
    RuntimeError
        Where somebody imported it before, with its own settings.
    ModuleNotFoundError
        Outside the stack ``torch``; the text says where it is.
    """
    global _own_folder
    if "ultralytics" in sys.modules:
        if any(os.environ.get(name) != value for name, value in SWITCHES.items()):
            raise RuntimeError(
                "ultralytics was imported before tidelab.training, with settings that reach into the network. Restart the kernel and "
                "call tidelab.training first."
            )
        return sys.modules["ultralytics"]
    if _own_folder is None:
        # Of this process alone: it holds settings and a font, and goes when the process ends.
        _own_folder = tempfile.TemporaryDirectory(prefix="tidelab-yolo-", ignore_cleanup_errors=True)
    folder = Path(_own_folder.name)
    _write_fonts(folder / "Ultralytics")
    os.environ.update(SWITCHES, YOLO_CONFIG_DIR=str(folder))
    threads = os.environ.get("OMP_NUM_THREADS")
    try:
        import ultralytics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed here. YOLO models are trained in the kernel 'Tidelab: PyTorch' (./tidelab env install torch).",
            name=error.name,
        ) from None
    if threads is None:
        # It sets 1 for itself; what is started from here later shall decide for itself.
        os.environ.pop("OMP_NUM_THREADS", None)
    ultralytics.settings.update(
        {
            **dict.fromkeys(_OFF, False),
            **{f"{kind}_dir": str(folder / kind) for kind in ("runs", "weights", "datasets")},
        }
    )
    return ultralytics


def _write_fonts(folder: Path) -> None:
    import matplotlib

    source = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FONTS:
        if not (folder / name).exists():
            shutil.copyfile(source, folder / name)


def set_threads(threads: int | None) -> None:
    """Let torch compute on so many threads; None: as ultralytics chooses, which is one less than the machine has.

    It sets its own number whenever it chooses a device, so this is called after that (in training: when the first epoch starts).
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
