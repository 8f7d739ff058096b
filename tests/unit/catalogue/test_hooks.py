"""`tidelab check` finds hooks that are not there, that cannot be called, and measures without a version."""

from pathlib import Path

import pytest
import yaml

from tests.support.blobs import make_use_case
from tests.support.brightness import make_use_case as make_classifier
from tidelab.catalogue import UseCaseError, load_usecase
from tidelab.catalogue.hooks import hook_problems


def test_hooks_that_are_there_are_no_problem(tmp_path: Path) -> None:
    case = make_use_case(tmp_path)
    assert hook_problems(case, case.folder / "usecase.yaml") == []
    assert not list(case.source_folder.rglob("__pycache__"))


def test_each_hook_that_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    case = make_use_case(
        tmp_path,
        reader="blob_case.hooks:absent",
        measures=["blob_case.hooks:darkest", "blob_case.hooks:table"],
        products=["blob_case.nowhere:table", "blob_case.hooks:np", "blob_case.broken:x"],
    )
    (case.source_folder / "blob_case" / "broken.py").write_text("raise SystemExit('no')\n")
    found = {problem.field: problem.rule for problem in hook_problems(case, case.folder / "usecase.yaml")}
    assert set(found) == {
        "task.reader",
        "task.measures[1]",
        "task.products[0]",
        "task.products[1]",
        "task.products[2]",
    }
    assert "has no absent" in found["task.reader"]
    assert "no text `VERSION`" in found["task.measures[1]"]
    assert "ModuleNotFoundError" in found["task.products[0]"]
    assert "cannot be called" in found["task.products[1]"]
    assert "SystemExit: no" in found["task.products[2]"]


def test_a_detector_has_its_own_predictor_by_default_and_may_know_one_class(tmp_path: Path) -> None:
    case = make_use_case(tmp_path)
    file = case.folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text())
    del declared["task"]["predictor"]
    declared["labels"] = declared["labels"][:1]
    file.write_text(yaml.safe_dump(declared))
    case = load_usecase(case.folder)
    assert case.task.predictor == "tidelab.models.detector:ObjectDetector"
    assert case.task.finds_objects


def test_a_classifier_needs_two_classes_and_has_the_classifier_by_default(tmp_path: Path) -> None:
    case = make_classifier(tmp_path)
    file = case.folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text())
    del declared["task"]["predictor"]
    file.write_text(yaml.safe_dump(declared))
    assert load_usecase(case.folder).task.predictor == "tidelab.models.classifier:ImageClassifier"
    declared["labels"] = declared["labels"][:1]
    file.write_text(yaml.safe_dump(declared))
    with pytest.raises(UseCaseError, match="needs at least two"):
        load_usecase(case.folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"measures": ["a.b:c", "a.b:c"]}, "which is named before"),
        ({"reader": "no member"}, "task.reader"),
    ],
)
def test_declarations_of_hooks_that_cannot_be(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(UseCaseError, match=words):
        make_use_case(tmp_path, **change)


def test_no_class_may_be_called_no_object(tmp_path: Path) -> None:
    case = make_use_case(tmp_path)
    file = case.folder / "usecase.yaml"
    file.write_text(file.read_text().replace("dark spot", "No object"))
    with pytest.raises(UseCaseError, match="what a person says of a box without an object"):
        load_usecase(case.folder)
