"""``declaration`` is the text of a valid usecase.yaml; ``broken`` loads it after a change and returns what a person reads."""

from pathlib import Path

import pytest

from tidelab.catalogue import UseCaseError, load_usecase

DECLARATION = """\
schema_version: 1
slug: demo-case
title: Demo case
summary: Names shapes.
description: Names shapes on images.
people:
  - {name: Ada, role: author}
citation: {text: Ada (2026).}
licence: Apache-2.0
maintainers_group: maintainers-demo-case
stacks: {analyse: analyse, train: tensorflow}
resources:
  default: small
  flavours:
    small: {title: Small, cpu: 1, memory_gb: 4, stacks: [analyse]}
    train: {title: Train, cpu: 2, memory_gb: 8, stacks: [analyse, tensorflow]}
task: {kind: image-classification}
labels:
  - {name: Tripos, kind: taxon, rank: Genus, aphia_id: 494057}
  - {name: Bubbles, kind: artefact}
model: {registered_name: demo-case}
notebooks:
  analyse:
    file: analyse.ipynb
    title: Analyse
    stack: analyse
    faces: [lab, app, report]
    parameters:
      images: {type: path, default: sample, title: Images, help: Which images., affects_results: false}
      threshold: {type: number, default: 0.5, minimum: 0.0, maximum: 1.0, title: Threshold, help: Lowest score.}
      top: {type: integer, default: 5, minimum: 1, maximum: 10, title: Top, help: How many names.}
      note: {type: string, default: "", title: Note, help: Any text., max_length: 10}
      quick: {type: boolean, default: true, title: Quick, help: Quick or not.}
      view: {type: choice, default: table, choices: [table, plot], title: View, help: Which view.}
  retrain: {file: retrain.ipynb, title: Retrain, stack: tensorflow, faces: [lab]}
app: {inputs: Images., outputs: A table.}
sample: {folder: sample, title: Shapes, licence: CC0-1.0}
"""


@pytest.fixture
def declaration():
    return DECLARATION


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "demo-case"
    folder.mkdir()
    (folder / "usecase.yaml").write_text(DECLARATION, encoding="utf-8")
    return folder


@pytest.fixture
def broken(folder: Path):
    """Return a function: (old text, new text) -> the message; the old text must be there."""

    def change(old: str, new: str) -> str:
        text = (folder / "usecase.yaml").read_text(encoding="utf-8")
        assert old in text, f"the declaration of this test no longer holds {old!r}"
        (folder / "usecase.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(UseCaseError) as caught:
            load_usecase(folder)
        return str(caught.value)

    return change
