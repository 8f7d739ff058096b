"""Follow a training of ultralytics: its epochs and steps, the epoch whose weights are kept, a person who ends it."""

import time
from collections.abc import Callable
from typing import Any, Final

from tidelab.training.progress import DetectorEpoch, OnDetectorEpoch, OnStep, TrainingStep
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_setup import set_threads


class TrainingCancelled(Exception):
    """A person ended the training before its first epoch was over; there is nothing to keep."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a traceback."""
        return [str(self)]


class EndedByPerson(Exception):
    """Goes through ultralytics' loop when a person ends the training; `yolo_train` takes it."""


class Watch:
    """Follows a training and ends it when a person wants that.

    Parameters
    ----------
    settings
        How it is trained.
    on_epoch, on_step
        Called after each epoch and each step.
    cancelled
        Asked after every step, also of measuring on the validation pictures.

    Attributes
    ----------
    history : list of DetectorEpoch
        Epochs that were finished.
    kept : int
        The best of them on the validation pictures, whose weights are kept; 0: none yet.
    """

    def __init__(
        self,
        settings: YoloSettings,
        on_epoch: OnDetectorEpoch,
        cancelled: Callable[[], bool],
        on_step: OnStep,
    ) -> None:
        self.history: list[DetectorEpoch] = []
        self.kept = 0
        self.began = time.monotonic()
        self._settings, self._on_epoch, self._cancelled, self._on_step = (
            settings,
            on_epoch,
            cancelled,
            on_step,
        )
        self._open, self._steps = False, 0

    def follow(self, trainer: Any) -> None:
        """Be told of what happens in a training."""
        for event, action in (
            ("on_train_start", self._start),
            ("on_train_epoch_start", self._begin),
            ("on_train_batch_end", self._step),
            ("on_val_batch_end", self._ask),
            ("on_fit_epoch_end", self._epoch),
        ):
            trainer.add_callback(event, action)

    def _start(self, trainer: Any) -> None:
        if trainer.device.type == "cpu":
            set_threads(self._settings.threads)

    def _begin(self, trainer: Any) -> None:
        self._open, self._steps = True, 0

    def _step(self, trainer: Any) -> None:
        self._steps += 1
        seconds = time.monotonic() - self.began
        self._on_step(
            TrainingStep(
                trainer.epoch + 1,
                trainer.epochs,
                self._steps,
                max(self._steps, len(trainer.train_loader)),
                seconds,
            )
        )
        self._ask(trainer)

    def _ask(self, _: Any) -> None:
        # Not while the best epoch is measured once more at the end: then there is nothing left to end.
        if self._open and self._cancelled():
            raise EndedByPerson

    def _epoch(self, trainer: Any) -> None:
        if not self._open:
            return  # ultralytics reports the final validation as an epoch too
        self._open, number = False, trainer.epoch + 1
        if trainer.best_fitness == trainer.fitness:  # so ultralytics decides that it writes best.pt
            self.kept = number
        found = DetectorEpoch(
            number=number,
            total=trainer.epochs,
            losses={name: float(value) for name, value in (trainer.tloss or {}).items()},
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
