"""Measure which model should be registered for FlowCam images: a network, a network with features, or the forest.

Repeated stratified cross-validation (5 x 5) on the real images of ``../shared/data/flowcam-plankton``; all models see the same
folds. Every finished training is one line of the results file, so an interrupted run goes on where it stopped:

    .tidelab/envs/tensorflow/bin/python bench/retrain.py --results .tidelab/bench/retrain.jsonl

The last lines printed are the table of docs/performance.md, section "Retraining".
"""

import argparse
import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from tidelab import paths
from tidelab.science.metrics import macro_f1
from tidelab.science.near_duplicates import near_duplicates
from tidelab.science.splits import TEST, TRAIN, VALIDATION, grouped_split, merge_groups, repeated_folds
from tidelab.training.datasets import LabelledImages, read_images
from tidelab.training.evaluation import evaluate
from tidelab.training.settings import KINDS, Kind, TrainingSettings
from tidelab.training.train import train_model

FOLDS, REPEATS, SEED = 5, 5, 1
VALIDATION_SHARE = 0.125
"""Of the training part of a fold: for the temperature, and for nothing else with so few images."""


def main() -> None:
    """Run what is missing, then print the summary of everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=paths.checkout().parent / "shared/data/flowcam-plankton/phyto/data/demo-images",
    )
    parser.add_argument("--results", type=Path, default=paths.state() / "bench" / "retrain.jsonl")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--summary-only", action="store_true")
    options = parser.parse_args()
    images = read_images(options.data)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    done = _read(options.results)
    if not options.summary_only:
        for kind in sorted(options.kinds, key=["forest", "network+features", "network"].index):
            _run(kind, images, options.results, done)
    _summarise(images, _read(options.results))


def _run(
    kind: Kind, images: LabelledImages, results: Path, done: dict[tuple[str, int], dict[str, Any]]
) -> None:
    pairs = [(pair.first, pair.second) for pair in near_duplicates(images.pixels)]
    groups = merge_groups(images.sample_ids, pairs)
    for number, (train, test) in enumerate(
        repeated_folds(images.truth, groups, folds=FOLDS, repeats=REPEATS, seed=SEED)
    ):
        if (kind, number) in done:
            continue
        settings = TrainingSettings(seed=SEED + number)
        parts = np.full(len(images), TRAIN, dtype="<U10")
        parts[test] = TEST
        inner = grouped_split(
            images.truth[train], groups[train], seed=number, test_share=VALIDATION_SHARE, validation_share=0.2
        )
        parts[train[inner == TEST]] = VALIDATION
        began = time.monotonic()
        model = train_model(kind, images, parts, settings)
        seconds = time.monotonic() - began
        found = evaluate(model.classifier, images, test, kind)
        row = {
            "kind": kind, "fold": number, "rows": test.tolist(), "predicted": found.predicted.tolist(), "seconds": round(seconds, 1),
            "macro_f1": macro_f1(found.truth, found.predicted, len(images.labels)),
        }  # fmt: skip
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        print(
            f"{kind} fold {number + 1}/{FOLDS * REPEATS}: macro F1 {row['macro_f1']:.3f}, {seconds:.0f} s",
            flush=True,
        )


def _read(results: Path) -> dict[tuple[str, int], dict[str, Any]]:
    if not results.exists():
        return {}
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {(row["kind"], row["fold"]): row for row in rows}


def _summarise(images: LabelledImages, done: dict[tuple[str, int], dict[str, Any]]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=paths.checkout()
    ).stdout.strip()
    print(
        f"\n{len(images)} images, {FOLDS} folds x {REPEATS} repeats, {platform.processor() or platform.machine()}, commit {commit}"
    )
    print(
        "\n| model | trainings | macro F1, mean of folds | macro F1 per repeat, all images pooled | accuracy | seconds a training, median (longest) |"
    )
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        rows = [row for (one, _), row in sorted(done.items()) if one == kind]
        if not rows:
            continue
        folds = [row["macro_f1"] for row in rows]
        truth = np.concatenate([images.truth[row["rows"]] for row in rows])
        predicted = np.concatenate([row["predicted"] for row in rows])
        pooled = [_pooled(images, rows, repeat) for repeat in range(REPEATS)]
        pooled = [value for value in pooled if value is not None]
        times = [row["seconds"] for row in rows]
        pooled_text = f"{np.mean(pooled):.3f} ({min(pooled):.3f} to {max(pooled):.3f})" if pooled else "-"
        print(
            f"| {kind} | {len(rows)} | {np.mean(folds):.3f} (sd {np.std(folds, ddof=1) if len(folds) > 1 else 0:.3f}) | {pooled_text} "
            f"| {np.mean(truth == predicted):.3f} | {np.median(times):.0f} ({max(times):.0f}) |"
        )
    print(
        "\n| paired difference of macro F1 | folds | mean | 95 % interval (Nadeau and Bengio) |\n|---|---|---|---|"
    )
    for first, second in (
        ("network", "forest"),
        ("network+features", "forest"),
        ("network+features", "network"),
    ):
        common = [n for n in range(FOLDS * REPEATS) if (first, n) in done and (second, n) in done]
        if len(common) > 1:
            differences = np.array([done[first, n]["macro_f1"] - done[second, n]["macro_f1"] for n in common])
            low, high = corrected_interval(differences)
            print(
                f"| {first} - {second} | {len(common)} | {differences.mean():+.3f} | {low:+.3f} to {high:+.3f} |"
            )


def corrected_interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the corrected resampled t-test.

    The trainings of different folds share images, so their results are not independent; the variance is enlarged by the share of
    test to training images (Nadeau, C. and Bengio, Y., Inference for the generalization error, Machine Learning 52, 2003).
    """
    n = len(differences)
    variance = differences.var(ddof=1) * (1 / n + 1 / (FOLDS - 1))
    half = student.ppf(0.975, n - 1) * np.sqrt(variance)
    return float(differences.mean() - half), float(differences.mean() + half)


def _pooled(images: LabelledImages, rows: list[dict[str, Any]], repeat: int) -> float | None:
    chosen = [row for row in rows if row["fold"] // FOLDS == repeat]
    if len(chosen) < FOLDS:
        return None
    order = np.concatenate([row["rows"] for row in chosen])
    return macro_f1(
        images.truth[order], np.concatenate([row["predicted"] for row in chosen]), len(images.labels)
    )


if __name__ == "__main__":
    main()
