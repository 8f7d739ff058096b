"""A bundle is what its card lists, to the byte, or it is not used."""

import json
import os

import pytest

from tests.unit.models.conftest import card, linear_onnx
from tidelab.models import BundleError, ModelBundle, write_bundle


def edit_card(bundle, **changes):
    path = bundle.folder / "card.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(content))


def test_what_is_written_is_read_back(bundle):
    again = ModelBundle.load(bundle.folder)
    assert again.card.labels == ("a", "b", "c")
    assert again.digest == bundle.digest
    assert again.digest.startswith("sha256:")
    assert again.reference == bundle.folder / "reference.npz"


def test_digest_names_model_and_card(bundle, tmp_path):
    same = write_bundle(
        tmp_path / "elsewhere", card(), {"model.onnx": bundle.onnx, "reference.npz": b"not looked at here"}
    )
    other_card = write_bundle(tmp_path / "other", card(temperature=2.0), {"model.onnx": bundle.onnx})
    other_model = write_bundle(tmp_path / "third", card(), {"model.onnx": linear_onnx(32, 3, seed=1)})
    assert same.digest == bundle.digest
    assert len({bundle.digest, other_card.digest, other_model.digest}) == 3


@pytest.mark.parametrize("file", ["model.onnx", "reference.npz"])
def test_one_changed_byte_is_seen(bundle, file):
    path = bundle.folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=rf"{file} is not the file that was exported.*Copy or export"):
        ModelBundle.load(bundle.folder)


def test_missing_file(bundle):
    (bundle.folder / "reference.npz").unlink()
    with pytest.raises(BundleError, match=r"reference\.npz is listed in card.json but cannot be read"):
        ModelBundle.load(bundle.folder)


def test_model_that_the_card_does_not_list(bundle):
    edit_card(bundle, files={})
    with pytest.raises(BundleError, match=r"does not list model\.onnx"):
        ModelBundle.load(bundle.folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "", ".hidden", "card.json", "a\\b"])
def test_names_in_the_card_cannot_lead_elsewhere(bundle, name):
    edit_card(bundle, files={"model.onnx": "0" * 64, name: "0" * 64})
    with pytest.raises(BundleError, match=r"not the plain name of a data file|is not the file"):
        ModelBundle.load(bundle.folder)


def test_a_link_out_of_the_bundle_is_not_followed(bundle, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((bundle.folder / "model.onnx").read_bytes())
    (bundle.folder / "model.onnx").unlink()
    (bundle.folder / "model.onnx").symlink_to(outside)
    with pytest.raises(BundleError, match="is a link"):
        ModelBundle.load(bundle.folder)


@pytest.mark.parametrize("file", ["card.json", "reference.npz"])
@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_is_not_waited_for_and_a_device_not_read(bundle, file, make):
    (bundle.folder / file).unlink()
    make(bundle.folder / file)
    with pytest.raises(BundleError, match=r"is a link, or no plain file"):
        ModelBundle.load(bundle.folder)


@pytest.mark.parametrize("file", ["weights.npz", "training_images.txt"])
def test_what_a_retraining_would_read_must_be_listed(bundle, file):
    (bundle.folder / file).write_bytes(b"put there by somebody")
    with pytest.raises(BundleError, match=rf"{file} is not listed in card\.json"):
        ModelBundle.load(bundle.folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file"),
        ("[]", "the file"),
        ("{}", "name"),
        ("not json", "the file"),
        ("x" * (3 * 2**20), "larger than 2 MB"),
    ],
)
def test_bad_cards_are_named(bundle, content, words):
    (bundle.folder / "card.json").write_text(content)
    with pytest.raises(BundleError, match=words):
        ModelBundle.load(bundle.folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", ["only one"]),
        ("temperature", 0),
        ("surprise", 1),
        ("embedding_dim", 0),
        ("schema_version", 2),
    ],
)
def test_bad_fields_are_named(bundle, field, value):
    edit_card(bundle, **{field: value})
    with pytest.raises(BundleError, match=rf"card\.json: {field}"):
        ModelBundle.load(bundle.folder)


def test_no_folder_and_no_card(tmp_path):
    with pytest.raises(BundleError, match="does not exist"):
        ModelBundle.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"card\.json cannot be read"):
        ModelBundle.load(tmp_path)


def test_a_bundle_is_replaced_whole_and_nothing_else_is(bundle, tmp_path):
    write_bundle(bundle.folder, card(title="Newer"), {"model.onnx": bundle.onnx})
    assert ModelBundle.load(bundle.folder).card.title == "Newer"
    assert not (bundle.folder / "reference.npz").exists()
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    (holiday / "photo.jpg").write_bytes(b"dear")
    with pytest.raises(BundleError, match="holds no model"):
        write_bundle(holiday, card(), {"model.onnx": bundle.onnx})
    assert (holiday / "photo.jpg").read_bytes() == b"dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "holiday"], (
        "no scratch folder is left behind"
    )
