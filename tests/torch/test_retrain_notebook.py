"""``retrain.ipynb`` of the generic detector from top to bottom in the stack it is made for, without an MLflow: all is there, and it says so."""

import os
import re
from pathlib import Path

import nbformat
import papermill
import pytest

from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import resolve_model
from tidelab.models.detector import ObjectDetector

NOTEBOOK = paths.checkout() / "notebooks" / "object-detector" / "retrain.ipynb"


def test_with_drawings_the_detector_is_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "JUPYTERHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        NOTEBOOK, out, {"epochs": 1, "image_px": 96, "promote": True, "note": "better"},
        kernel_name="python3", cwd=str(tmp_path), progress_bar=False,
    )  # fmt: skip
    outputs = [one for cell in nbformat.read(out, 4).cells for one in cell.get("outputs", [])]
    words = "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in outputs)
    assert "120 pictures with" in words
    assert "from 21 samples." in words
    assert "whole samples kept together (21 samples)" in words
    assert "Whole samples lie on one side." in words
    assert "epoch 1 of 1: loss" in words, "the live curves"
    assert "Epoch 1 of 1, the best on the validation pictures, is kept." in words
    assert re.search(r"Of [0-9]+ objects [0-9]+ were found and named rightly", words)
    assert "These were drawings. Write the path of your own annotations" in words, "what to do next"
    assert "It started from scratch." in words
    assert "The export differs from the network by at most" in words
    assert "Thresholds:" in words
    assert "mAP50" in words
    assert "This is the first look at these test images." in words
    assert "ot recommended as champion" in words, "one epoch learns nothing"
    assert "It is not registered." in words
    assert "Promotion was not asked for: the model is not registered" in words
    folder = tmp_path / "tidelab" / "models" / "object-detector"
    (own,) = [one for one in folder.iterdir() if one.is_dir()]
    found = resolve_model(load_catalogue()["object-detector"], str(own))
    assert found.is_demo, "it was trained on drawings and must say so"
    assert own.with_suffix(".pt").is_file(), "to start another training from"
    ObjectDetector(found.bundle)
