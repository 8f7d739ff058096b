"""Train the demonstration detector from scratch on generated pictures: ``python -m tidelab.training.make_detector_demo OUT``.

In the stack ``torch``, a few minutes on a CPU. The model knows drawings alone, and its card says so.
"""

import argparse
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from tidelab.models.bundle import ModelBundle
from tidelab.science.splits import TEST
from tidelab.training.detection_reading import generated_pictures
from tidelab.training.detection_splitting import split_pictures
from tidelab.training.detector_evaluation import LEAST_SCORE, evaluate_detector
from tidelab.training.detector_saving import save_detector
from tidelab.training.detector_steps import choose_thresholds
from tidelab.training.detector_training import train_detector
from tidelab.training.progress import OnDetectorEpoch, ignore_detector
from tidelab.training.yolo_settings import YoloSettings

PICTURES, SEED = 330, 20265
EVERY: Final = timedelta(hours=4)
"""Six pictures a day, so that 330 pictures are 55 days; a fifth of the days is held out. A drift verdict needs 10 samples."""
CREATED: Final = "2026-11-21T00:00:00+00:00"
"""Fixed, so that the card says nothing about when the script ran."""
SETTINGS: Final = YoloSettings(
    architecture="yolov8n", width=0.125, epochs=20, image_px=320, batch_size=8, optimizer="AdamW", learning_rate=0.002, mosaic=0.0,
    seed=1, device="cpu", threads=1, workers=0,
)  # fmt: skip
"""Half the channels of the nano scale (0.9 million weights, 3.7 MB), no mosaics: small and quick to learn on few pictures."""


def make_model(
    folder: Path,
    *,
    use_case: str = "object-detector",
    pictures: int = PICTURES,
    settings: YoloSettings = SETTINGS,
    on_epoch: OnDetectorEpoch = ignore_detector,
) -> ModelBundle:
    """Train the demonstration detector and write its bundle.

    Parameters
    ----------
    folder
        Bundle folder.
    use_case
        Slug that stands in the card.
    pictures
        Generated pictures, by day, night and in murky water.
    settings, on_epoch
        As in `train_detector`.
    """
    images = generated_pictures(pictures, SEED, conditions="mixed", every=EVERY)
    division = split_pictures(images, seed=settings.seed)
    model, _ = choose_thresholds(train_detector(images, division.parts, settings, on_epoch), images, division)
    test = evaluate_detector(
        model.detector(LEAST_SCORE), images, division.rows(TEST), "Demo model", model.learned_from
    )
    return save_detector(
        model, test, images, division.parts, folder,
        use_case=use_case, name=use_case, demo=True, created=CREATED, licence="AGPL-3.0-only",
        title="Demonstration detector, trained on generated pictures",
        data_summary=f"{pictures} generated pictures (tidelab.training.synthetic_objects, seed {SEED}), no real animals",
        method="generated pictures of days that were held out; says nothing about real animals; AP as pycocotools computes it",
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Make it from the command line."""
    parser = argparse.ArgumentParser(description="Train the demonstration detector on generated pictures.")
    parser.add_argument("out", type=Path, help="folder of the bundle")
    parser.add_argument("--use-case", default="object-detector")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    bundle = make_model(
        options.out,
        use_case=options.use_case,
        pictures=options.pictures,
        on_epoch=lambda epoch: print(epoch.sentence, flush=True),
    )
    quality = bundle.card.quality
    print(
        f"{bundle.folder}: mAP50 {quality.map50}, mAP50-95 {quality.map50_95} on {quality.n_test} held-out generated pictures, "
        f"{len(bundle.onnx)} bytes, {time.monotonic() - began:.0f} s with drawing and measuring"
    )


if __name__ == "__main__":
    main()
