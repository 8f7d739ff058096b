"""The published weights of eyeonwater-yolo: the notebook fetches, checks, converts and measures them, and an analysis uses the result."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pandas as pd
import pytest

from tidelab import paths
from tidelab.models import ModelBundle

FOLDER = paths.checkout() / "notebooks" / "eyeonwater"


@pytest.fixture
def home(shared_data, tmp_path, monkeypatch):
    """A home beside which the weights lie, where an image or the shared data would have them."""
    weights = tmp_path / "weights" / "yolov8n-cls"
    weights.mkdir(parents=True)
    shutil.copyfile(shared_data / "eyeonwater" / "best.pt", weights / "best.pt")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDELAB_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def execute(folder: Path) -> str:
    notebook = nbformat.read(FOLDER / "published.ipynb", as_version=4)
    manager = nbclient.client.KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = sys.executable
    nbclient.NotebookClient(
        notebook, km=manager, timeout=240, resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs)


def test_the_notebook_makes_a_model_that_an_analysis_uses(home, tmp_path):
    said = execute(home)
    assert "differ from its authors' program by at most" in said
    bundle = ModelBundle.load(home / "tidelab" / "models" / "eyeonwater" / "yolov8n-cls")
    assert bundle.card.labels == ("bad", "water_bad", "water_good")
    assert (bundle.card.input.size_px, bundle.card.input.crop) == (256, "shorter-side")
    assert bundle.card.licence.startswith("MIT")
    assert not bundle.card.demo
    done = subprocess.run(
        [sys.executable, "-m", "tidelab.cli", "run", "eyeonwater", "--images", "sample", "--model", str(bundle.folder)],
        env={**os.environ, "TIDELAB_RUNS": str(tmp_path / "runs")}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (table,) = (tmp_path / "runs").rglob("accept_reject.csv")
    verdicts = pd.read_csv(table)["verdict"]
    assert len(verdicts) == 24
    assert {"accepted", "rejected"} <= set(verdicts)


def test_another_file_of_that_name_is_not_opened(home, tmp_path):
    weights = tmp_path / "weights" / "yolov8n-cls" / "best.pt"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="sha256"):
        execute(home)
