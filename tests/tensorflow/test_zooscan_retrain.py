"""``retrain.ipynb`` of zooscan on vignettes of one's own: prepared for the training as they are for the analysis."""

import os
from pathlib import Path

import nbformat
import numpy as np
import papermill
from PIL import Image

from tidelab.catalogue import load_catalogue
from tidelab.domain.image import DecodedImage
from tidelab.models import resolve_model
from tidelab.runs.hooks import own_module


def vignettes(folder: Path, drawings, vignette_of, settings) -> None:
    """Write drawn vignettes with scale bar, as ZooProcess has them."""
    for number in range(80):
        random = np.random.default_rng([9, number])
        several = number % 2 == 0
        animal = drawings.draw_touching(random, 60, 2) if several else drawings.draw_animal(random, 80)
        path = folder / ("multi" if several else "single") / f"v{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(vignette_of(*drawings.crop_and_mask(animal), settings)).save(path)


def test_own_vignettes_make_a_model_that_analyses_vignettes(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "JUPYTERHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    use_case = load_catalogue()["zooscan"]
    drawings = own_module(use_case, "drawings")
    vignettes(
        tmp_path / "mine",
        drawings,
        own_module(use_case, "vignette").vignette_of,
        own_module(use_case, "settings").ProcessSettings(),
    )
    notebook, out = use_case.folder / "retrain.ipynb", tmp_path / "out.ipynb"
    parameters = {
        "data": str(tmp_path / "mine"),
        "epochs": 2,
        "network": "network",
        "cross_validation": "off",
    }
    papermill.execute_notebook(
        notebook, out, parameters, kernel_name="python3", cwd=str(tmp_path), progress_bar=False
    )
    outputs = [output for cell in nbformat.read(out, 4).cells for output in cell.get("outputs", [])]
    words = "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in outputs)
    assert "80 images of 2 classes" in words
    (folder,) = (tmp_path / "tidelab" / "models" / "zooscan").iterdir()
    found = resolve_model(use_case, str(folder))
    assert (found.source, found.bundle.card.labels) == ("own", ("multi", "single"))
    predictor = own_module(use_case, "multiples").MultipleClassifier(found.bundle)
    pixels = np.asarray(Image.open(tmp_path / "mine/multi/v0.png").convert("RGB"))
    (said,) = predictor.predict([DecodedImage(pixels=pixels, image_id="sha256:" + "0" * 64, path="v0.png")])
    assert float(said.probabilities.sum()) == 1 or abs(float(said.probabilities.sum()) - 1) < 1e-5
