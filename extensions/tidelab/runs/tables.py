"""The tables of a run. Equal inputs, model, parameters and person give equal bytes, whenever and wherever they were made."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tidelab.catalogue import UseCase
from tidelab.domain.card import ModelCard
from tidelab.domain.results import FAILED_COLUMNS, RESULT_COLUMNS, SCORE_DECIMALS
from tidelab.runs.failures import FailedFile
from tidelab.runs.files import replacing
from tidelab.runs.inputs.samples import Samples
from tidelab.runs.items import ImageResult
from tidelab.runs.names import sort_key, spreadsheet_safe

UNIDENTIFIED: Final = "unidentified"
COUNT_COLUMNS: Final = ("label", "aphia_id", "count", "share")
INPUT_COLUMNS: Final = ("image", "image_id", "bytes", "side_files")


@dataclass(frozen=True)
class Labelled:
    """What the results say of one image.

    Parameters
    ----------
    best
        Most probable class, as the model's card writes it.
    label
        The same as the tables write it, or empty when the score is below the threshold.
    score
        Its probability, as written.
    top5
        ``label:score`` joined by ``;``.
    """

    best: str
    label: str
    score: str
    top5: str


def label_images(results: Sequence[ImageResult], labels: Sequence[str], threshold: float) -> list[Labelled]:
    """Name each image.

    Parameters
    ----------
    results
        Predicted images.
    labels
        Class names in the order of the probabilities.
    threshold
        Least score of a name. It is compared with the score *as written*, so that a reader of the table can repeat it.
    """
    shown = [spreadsheet_safe(label) for label in labels]
    # A control in steps of 0.05 gives 0.15000000000000002, and the person meant 0.15.
    limit = round(threshold, SCORE_DECIMALS)
    return [_label(result, labels, shown, limit) for result in results]


def write_results(
    path: Path,
    results: Sequence[ImageResult],
    labelled: Sequence[Labelled],
    aphia: Mapping[str, str],
    samples: Samples,
    person: str,
) -> None:
    """Write ``results.csv``; `aphia` as `aphia_ids` returns it."""
    who = spreadsheet_safe(person)
    rows = []
    for result, one in zip(results, labelled, strict=True):
        sample = samples.of(result.name)
        status = "predicted" if one.label else UNIDENTIFIED
        rows.append(
            (
                *(result.image_id, sample.sample_id, who, result.name, sample.time, sample.station),
                *(one.label, aphia.get(one.label, ""), one.score, one.top5, status),
            )
        )
    write_table(path, RESULT_COLUMNS, rows)


def write_failed(path: Path, failures: Iterable[FailedFile]) -> None:
    """Write ``failed_files.csv``."""
    ordered = sorted(failures, key=lambda row: (sort_key(row.image), row.kind))
    write_table(
        path, FAILED_COLUMNS, [(row.image, row.reason, row.expected, row.next_step) for row in ordered]
    )


def write_counts(path: Path, named: Sequence[str], aphia: Mapping[str, str]) -> None:
    """Write ``counts.csv``: images (of a detector: objects) of each class, most frequent first; those without a name are `unidentified`.

    The share is of all images that could be used, unidentified ones included.
    """
    # Those without a name are counted apart from a class that somebody called "unidentified".
    counts = Counter(named)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] or UNIDENTIFIED))
    total = len(named)
    rows = [
        (label or UNIDENTIFIED, aphia.get(label, ""), count, f"{count / total:.4f}")
        for label, count in ordered
    ]
    write_table(path, COUNT_COLUMNS, rows)


def write_statistics(path: Path, results: Sequence[ImageResult]) -> None:
    """Write ``statistics.csv``: one row an image in the order of the results."""
    names = list(dict.fromkeys(name for result in results for name in result.statistics))
    rows = [
        (
            result.image_id,
            result.name,
            *(f"{result.statistics.get(name, float('nan')):.6g}" for name in names),
        )
        for result in results
    ]
    write_table(path, ("image_id", "image", *names), rows)


def write_inputs(path: Path, results: Sequence[ImageResult]) -> None:
    """Write ``inputs.csv``: digest and size of every image that was used, with its side files."""
    rows = [
        (
            result.name,
            result.image_id,
            result.size,
            ";".join(f"{suffix}=sha256:{digest}" for suffix, digest in result.sides),
        )
        for result in results
    ]
    write_table(path, INPUT_COLUMNS, rows)


def write_embeddings(path: Path, results: Sequence[ImageResult], dimension: int) -> None:
    """Write ``embeddings.npy``: float32 of shape ``(n, d)`` in the order of the results."""
    values = (
        np.stack([result.embedding for result in results])
        if results
        else np.empty((0, dimension), np.float32)
    )
    with replacing(path) as stream:
        np.save(stream, values, allow_pickle=False)


def write_probabilities(path: Path, results: Sequence[ImageResult], n_labels: int) -> None:
    """Write ``probabilities.npy``: calibrated, float32 of shape ``(n, k)`` in the order of the results and of the card's labels."""
    values = (
        np.stack([result.probabilities for result in results])
        if results
        else np.empty((0, n_labels), np.float32)
    )
    with replacing(path) as stream:
        np.save(stream, values.astype(np.float32), allow_pickle=False)


def aphia_ids(use_case: UseCase, card: ModelCard) -> Mapping[str, str]:
    """Return WoRMS identifiers by label: those the use case declares, and the card's for classes that it does not declare."""
    declared = {label.name: label.aphia_id for label in use_case.labels}
    found = {**card.aphia_ids, **declared}
    return {spreadsheet_safe(name): str(number) for name, number in found.items() if number is not None}


def _label(result: ImageResult, names: Sequence[str], shown: Sequence[str], threshold: float) -> Labelled:
    # Stable: of equal probabilities the class that comes first in the card comes first here.
    order = np.argsort(-result.probabilities, kind="stable")[:5].tolist()
    scores = [f"{float(result.probabilities[index]):.{SCORE_DECIMALS}f}" for index in order]
    label = shown[order[0]] if float(scores[0]) >= threshold else ""
    top5 = ";".join(f"{shown[index]}:{score}" for index, score in zip(order, scores, strict=True))
    return Labelled(names[order[0]], label, scores[0], top5)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as every table of a run is written: UTF-8, comma, LF, in one step."""
    with replacing(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        text.detach()  # flushes, and leaves the file to whoever opened it
