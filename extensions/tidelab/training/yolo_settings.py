"""Choices of a YOLO training, each a parameter with a reason."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from tidelab.training.telling import in_words

Architecture = Literal[
    "yolov8n",
    "yolov8s",
    "yolov8m",
    "yolov8l",
    "yolov8x",
    "yolo11n",
    "yolo11s",
    "yolo11m",
    "yolo11l",
    "yolo11x",
]
ARCHITECTURES: Final[tuple[Architecture, ...]] = get_args(Architecture)
Task = Literal["detect", "segment", "obb", "classify"]
SUFFIX: Final[dict[Task, str]] = {"detect": "", "segment": "-seg", "obb": "-obb", "classify": "-cls"}


@dataclass(frozen=True)
class YoloSettings:
    """How a YOLO network is trained.

    Parameters
    ----------
    architecture
        YOLOv8 or YOLO11, from nano to extra large. Larger ones find more and cost more: nano is what a CPU trains.
    epochs
        Passes over the training pictures. The best one on the validation pictures is kept.
    image_px
        Longest side of the letterboxed input (side of the square for a classifier), a multiple of 32. Small animals on large
        pictures need large inputs.
    batch_size
        Pictures per step.
    learning_rate
        At the start; None: as ultralytics chooses for the number of classes. It falls along a line to a hundredth.
    optimizer
        ``auto``, ``SGD``, ``Adam`` or ``AdamW``; with ``auto`` ultralytics chooses both optimiser and learning rate.
    patience
        Stop after so many epochs without a better one on the validation pictures.
    mosaic
        Share of training pictures made of four; off for the last tenth of the epochs.
    flip_up_down
        Share of training pictures turned upside down: right for plankton on a slide, wrong where up and down mean something.
    hue, saturation, brightness
        How far colours are varied. 0 where colour is what the classes differ in.
    width
        Channels relative to the largest scale, instead of the architecture's own (nano: 0.25). For models that must be small.
    seed
        Equal seeds, pictures, machine and number of threads give equal models.
    weights
        File of weights (``.pt``) to start from; None: from scratch. Read in safe mode: weights, no code.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or the number of a GPU.
    threads
        Threads of torch on a CPU; None: as ultralytics chooses, one less than there are cores.
    workers
        Processes that load pictures; None: none on machines with up to two cores, else up to four.
    """

    architecture: Architecture = "yolov8n"
    epochs: int = 100
    image_px: int = 640
    batch_size: int = 16
    learning_rate: float | None = None
    optimizer: Literal["auto", "SGD", "Adam", "AdamW"] = "auto"
    patience: int = 50
    mosaic: float = 1.0
    flip_up_down: float = 0.0
    hue: float = 0.015
    saturation: float = 0.7
    brightness: float = 0.4
    width: float | None = None
    seed: int = 1
    weights: Path | None = None
    device: str = "auto"
    threads: int | None = None
    workers: int | None = None

    @in_words
    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture: {self.architecture!r}, expected one of {', '.join(ARCHITECTURES)}"
            )
        for name, value, least in (
            ("epochs", self.epochs, 1),
            ("batch_size", self.batch_size, 1),
            ("patience", self.patience, 1),
        ):
            if value < least:
                raise ValueError(f"{name}: {value}, expected at least {least}")
        if self.image_px % 32 or not 64 <= self.image_px <= 2048:
            raise ValueError(f"image_px: {self.image_px}, expected a multiple of 32 from 64 to 2048")
        if self.width is not None and not 0.05 <= self.width <= 2:
            raise ValueError(f"width: {self.width}, expected 0.05 to 2")
        if self.learning_rate is not None and self.optimizer == "auto":
            raise ValueError(
                "learning_rate has no effect with optimizer 'auto', which chooses its own; take SGD, Adam or AdamW"
            )

    def overrides(self) -> dict[str, object]:
        """Return ultralytics' own arguments of these choices."""
        chosen: dict[str, object] = {
            "epochs": self.epochs,
            "imgsz": self.image_px,
            "batch": self.batch_size,
            "optimizer": self.optimizer,
            "patience": self.patience,
            "mosaic": self.mosaic,
            "close_mosaic": max(1, self.epochs // 10),
            "flipud": self.flip_up_down,
            "hsv_h": self.hue,
            "hsv_s": self.saturation,
            "hsv_v": self.brightness,
            "seed": self.seed,
            "deterministic": True,
            "device": self.device_name(),
            "workers": self.worker_count(),
            "plots": False,
            "verbose": False,
        }
        if self.learning_rate is not None:
            chosen["lr0"] = self.learning_rate
        return chosen

    def device_name(self) -> str:
        """Return ``cpu`` or the number of a GPU."""
        if self.device != "auto":
            return self.device
        import torch

        return "0" if torch.cuda.is_available() else "cpu"

    def worker_count(self) -> int:
        """Return the number of processes that load pictures."""
        cores = os.cpu_count() or 1
        return self.workers if self.workers is not None else 0 if cores <= 2 else min(4, cores - 1)
