"""Train a YOLO network with ultralytics: watched epoch by epoch, cancellable, without network, its best weights in hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tidelab.training.progress import DetectorEpoch, OnDetectorEpoch, OnStep, ignore_detector, ignore_step
from tidelab.training.yolo_settings import SUFFIX, Task, YoloSettings
from tidelab.training.yolo_setup import import_yolo
from tidelab.training.yolo_watch import EndedByPerson, TrainingCancelled, Watch

__all__ = ["TrainingCancelled", "YoloResult", "load_network", "task_of", "train_network"]

_TRAINERS: Final[dict[Task, tuple[str, str]]] = {
    "detect": ("detect", "DetectionTrainer"),
    "segment": ("segment", "SegmentationTrainer"),
    "obb": ("obb", "OBBTrainer"),
    "classify": ("classify", "ClassificationTrainer"),
}


@dataclass(frozen=True, eq=False)
class YoloResult:
    """What a training leaves.

    Parameters
    ----------
    network
        The best one on the validation pictures, in evaluation mode on the CPU, layers fused.
    weights
        The same as a ``.pt`` file: to start another training from, never read by a service.
    history
        One entry an epoch.
    seconds
        Time the training took.
    parameters
        Number of weights.
    framework
        Name and version of what trained it.
    names
        Class names in the order of its scores.
    kept
        The epoch whose weights these are: the best on the validation pictures.
    total
        Epochs that were wanted.
    ended
        Whether a person ended it before.
    """

    network: Any
    weights: bytes
    history: tuple[DetectorEpoch, ...]
    seconds: float
    parameters: int
    framework: str
    names: tuple[str, ...] = field(default=())
    kept: int = 0
    total: int = 0
    ended: bool = False

    @property
    def words(self) -> str:
        """How it ended and what is kept, in a sentence."""
        best, last = "the best on the validation pictures, is kept", len(self.history)
        if self.ended:
            return f"It was ended in epoch {last + 1} of {self.total}; epoch {self.kept}, {best}."
        if last < self.total:
            return f"It ended by itself after epoch {last} of {self.total}, for it got no better; epoch {self.kept}, {best}."
        return f"Epoch {self.kept} of {self.total}, {best}."


def train_network(
    task: Task,
    data: Path,
    settings: YoloSettings,
    scratch: Path,
    on_epoch: OnDetectorEpoch = ignore_detector,
    cancelled: Callable[[], bool] = lambda: False,
    on_step: OnStep = ignore_step,
) -> YoloResult:
    """Train a network.

    Parameters
    ----------
    task
        ``detect``, ``segment`` (masks), ``obb`` (rotated boxes) or ``classify``.
    data
        ``data.yaml`` of a YOLO folder (`tidelab.training.yolo_folder`); for ``classify`` a folder with ``train`` and ``val``, in each
        a folder a class.
    settings
        How to train.
    scratch
        A folder for what ultralytics writes; the caller removes it.
    on_epoch, on_step
        Called after each epoch, and after each step.
    cancelled
        Asked after every step. Where it says so, the training ends there and the best epoch so far is kept.

    Raises
    ------
    TrainingCancelled
        When `cancelled` said so before the first epoch was over.
    ValueError
        For weights of another task, or that cannot be read in safe mode.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    trainer = _trainer(task, data, settings, scratch)
    watch = Watch(settings, on_epoch, cancelled, on_step)
    watch.follow(trainer)
    ended = not _run(trainer, watch)
    best = _best(trainer)
    network = load_network(best)
    return YoloResult(
        network=network,
        weights=best.read_bytes(),
        history=tuple(watch.history),
        seconds=time.monotonic() - watch.began,
        parameters=sum(one.numel() for one in network.parameters()),
        framework=f"ultralytics {version('ultralytics')}, torch {version('torch').split('+')[0]}",
        names=tuple(str(network.names[k]) for k in sorted(network.names)),
        kept=watch.kept or len(watch.history),
        total=int(trainer.epochs),
        ended=ended,
    )


def _trainer(task: Task, data: Path, settings: YoloSettings, scratch: Path) -> Any:
    """Return ultralytics' trainer of a task, with our choices and nothing that reaches beyond `scratch`."""
    import_yolo()
    import ultralytics.models.yolo as yolo

    start = settings.weights
    if start is not None:
        _check_weights(start, task)
    model = str(start) if start is not None else str(_architecture_file(task, settings, scratch))
    module, name = _TRAINERS[task]
    return getattr(getattr(yolo, module), name)(
        overrides={
            **settings.overrides(),
            "task": task,
            "model": model,
            "data": str(data),
            "pretrained": False,
            "project": str(scratch),
            "name": "training",
            "exist_ok": True,
        }
    )


def _run(trainer: Any, watch: Watch) -> bool:
    """Train; return False where a person ended it, with the weights of the best epoch as a finished training leaves them."""
    try:
        trainer.train()
    except EndedByPerson:
        for loader in (trainer.train_loader, trainer.test_loader):
            if hasattr(loader, "close"):
                loader.close()  # its processes, which would outlive the training
    else:
        return True
    if not watch.history:
        raise TrainingCancelled(
            "The training was ended before its first epoch was over, so there is nothing to keep. Run the cell again to train."
        )
    from ultralytics.utils.torch_utils import strip_optimizer

    strip_optimizer(_best(trainer))
    return False


def _best(trainer: Any) -> Path:
    """Return the file of the best epoch; of the last one where none could be measured."""
    return Path(trainer.best if Path(trainer.best).exists() else trainer.last)


def load_network(weights: Path) -> Any:
    """Return the network of a ``.pt`` file, read in safe mode: known layers and numbers, no code; fused, in evaluation mode.

    Raises
    ------
    ValueError
        For a file that is none, or holds something else.
    """
    import_yolo()
    from ultralytics.nn.tasks import torch_safe_load

    try:
        content, _ = torch_safe_load(str(weights), safe_only=True)
        network = content.get("ema") or content["model"]
        return network.float().eval().fuse()
    except Exception as error:  # torch and ultralytics raise many kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(
            f"{weights.name} cannot be read as YOLO weights in safe mode ({first}). Expected a .pt file that ultralytics saved."
        ) from None


def task_of(network: Any) -> str:
    """Return what a network was made for, by its last layer: a `Task`, or the layer's name where it is another."""
    head = type(network.model[-1]).__name__
    return {"Detect": "detect", "Segment": "segment", "OBB": "obb", "Classify": "classify"}.get(head, head)


def _check_weights(weights: Path, task: Task) -> None:
    if weights.suffix != ".pt" or not weights.is_file():
        raise ValueError(f"weights: {weights} is no .pt file. Give the file of a YOLO training, or none.")
    found = task_of(load_network(weights))
    if found != task:
        raise ValueError(f"weights: {weights.name} was trained for {found}, not for {task}.")


def _architecture_file(task: Task, settings: YoloSettings, scratch: Path) -> Path:
    """Write the architecture with the wanted width; its name says the scale, as ultralytics reads it."""
    import ultralytics
    import yaml

    family = settings.architecture[:-1]
    folder = Path(ultralytics.__file__).parent / "cfg" / "models" / ("v8" if family == "yolov8" else "11")
    known = yaml.safe_load((folder / f"{family}{SUFFIX[task]}.yaml").read_text(encoding="utf-8"))
    scale = settings.architecture[-1]
    if settings.width is not None:
        depth, _, most = known["scales"][scale]
        known["scales"] = {scale: [depth, settings.width, most]}
    file = scratch / f"{settings.architecture}{SUFFIX[task]}.yaml"
    file.write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")
    return file
