"""The classifier: same picture, same bits, whatever it is batched with; the card decides everything else."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.models.conftest import card, linear_onnx
from tidelab.catalogue import load_catalogue
from tidelab.domain.card import InputSpec
from tidelab.domain.image import DecodedImage
from tidelab.models import (
    BundleError,
    ModelError,
    load_predictor,
    predictor_class,
    resolve_model,
    write_bundle,
)
from tidelab.models.classifier import ImageClassifier
from tidelab.models.thumbnail import thumbnail
from tidelab.science.image_statistics import STATISTICS
from tidelab.science.region_features import NAMES
from tidelab.training.synthetic import make_images


def decoded(n, seed=9):
    return [
        DecodedImage(f"{one.index}.png", f"sha256:{one.index}", one.pixels) for one in make_images(n, seed)
    ]


def bits(predictions):
    return [
        (one.probabilities.tobytes(), one.embedding.tobytes(), tuple(one.statistics.items()), one.thumbnail)
        for one in predictions
    ]


@pytest.fixture(scope="module")
def demo():
    return resolve_model(load_catalogue()["flowcam-plankton"], "demo").bundle


def test_demo_model_is_bit_identical_for_any_batch_and_threads(demo):
    images = decoded(33)
    one = load_predictor(demo, threads=1)
    alone = [one.predict([image])[0] for image in images]
    assert bits(one.predict(images)) == bits(alone)
    assert bits(load_predictor(demo, threads=2).predict(images)) == bits(alone)


def test_order_of_the_predictions_is_that_of_the_images(demo):
    images = decoded(6)
    classifier = ImageClassifier(demo)
    assert bits(classifier.predict(images[::-1])) == bits(classifier.predict(images))[::-1]


def test_a_prediction_holds_what_the_contract_says(demo):
    (found,) = ImageClassifier(demo).predict(decoded(1))
    assert found.probabilities.shape == (6,)
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert found.embedding.shape == (demo.card.embedding_dim,)
    assert set(found.statistics) == set(STATISTICS)
    assert Image.open(io.BytesIO(found.thumbnail)).format == "JPEG"


def test_demo_model_knows_its_drawings(demo):
    """Labels in their order: a shuffled label list would give about one in six."""
    pictures = list(make_images(90, seed=123))
    named = ImageClassifier(demo).predict([DecodedImage(str(one.index), "x", one.pixels) for one in pictures])
    right = [
        demo.card.labels[int(found.probabilities.argmax())] == one.label
        for one, found in zip(pictures, named, strict=True)
    ]
    assert np.mean(right) > 0.9


def test_temperature_of_the_card_is_applied(tmp_path):
    onnx = linear_onnx(32, 3)
    plain = ImageClassifier(write_bundle(tmp_path / "one", card(), {"model.onnx": onnx}))
    soft = ImageClassifier(write_bundle(tmp_path / "two", card(temperature=4.0), {"model.onnx": onnx}))
    (first,), (second,) = plain.predict(decoded(1)), soft.predict(decoded(1))
    expected = first.probabilities ** (1 / 4) / (first.probabilities ** (1 / 4)).sum()
    np.testing.assert_allclose(second.probabilities, expected, rtol=1e-4)


def test_crop_and_normalisation_of_the_card_are_applied(tmp_path):
    """A white picture with a dark left end: cutting the centre sees white, padding sees the dark end."""
    pixels = np.full((20, 60, 3), 255, np.uint8)
    pixels[:, :10] = 0
    image = [DecodedImage("x.png", "x", pixels)]
    found = {}
    for crop in ("centre-square", "pad-square"):
        spec = InputSpec(kind="image", size_px=32, crop=crop, fill=255, mean=(0, 0, 0), scale=(255, 255, 255))
        bundle = write_bundle(tmp_path / crop, card(input=spec), {"model.onnx": linear_onnx(32, 3)})
        found[crop] = ImageClassifier(bundle).predict(image)[0].embedding
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (3, 4)).astype(np.float32).sum(axis=0)
    np.testing.assert_allclose(found["centre-square"], weights, rtol=1e-4)
    np.testing.assert_allclose(found["pad-square"], weights * (1 - 20 * 10 / 60**2), rtol=0.02)


def test_features_are_measured_for_a_model_that_takes_them(tmp_path):
    spec = InputSpec(kind="features", features="tidelab.science.region_features:1")
    bundle = write_bundle(
        tmp_path / "f", card(input=spec), {"model.onnx": linear_onnx(32, 3, features=len(NAMES))}
    )
    images = decoded(5)
    classifier = ImageClassifier(bundle)
    assert bits(classifier.predict(images)) == [bits(classifier.predict([image]))[0] for image in images]


@pytest.mark.parametrize(
    ("changes", "onnx", "words"),
    [
        ({"labels": ("a", "b")}, linear_onnx(32, 3), "2 labels"),
        ({"embedding_dim": 5}, linear_onnx(32, 3), "length 5"),
        (
            {"input": InputSpec(kind="image", size_px=64)},
            linear_onnx(32, 3),
            "cannot take the input its card describes",
        ),
        (
            {"input": InputSpec(kind="image+features", size_px=32)},
            linear_onnx(32, 3),
            r"promises \['features', 'image'\]",
        ),
        (
            {"input": InputSpec(kind="features", features="nobody.knows:1")},
            linear_onnx(32, 3, features=4),
            "not known to this version",
        ),
        ({}, b"not a model", "not a model that ONNX Runtime can load"),
        ({}, b"", "not a model that ONNX Runtime can load"),
    ],
)
def test_models_that_are_not_what_their_card_says(tmp_path, changes, onnx, words):
    bundle = write_bundle(tmp_path / "bad", card(**changes), {"model.onnx": onnx})
    with pytest.raises(BundleError, match=words):
        ImageClassifier(bundle)


def test_no_image_gives_no_prediction(bundle):
    assert ImageClassifier(bundle).predict([]) == []


def test_tiny_and_huge_pictures_are_classified(bundle):
    for shape in ((1, 1, 3), (1, 500, 3), (2000, 3, 3)):
        (found,) = ImageClassifier(bundle).predict([DecodedImage("x", "x", np.full(shape, 77, np.uint8))])
        assert np.isfinite(found.probabilities).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nowhere.at:All", "cannot be found"),
        ("json:dumps", "is no predictor"),
        ("json:nothing", "cannot be found"),
    ],
)
def test_a_predictor_that_is_none(spec, words):
    with pytest.raises(ModelError, match=words):
        predictor_class(spec)


def test_thumbnails_shrink_and_never_grow():
    for shape, size in (((400, 200, 3), (64, 128)), ((10, 20, 3), (20, 10))):
        assert Image.open(io.BytesIO(thumbnail(np.zeros(shape, np.uint8)))).size == size
