"""The committed demonstration model is what its script makes."""

import json

import numpy as np

from tidelab.catalogue import load_catalogue
from tidelab.domain.image import DecodedImage
from tidelab.drift import Reference
from tidelab.models import ModelBundle, load_predictor
from tidelab.training.make_demo import make_model
from tidelab.training.settings import TrainingSettings
from tidelab.training.synthetic import make_images

USE_CASE = load_catalogue()["flowcam-plankton"]


def test_retrained_it_is_the_same_model_within_reason(tmp_path):
    """A shorter training of the same script on fewer of the same images: same card, about the same answers."""
    committed = ModelBundle.load(USE_CASE.demo_folder)
    made = make_model(
        tmp_path / "demo", images=600, settings=TrainingSettings(epochs=20, batch_size=32, seed=1)
    )
    for field in (
        "name",
        "use_case",
        "labels",
        "input",
        "embedding_dim",
        "demo",
        "title",
        "licence",
        "created",
        "seed",
    ):
        assert getattr(made.card, field) == getattr(committed.card, field), field
    assert made.card.quality.macro_f1 > 0.85
    assert len(made.onnx) < 1_000_000
    pictures = list(make_images(180, 909))
    decoded = [DecodedImage(str(one.index), str(one.index), one.pixels) for one in pictures]
    named = {
        name: np.array(
            [int(found.probabilities.argmax()) for found in load_predictor(bundle).predict(decoded)]
        )
        for name, bundle in (("made", made), ("committed", committed))
    }
    truth = np.array([committed.card.labels.index(one.label) for one in pictures])
    assert (named["committed"] == truth).mean() > 0.93
    assert (named["made"] == named["committed"]).mean() > 0.85


def test_the_committed_card_says_what_it_is():
    bundle = ModelBundle.load(USE_CASE.demo_folder)
    assert bundle.card.demo
    assert bundle.card.labels == USE_CASE.label_names
    assert "no real plankton" in bundle.card.data_summary
    assert len(bundle.onnx) < 1_000_000
    assert len(set(Reference.load(bundle.folder).sample_ids)) >= 3
    text = (bundle.folder / "card.json").read_text()
    assert "/" not in json.loads(text)["data_summary"], "no path of the machine it was made on"
