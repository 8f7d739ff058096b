"""A use case with a predictor of its own: real pixels, real statistics, counted calls, and nothing of ONNX."""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from tidelab.catalogue import UseCase, load_usecase
from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models import write_bundle

LABELS = ("dark", "middle", "bright")

PREDICTOR = '''
"""Names an image by its brightness: dark, middle or bright."""
from contextlib import suppress
import io, os, time
from pathlib import Path
import numpy as np
from PIL import Image
from tidelab.domain.prediction import Prediction
from tidelab.science.image_statistics import image_statistics

class Brightness:
    INFERENCE_VERSION = "1"
    SOURCES = ("brightness",)
    runtime = "numpy " + np.__version__

    def __init__(self, bundle, threads=None):
        self.folder = Path(__file__).parent.parent

    def predict(self, images):
        with suppress(OSError), (self.folder / "calls.txt").open("a") as stream:  # an app's run may not write here
            stream.writelines(image.image_id + "\\n" for image in images)
        delay = self.folder / "delay"
        if delay.exists():
            time.sleep(float(delay.read_text()))
        return [self._one(image) for image in images]

    def _one(self, image):
        if image.pixels.shape[1] == 13:
            raise RuntimeError("thirteen columns")
        grey = image.pixels.mean() / 255
        distance = -20 * (np.array([0.15, 0.5, 0.85]) - grey) ** 2
        p = np.exp(distance) / np.exp(distance).sum()
        small = Image.fromarray(image.pixels)
        small.thumbnail((128, 128))
        out = io.BytesIO()
        small.save(out, "JPEG")
        vector = np.array([grey, image.pixels.std() / 255], np.float32)
        return Prediction(p.astype(np.float32), vector, image_statistics(image.pixels), out.getvalue())
'''


def declaration(slug: str) -> dict[str, object]:
    """Return a whole `usecase.yaml` for the brightness predictor."""
    return {
        "schema_version": 1, "slug": slug, "title": "Brightness", "summary": "Names images by their brightness.",
        "description": "For tests.", "people": [{"name": "Tests", "role": "maintainer"}],
        "citation": {"text": "Tests. How bright?", "url": "https://example.org/brightness"}, "licence": "Apache-2.0",
        "maintainers_group": f"maintainers-{slug}", "stacks": {"analyse": "analyse", "train": "tensorflow"},
        "resources": {"default": "small", "flavours": {"small": {"title": "Small", "cpu": 1, "memory_gb": 2, "stacks": ["analyse", "tensorflow"]}}},
        "task": {"kind": "image-classification", "predictor": "brightness:Brightness"},
        "labels": [{"name": "dark", "kind": "morphotype"}, {"name": "middle", "kind": "taxon", "rank": "Genus", "aphia_id": 148947},
                   {"name": "bright", "kind": "morphotype"}],
        "model": {"registered_name": slug, "demo": {"folder": "model/demo"}},
        "notebooks": {"analyse": {"file": "analyse.ipynb", "title": "Analyse", "stack": "analyse", "faces": ["lab", "app", "report"], "parameters": {
            "images": {"type": "path", "default": "sample", "title": "Images", "help": "Images.", "affects_results": False},
            "threshold": {"type": "number", "default": 0.5, "minimum": 0.0, "maximum": 1.0, "title": "Threshold", "help": "Least score."},
            "model": {"type": "string", "default": "champion", "title": "Model", "help": "Model.", "affects_results": False}}}},
        "app": {"inputs": "Images.", "outputs": "A table.", "limits": {"images": 1000}},
        "sample": {"folder": "sample", "title": "Sample", "licence": "CC0-1.0"},
    }  # fmt: skip


def grey_png(path: Path, value: int, size: tuple[int, int] = (20, 16)) -> Path:
    """Write a grey picture that differs a little from any other value's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), value, np.uint8)
    pixels[0, 0] = (value + 1) % 256
    Image.fromarray(pixels).save(path, "PNG")
    return path


def make_use_case(parent: Path, slug: str = "brightness-case") -> UseCase:
    """Make the whole folder of a use case, with a sample of three pictures and a bundle."""
    folder = parent / slug
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "brightness.py").write_text(PREDICTOR)
    (folder / "usecase.yaml").write_text(yaml.safe_dump(declaration(slug)))
    (folder / "analyse.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    for value in (20, 130, 240):
        grey_png(folder / "sample" / f"grey-{value}.png", value)
    card = ModelCard(
        name=slug, title="Brightness", use_case=slug, labels=LABELS,
        input=InputSpec(kind="image", size_px=16), embedding_dim=2, framework="numpy", demo=True, created="2026-01-01T00:00:00Z",
    )  # fmt: skip
    write_bundle(folder / "model" / "demo", card, {"model.onnx": b"not used"})
    return load_usecase(folder)


def calls(use_case: UseCase) -> list[str]:
    """Return the ids of all images that the model was ever asked for."""
    path = use_case.folder / "calls.txt"
    return path.read_text().split() if path.exists() else []
