"""The demonstration model of the template is what its script trains."""

import json

import numpy as np
import pytest
from PIL import Image

from tidelab import paths
from tidelab.domain.image import DecodedImage
from tidelab.models.bundle import ModelBundle
from tidelab.models.classifier import ImageClassifier

pytest.importorskip("skl2onnx", reason="the forest is exported in the environment tensorflow")

TEMPLATE = paths.checkout() / "notebooks" / "_template"


def sample():
    for path in sorted((TEMPLATE / "sample").glob("*.jpg")):
        yield DecodedImage(path.name, f"sha256:{path.stem}", np.asarray(Image.open(path).convert("RGB")))


def test_training_again_gives_the_committed_model(tmp_path):
    from tidelab.training.make_template import make_model

    made, committed = make_model(tmp_path / "demo"), ModelBundle.load(TEMPLATE / "model/demo")
    ours, theirs = (json.loads((bundle.folder / "card.json").read_text()) for bundle in (made, committed))
    for card in (ours, theirs):
        del card["files"], card["framework"]
    assert ours == theirs
    images = list(sample())
    for new, old in zip(
        ImageClassifier(made).predict(images), ImageClassifier(committed).predict(images), strict=True
    ):
        np.testing.assert_allclose(new.probabilities, old.probabilities, atol=1e-4)
        np.testing.assert_allclose(new.embedding, old.embedding, atol=1e-3)
