"""Keras files of others: converted, checked, and never run as code."""

import h5py
import numpy as np
import pytest

from tidelab.domain.card import InputSpec
from tidelab.models import ModelError
from tidelab.models.classifier import ImageClassifier
from tidelab.training.keras_published import convert, load_weights, read_aphia_ids
from tidelab.training.keras_setup import import_keras

SPEC = InputSpec(kind="image", size_px=32, crop="centre-square", mean=(150.0,) * 3, scale=(127.5,) * 3)


def small(softmax=True, extra=None):
    keras = import_keras()
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    if extra is not None:
        x = extra(x)
    x = keras.layers.Dense(8, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax" if softmax else None)(x))


def call(weights, folder, **changes):
    values = {
        "labels": ("A", "B", "C"),
        "input_spec": SPEC,
        "use_case": "flowcam-plankton",
        "name": "published",
        "title": "T",
    }
    return convert(weights, folder, **{**values, **changes})


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_become_a_bundle_that_says_the_same(tmp_path, suffix):
    model = small()
    model.save(tmp_path / f"w{suffix}")
    (tmp_path / "classes.txt").write_text("Egg/Cyst\nBubbles\nTripos\n")
    (tmp_path / "aphia_ids.txt").write_text("148947\nnone\n494057\n")
    bundle = call(
        tmp_path / f"w{suffix}", tmp_path / "bundle", labels=tmp_path / "classes.txt", aphia_ids=tmp_path / "aphia_ids.txt",
        source="https://doi.org/10.1/x sha256:0",
    )  # fmt: skip
    assert bundle.card.labels == ("Egg+Cyst", "Bubbles", "Tripos")
    assert bundle.card.aphia_ids == {"Egg+Cyst": 148947, "Tripos": 494057}
    assert (bundle.card.embedding_dim, bundle.reference, bundle.card.quality.macro_f1) == (8, None, None)
    images = np.random.default_rng(1).normal(0, 1, (5, 32, 32, 3)).astype(np.float32)
    found, _ = ImageClassifier(bundle).probabilities({"image": images})
    np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_is_never_run(tmp_path, suffix):
    keras = import_keras()
    small(extra=keras.layers.Lambda(lambda x: x * 2)).save(tmp_path / f"w{suffix}")
    with pytest.raises(ModelError, match="holds program code"):
        load_weights(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("name", ["JUPYTERHUB_SERVICE_NAME", "VOILA_BASE_URL"])
def test_shared_services_open_no_keras_file(tmp_path, monkeypatch, name):
    small().save(tmp_path / "w.keras")
    monkeypatch.setenv(name, "apps")
    with pytest.raises(ModelError, match="person's own server only"):
        load_weights(tmp_path / "w.keras")


def test_torch_files_are_answered_in_words(tmp_path):
    for name in ("w.pt", "w.PTH", "w.safetensors"):
        (tmp_path / name).write_bytes(b"PK")
        with pytest.raises(ModelError, match=r"brought in with tidelab\.training\.torch_published"):
            load_weights(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"), [("w.keras", b"nonsense"), ("w.h5", b"nonsense"), ("w.keras", b""), ("w.h5", b"")]
)
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="cannot be opened"):
        load_weights(tmp_path / name)


def test_weights_without_a_network(tmp_path):
    model = small()
    model.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(ModelError, match="weights without the network"):
        load_weights(tmp_path / "only.weights.h5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(ModelError, match="cannot be opened"):
        load_weights(tmp_path / "empty.h5")


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        load_weights(tmp_path / "w.keras")
    with pytest.raises(ModelError, match=r"expected Keras weights"):
        load_weights(tmp_path / "w.onnx")


def test_what_does_not_fit_is_said(tmp_path):
    small().save(tmp_path / "w.keras")
    with pytest.raises(ModelError, match="3 scores, the class list has 2 names"):
        call(tmp_path / "w.keras", tmp_path / "b", labels=("A", "B"))
    with pytest.raises(ModelError, match="Correct size_px"):
        call(tmp_path / "w.keras", tmp_path / "b", input_spec=SPEC.model_copy(update={"size_px": 64}))
    small(softmax=False).save(tmp_path / "logits.keras")
    with pytest.raises(ModelError, match="lacks its softmax"):
        call(tmp_path / "logits.keras", tmp_path / "b")
    (tmp_path / "aphia_ids.txt").write_text("1\n2\n")
    with pytest.raises(ModelError, match="2 lines for 3 classes"):
        read_aphia_ids(tmp_path / "aphia_ids.txt", ("A", "B", "C"))
    assert not (tmp_path / "b").exists()


@pytest.mark.prove
def test_full_xception_loads_and_exports(tmp_path):
    """The architecture the published models were trained with: 20.9 million weights at 96 px."""
    keras = import_keras()
    base = keras.applications.Xception(
        weights=None, include_top=False, pooling="avg", input_shape=(96, 96, 3)
    )
    model = keras.Model(base.input, keras.layers.Dense(95, activation="softmax")(base.output))
    model.save(tmp_path / "xception.keras")
    bundle = call(
        tmp_path / "xception.keras",
        tmp_path / "b",
        labels=tuple(f"class {k}" for k in range(95)),
        input_spec=SPEC.model_copy(update={"size_px": 96}),
    )
    assert bundle.card.embedding_dim == 2048
    images = np.random.default_rng(1).normal(0, 1, (3, 96, 96, 3)).astype(np.float32)
    classifier = ImageClassifier(bundle)
    together, _ = classifier.probabilities({"image": images})
    alone = np.concatenate([classifier.probabilities({"image": one[None]})[0] for one in images])
    assert together.tobytes() == alone.tobytes()
