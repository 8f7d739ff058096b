"""``retrain.ipynb`` from top to bottom in the stack it is made for, without an MLflow: everything is there, and it says so."""

import json
import os
from pathlib import Path

import nbformat
import papermill
import pytest

from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import resolve_model
from tidelab.models.classifier import ImageClassifier

NOTEBOOK = paths.checkout() / "notebooks" / "flowcam-plankton" / "retrain.ipynb"


def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **parameters: object) -> str:
    """Run the notebook with a home of its own; return all it shows, in words."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "JUPYTERHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        NOTEBOOK, out, parameters, kernel_name="python3", cwd=str(tmp_path), progress_bar=False
    )
    outputs = [output for cell in nbformat.read(out, 4).cells for output in cell.get("outputs", [])]
    assert not [one for one in outputs if one.output_type == "stream" and "Traceback" in one.text]
    return "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in outputs)


def own_model(tmp_path: Path):
    (folder,) = (tmp_path / "tidelab" / "models" / "flowcam-plankton").iterdir()
    return resolve_model(load_catalogue()["flowcam-plankton"], str(folder))


def test_with_drawings_the_model_is_a_demo(tmp_path, monkeypatch):
    words = executed(tmp_path, monkeypatch, epochs=2, promote=True, note="better")
    assert "600 images of 6 classes from 12 water samples" in words
    assert "whole samples kept together" in words
    assert "epoch 2 of 2" in words, "the live curves"
    assert "macro F1" in words
    assert "Forest" in words
    assert "Demo model" in words
    assert "Whole water samples lie on one side" in words
    assert "This is the first look at these test images." in words
    assert "by sample: mean accuracy" in words
    assert "Cross-validated, 5 folds 5 times over. Fewer than 40 test images of" in words
    assert "ecommended as champion" in words, "or not, with the reasons"
    assert "It started from" in words, "the champion's weights or scratch, and why"
    assert "It is not registered." in words
    assert "MLFLOW_TRACKING_URI" in words, "why nothing was sent"
    assert "Promotion was not asked for: the model is not registered" in words
    found = own_model(tmp_path)
    assert found.is_demo, "it was trained on drawings and must say so"
    assert {"heldout.npz", "training_images.txt"} <= set(found.bundle.card.files)
    (look,) = {
        one["experiment"]
        for one in map(json.loads, (tmp_path / "tidelab" / "test_looks.jsonl").read_text().splitlines())
    }
    assert len(look) == 64, "one run of the notebook is one look"
    ImageClassifier(found.bundle)


def test_with_real_images_the_model_is_a_persons_own(tmp_path, monkeypatch, shared_data):
    folder = shared_data / "flowcam-plankton" / "phyto" / "data" / "demo-images"
    words = executed(tmp_path, monkeypatch, data=str(folder), epochs=2, network="network", balance="resample")
    assert "82 images of 6 classes; their water samples are not known" in words
    assert "No two images are nearly the same." in words
    assert "test images are few" in words
    assert "n/a (3 images)" in words
    assert "No temperature was fitted" in words
    assert "the demonstration model knows nothing but drawings" in words
    assert "Not asked for." in words
    found = own_model(tmp_path)
    assert (found.source, found.is_demo) == ("own", False)
    assert found.bundle.card.quality.n_test == 17
    assert found.bundle.card.data_digest.startswith("sha256:")
