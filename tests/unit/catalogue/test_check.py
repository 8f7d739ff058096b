"""The folder of a use case: each thing that can be missing or wrong in it, by the words."""

import json
import shutil

import pytest

from tidelab import paths
from tidelab.catalogue import load_usecase
from tidelab.catalogue.check import check_usecase
from tidelab.catalogue.scaffold import new_usecase


@pytest.fixture
def case(tmp_path):
    return new_usecase(
        "demo-case", "Demo", "Ada", tmp_path, paths.checkout() / "notebooks" / "_template"
    ).folder


def card(case, **change):
    file = case / "model/demo/card.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


def declare(case, old, new):
    file = case / "usecase.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def link_out(case):
    (case / "picture.jpg").unlink()
    (case / "picture.jpg").symlink_to("/etc/hostname")


BROKEN = {
    "no notebook": (lambda c: (c / "drift.ipynb").unlink(), "`notebooks.drift.file` names 'drift.ipynb', which is not in the folder"),
    "no picture": (lambda c: (c / "picture.jpg").unlink(), "`picture` names 'picture.jpg', which is not in the folder"),
    "link that leaves": (link_out, "`picture` names 'picture.jpg', a link that leaves the folder"),
    "no truth": (lambda c: (c / "sample/truth.csv").unlink(), "`sample.truth` names"),
    "no model card": (lambda c: (c / "README.md").unlink(), "README.md: is not there; it is the model card"),
    "no sample": (lambda c: shutil.rmtree(c / "sample"), "`sample.folder` names 'sample', which is not a folder"),
    "sample without images": (lambda c: [p.unlink() for p in (c / "sample").glob("*.jpg")], "a folder without an image"),
    "no bundle": (lambda c: shutil.rmtree(c / "model"), "a bundle without model.onnx, card.json, reference.npz"),
    "half a bundle": (lambda c: (c / "model/demo/reference.npz").unlink(), "a bundle without reference.npz"),
    "card is junk": (lambda c: (c / "model/demo/card.json").write_text("["), "card.json: is not the card of a model"),
    "card is a list": (lambda c: (c / "model/demo/card.json").write_text("[]"), "card.json: is not the card of a model"),
    "card has other classes": (lambda c: card(c, labels=["Disc", "Rod", "Cube"]), "classes that usecase.yaml does not declare: Cube"),
    "demo that does not say so": (lambda c: card(c, demo=False), "`demo` is False; a committed model is a demonstration model"),
    "unknown stack": (lambda c: declare(c, "analyse: analyse\n", "analyse: analyze\n") or declare(c, "stack: analyse", "stack: analyze")
        or declare(c, "stacks: [analyse]", "stacks: [analyze]"), "names the stack 'analyze', which images/ does not have; stacks: analyse"),
    "another kernel": (lambda c: declare(c, "default: 0.5", "default: 0.6"), "sets `threshold` to 0.5; the default in usecase.yaml is 0.6"),
}  # fmt: skip


def test_a_whole_folder_has_no_problem(case):
    assert check_usecase(load_usecase(case)) == []


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named(name, case):
    change, expected = BROKEN[name]
    change(case)
    found = "\n".join(map(str, check_usecase(load_usecase(case))))
    assert expected in found
    assert str(case) in found
