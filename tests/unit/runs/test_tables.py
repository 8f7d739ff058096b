"""Numbers and names of the tables: known answers."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.unit.runs.conftest import Run
from tidelab.catalogue import UseCase
from tidelab.models import ModelBundle, write_bundle
from tidelab.runs.items import ImageResult
from tidelab.runs.tables import label_images, write_counts

LABELS = ("calm", "-odd", "wild")


def result(*probabilities: float) -> ImageResult:
    return ImageResult(
        "a.png", "sha256:0", 1, (), np.array(probabilities, np.float32), np.zeros(2, np.float32), {}
    )


@pytest.mark.parametrize(
    ("threshold", "named"),
    # 0.15 as a control in steps of 0.05 gives it; just above; what is written as 0.1500 is compared as 0.15.
    [(0.05 + 0.1, True), (0.1500001, True), (0.1501, False), (0.15, True)],
)
def test_a_score_is_compared_as_it_is_written(threshold: float, named: bool) -> None:
    (one,) = label_images([result(0.14999, 0.1, 0.05)], LABELS, threshold)
    assert one.score == "0.1500"
    assert one.label == ("calm" if named else "")


def test_of_equal_scores_the_first_class_counts_and_a_formula_is_only_defused_in_the_tables() -> None:
    (one,) = label_images([result(0.2, 0.4, 0.4)], LABELS, 0.0)
    assert (one.best, one.label, one.top5) == ("-odd", "'-odd", "'-odd:0.4000;wild:0.4000;calm:0.2000")


def test_a_class_called_unidentified_is_not_mixed_with_images_without_a_name(tmp_path: Path) -> None:
    labels = ("unidentified", "calm")
    labelled = label_images(
        [result(0.9, 0.1), result(0.8, 0.2), result(0.6, 0.4), result(0.2, 0.8)], labels, 0.7
    )
    write_counts(tmp_path / "counts.csv", [one.label for one in labelled], {"calm": "7"})
    assert (tmp_path / "counts.csv").read_text().splitlines() == [
        "label,aphia_id,count,share",
        "unidentified,,2,0.5000",
        "calm,7,1,0.2500",
        "unidentified,,1,0.2500",
    ]


def test_a_model_brings_the_aphia_ids_of_classes_that_the_use_case_does_not_declare(
    run: Run, use_case: UseCase, tmp_path: Path
) -> None:
    demo = ModelBundle.load(use_case.folder / "model" / "demo")
    # The declaration knows "middle" (148947) and says that "dark" has none; it does not know "Tripos".
    card = demo.card.model_copy(
        update={
            "labels": ("dark", "middle", "Tripos"),
            "aphia_ids": {"Tripos": 494057, "middle": 1, "dark": 2},
        }
    )
    own = write_bundle(tmp_path / "own", card, {"model.onnx": demo.onnx})
    folder = run(model=str(own.folder))
    expected = {"dark": "", "middle": "148947", "Tripos": "494057"}
    for name in ("results.csv", "counts.csv"):
        rows = list(csv.DictReader((folder.path / name).open(encoding="utf-8")))
        assert {row["label"]: row["aphia_id"] for row in rows} == expected
