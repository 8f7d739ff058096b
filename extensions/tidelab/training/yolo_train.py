"""Train a YOLO network with ultralytics: watched epoch by epoch, cancellable, without network, its best weights in hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tidelab.training.progress import DetectorEpoch, OnDetectorEpoch, ignore_detector
from tidelab.training.yolo_settings import SUFFIX, Task, YoloSettings
from tidelab.training.yolo_setup import import_yolo, set_threads

_TRAINERS: Final[dict[Task, tuple[str, str]]] = {
    "detect": ("detect", "DetectionTrainer"),
    "segment": ("segment", "SegmentationTrainer"),
    "obb": ("obb", "OBBTrainer"),
    "classify": ("classify", "ClassificationTrainer"),
}


class TrainingCancelled(Exception):
    """A person ended the training; nothing of it is kept."""


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
    """

    network: Any
    weights: bytes
    history: tuple[DetectorEpoch, ...]
    seconds: float
    parameters: int
    framework: str
    names: tuple[str, ...] = field(default=())


def train_network(
    task: Task,
    data: Path,
    settings: YoloSettings,
    scratch: Path,
    on_epoch: OnDetectorEpoch = ignore_detector,
    cancelled: Callable[[], bool] = lambda: False,
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
    on_epoch
        Called after each epoch.
    cancelled
        Asked after every step.

    Raises
    ------
    TrainingCancelled
        When `cancelled` said so.
    ValueError
        For weights of another task, or that cannot be read in safe mode.
    """
    import_yolo()
    import ultralytics.models.yolo as yolo

    scratch.mkdir(parents=True, exist_ok=True)
    start = settings.weights
    if start is not None:
        _check_weights(start, task)
    model = str(start) if start is not None else str(_architecture_file(task, settings, scratch))
    module, name = _TRAINERS[task]
    trainer = getattr(getattr(yolo, module), name)(
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
    watch = _Watch(settings, on_epoch, cancelled)
    trainer.add_callback("on_train_start", watch.start)
    trainer.add_callback("on_train_epoch_start", watch.begin)
    trainer.add_callback("on_train_batch_end", watch.step)
    trainer.add_callback("on_fit_epoch_end", watch.epoch)
    trainer.train()
    best = Path(trainer.best if Path(trainer.best).exists() else trainer.last)
    network = load_network(best)
    names = tuple(str(network.names[k]) for k in sorted(network.names))
    return YoloResult(
        network=network,
        weights=best.read_bytes(),
        history=tuple(watch.history),
        seconds=time.monotonic() - watch.began,
        parameters=sum(one.numel() for one in network.parameters()),
        framework=f"ultralytics {version('ultralytics')}, torch {version('torch').split('+')[0]}",
        names=names,
    )


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


class _Watch:
    """Follows a training and ends it when a person wants that."""

    def __init__(
        self, settings: YoloSettings, on_epoch: OnDetectorEpoch, cancelled: Callable[[], bool]
    ) -> None:
        self.history: list[DetectorEpoch] = []
        self.began = time.monotonic()
        self._settings, self._on_epoch, self._cancelled = settings, on_epoch, cancelled
        self._open = False

    def start(self, trainer: Any) -> None:
        if trainer.device.type == "cpu":
            set_threads(self._settings.threads)

    def begin(self, trainer: Any) -> None:
        self._open = True

    def step(self, trainer: Any) -> None:
        if self._cancelled():
            raise TrainingCancelled(
                f"The training was ended in epoch {trainer.epoch + 1}. Nothing of it is kept."
            )

    def epoch(self, trainer: Any) -> None:
        if not self._open:
            return  # ultralytics reports the final validation as an epoch too
        self._open, number = False, trainer.epoch + 1
        losses = {name: float(value) for name, value in (trainer.tloss or {}).items()}
        found = DetectorEpoch(
            number=number,
            total=trainer.epochs,
            losses=losses,
            validation_losses=_validation_losses(trainer.metrics),
            measures=_measures(trainer.metrics),
            seconds=time.monotonic() - self.began,
        )
        self.history.append(found)
        self._on_epoch(found)


def _validation_losses(metrics: dict[str, Any]) -> dict[str, float]:
    return {
        name.removeprefix("val/"): float(value) for name, value in metrics.items() if name.startswith("val/")
    }


_MEASURES: Final = {
    "metrics/precision(B)": "precision",
    "metrics/recall(B)": "recall",
    "metrics/mAP50(B)": "map50",
    "metrics/mAP50-95(B)": "map50_95",
    "metrics/accuracy_top1": "accuracy",
}


def _measures(metrics: dict[str, Any]) -> dict[str, float]:
    return {_MEASURES[name]: float(value) for name, value in metrics.items() if name in _MEASURES}
