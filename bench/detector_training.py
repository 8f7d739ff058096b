"""Training of a detector here against bare ultralytics, in one run: same pictures, seed, epochs and arguments, taken in turn.

    OMP_NUM_THREADS=1 .tidelab/envs/torch/bin/python bench/detector_training.py --rounds 3

Ours adds what watches each epoch and can end the training; export and measuring come after it and are not counted. The first epoch of
each training is counted too. Ratio: bare seconds / our seconds, above 1 we are faster.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tidelab.training.detection_reading import generated_pictures
from tidelab.training.yolo_folder import write_yolo_folder
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_setup import import_yolo
from tidelab.training.yolo_train import load_network, train_network


def bare(data: Path, settings: YoloSettings, scratch: Path) -> tuple[float, Path]:
    """Train with ultralytics alone; return seconds and the best weights."""
    model = import_yolo().YOLO(f"{settings.architecture}.yaml")
    began = time.perf_counter()
    model.train(data=str(data), project=str(scratch), name="bare", exist_ok=True, **settings.overrides())
    return time.perf_counter() - began, scratch / "bare" / "weights" / "best.pt"


def ours(data: Path, settings: YoloSettings, scratch: Path) -> tuple[float, Path]:
    """Train as the notebooks do; return seconds and the best weights."""
    began = time.perf_counter()
    result = train_network("detect", data, settings, scratch / "ours")
    seconds = time.perf_counter() - began
    (scratch / "ours.pt").write_bytes(result.weights)
    return seconds, scratch / "ours.pt"


def main() -> None:
    """Train in turn and print seconds, ratio, and whether the weights are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--image-px", type=int, default=320)
    options = parser.parse_args()
    settings = YoloSettings(
        epochs=options.epochs, image_px=options.image_px, batch_size=8, seed=1, workers=0, device="auto"
    )
    taken: dict[str, list[float]] = {"bare": [], "ours": []}
    import_yolo()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = generated_pictures(options.pictures, 7, folder / "pictures")
        parts = np.array(["validation" if k % 4 == 3 else "train" for k in range(len(images))])
        data = write_yolo_folder(images, parts, folder / "data")
        weights = {}
        for number in range(options.rounds):
            order = [("bare", bare), ("ours", ours)]
            for name, train in order if number % 2 == 0 else reversed(order):
                seconds, weights[name] = train(data, settings, folder / str(number))
                taken[name].append(seconds)
                print(f"round {number + 1}, {name}: {seconds:.1f} s", flush=True)
        first, second = (load_network(weights[name]).state_dict() for name in ("bare", "ours"))
        same = all(torch.equal(first[name], second[name]) for name in first)
    ratios = [there / here for there, here in zip(taken["bare"], taken["ours"], strict=True)]
    medians = {name: statistics.median(values) for name, values in taken.items()}
    print(
        f"bare {medians['bare']:.1f} s, ours {medians['ours']:.1f} s (medians of {options.rounds}); ratio bare/ours "
        f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); weights {'identical' if same else 'differ'}; "
        f"device {settings.device_name()}"
    )


if __name__ == "__main__":
    main()
