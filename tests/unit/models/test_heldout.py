"""The held-out file of a bundle: kept whole, and damaged in every way."""

import contextlib
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.known_counts import bundle, held_out
from tests.support.npz import endless_texts
from tests.support.tiny_model import tiny_bundle
from tidelab.models import BundleError, ModelBundle
from tidelab.models.heldout import FILE_NAME, HeldOut, HeldOutError


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as stored:
        return {name: stored[name] for name in stored.files}


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def build(n=12, **changes):
    rng = np.random.default_rng(1)
    fields = {
        "probabilities": rng.dirichlet([1, 1, 1], size=n), "truth": np.arange(n) % 4 - 1, "embeddings": rng.normal(size=(n, 2)),
        "training_embeddings": rng.normal(size=(9, 2)), "training_labels": np.arange(9) % 3,
    }  # fmt: skip
    return HeldOut.build(**{**fields, **changes})


def test_what_is_saved_is_what_is_read_and_equal_contents_give_equal_bytes(tmp_path):
    held = build(sample_ids=[f"S{n % 3}" for n in range(12)], image_ids=[f"sha256:{n}" for n in range(12)])
    again = HeldOut.load(held.save(tmp_path))
    assert again.to_bytes() == held.to_bytes()
    assert again.sample_ids == held.sample_ids
    assert again.image_ids == held.image_ids
    assert again.per_class.tolist() == [3, 3, 3]
    assert len(again) == 12
    vectors = np.random.default_rng(2).normal(size=(4, 2))
    assert np.array_equal(again.distance(vectors), held.distance(vectors))
    assert again.threshold(0.99) == held.threshold(0.99)


def test_distances_are_of_the_training_classes_and_the_threshold_of_known_held_out_images():
    held = build(truth=np.array([-1] + [0] * 11), embeddings=np.vstack([[[1e3, 1e3]], np.zeros((11, 2))]))
    assert held.distances[0] > 100
    assert held.threshold(0.99).distance < 100


def test_a_class_keeps_at_most_so_many_images_and_the_choice_repeats():
    truth = np.repeat([0, 1, 2], [50, 5, 5])
    scores = np.random.default_rng(3).dirichlet([1, 1, 1], size=60)
    both = [
        build(60, truth=truth, probabilities=scores, embeddings=np.ones((60, 2)), maximum_per_class=20)
        for _ in range(2)
    ]
    assert both[0].per_class.tolist() == [20, 5, 5]
    assert both[0].to_bytes() == both[1].to_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"truth": np.arange(11) % 3}, "probabilities has 12 entries for 11"),
        ({"truth": np.full(12, 3)}, "none of the 3"),
        ({"truth": np.full(12, -1)}, "No held-out image is of a class"),
        ({"probabilities": np.full((12, 3), 0.5)}, "sum to 1"),
        ({"probabilities": np.full((12, 3), np.nan)}, "between 0 and 1"),
        ({"probabilities": np.ones(12)}, "must have the shape"),
        ({"embeddings": np.ones((12, 5))}, "distance from the training classes"),
        ({"training_embeddings": np.ones((9, 2))}, "no distance has a scale"),
        ({"training_embeddings": np.ones((1, 2)), "training_labels": [0]}, "at least 2 embeddings"),
        ({"sample_ids": ["a"]}, "sample_ids has 1 entries"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, words):
    with pytest.raises(HeldOutError, match=words):
        build(**changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("distances"), "it has no distances"),
        (lambda a: a.update(truth=a["truth"].astype(float)), "truth holds float64"),
        (lambda a: a.update(truth=a["truth"] + 7), "none of the 3"),
        (lambda a: a.update(probabilities=a["probabilities"][0]), "probabilities holds"),
        (lambda a: a.update(distances=-a["distances"] - 1), "no distances"),
        (lambda a: a.update(centres=a["centres"][:, :1]), "do not fit their scale"),
        (lambda a: a.update(whitening=a["whitening"] * np.nan), "no number"),
        (lambda a: a.update(schema_version=np.asarray(9)), "version 9"),
        (lambda a: a.update(image_ids=a["image_ids"][:2]), "image_ids has 2 entries"),
        (lambda a: a.update(image_ids=np.array([{}] * 12, dtype=object)), "not an archive of plain arrays"),
    ],
)
def test_a_damaged_file_is_refused_with_its_fault_and_what_to_do(tmp_path, change, words):
    arrays = arrays_of(build().to_bytes())
    change(arrays)
    (tmp_path / FILE_NAME).write_bytes(packed(arrays))
    with pytest.raises(HeldOutError, match=words) as caught:
        HeldOut.load(tmp_path)
    assert "Take the model bundle again" in str(caught.value)


@settings(max_examples=60)
@given(st.data())
def test_any_torn_or_scrambled_file_is_refused_or_whole(tmp_path_factory, data):
    content = bytearray(build().to_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("held") / FILE_NAME
    path.write_bytes(bytes(content))
    # Anything else than this error would reach the person who chose the model.
    with contextlib.suppress(HeldOutError):
        assert len(HeldOut.load(path)) == 12


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("tidelab.models.heldout._MAXIMUM_BYTES", 2**20)
    arrays = arrays_of(build().to_bytes()) | {"probabilities": np.zeros((2**17, 3), np.float32)}
    (tmp_path / FILE_NAME).write_bytes(packed(arrays))
    assert (tmp_path / FILE_NAME).stat().st_size < 20_000
    with pytest.raises(HeldOutError, match="would hold 2 MB"):
        HeldOut.load(tmp_path)


def test_entries_of_no_bytes_are_not_counted_out(tmp_path):
    arrays = arrays_of(build().to_bytes())
    del arrays["sample_ids"]
    (tmp_path / FILE_NAME).write_bytes(packed(arrays))
    # NumPy itself never writes texts of no bytes; a header of 128 bytes promises a million million of them.
    with zipfile.ZipFile(tmp_path / FILE_NAME, "a") as archive:
        archive.writestr("sample_ids.npy", endless_texts())
    with pytest.raises(HeldOutError, match="sample_ids holds <U0"):
        HeldOut.load(tmp_path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(HeldOutError, match="came without its held-out images"):
        HeldOut.load(tmp_path)


def test_a_bundle_checks_the_digest_of_its_held_out_file(tmp_path):
    with_file = bundle(tmp_path / "with", "flowcam-plankton")
    assert with_file.held_out == tmp_path / "with" / FILE_NAME
    assert HeldOut.load(with_file.folder).per_class.tolist() == [80, 80, 80]
    assert tiny_bundle(tmp_path / "without").held_out is None
    (tmp_path / "with" / FILE_NAME).write_bytes(held_out(seed=8).to_bytes())
    with pytest.raises(BundleError, match="not the file that was exported"):
        ModelBundle.load(tmp_path / "with")
    card = json.loads((tmp_path / "with" / "card.json").read_text())
    assert FILE_NAME in card["files"]
