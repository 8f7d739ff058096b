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
from pathlib import Path
from typing import Any

import numpy as np

from tidelab import paths
from tidelab.science.comparison import corrected_interval
from tidelab.science.metrics import macro_f1
from tidelab.science.near_duplicates import near_duplicates
from tidelab.science.splits import merge_groups
from tidelab.training.cross_validating import cross_validate
from tidelab.training.cross_validation import FOLDS, REPEATS, Fold
from tidelab.training.datasets import LabelledImages, read_images
from tidelab.training.settings import KINDS, Kind, TrainingSettings

SEED = 1


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

    def write(fold: Fold, total: int) -> None:
        row = {
            "kind": fold.kind, "fold": fold.number, "rows": fold.rows.tolist(), "predicted": fold.predicted.tolist(),
            "seconds": round(fold.seconds, 1), "macro_f1": fold.macro_f1,
        }  # fmt: skip
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        print(
            f"{kind} fold {fold.number + 1}/{total}: macro F1 {fold.macro_f1:.3f}, {fold.seconds:.0f} s",
            flush=True,
        )

    before = [
        Fold(kind, number, np.array(row["rows"]), np.array(row["predicted"]), row["macro_f1"], row["seconds"])
        for (one, number), row in done.items()
        if one == kind
    ]
    settings = TrainingSettings(seed=SEED)
    cross_validate([kind], images, groups, settings, folds=FOLDS, repeats=REPEATS, on_fold=write, done=before)


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
            low, high = corrected_interval(differences, 1 / (FOLDS - 1))
            print(
                f"| {first} - {second} | {len(common)} | {differences.mean():+.3f} | {low:+.3f} to {high:+.3f} |"
            )


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
