"""Which model a run uses, and what is said when it cannot be used."""

import json
import shutil

import pytest

from tests.unit.models.conftest import card, linear_onnx
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import ModelError, resolve_model, write_bundle


@pytest.fixture
def use_case():
    return load_catalogue()["flowcam-plankton"]


@pytest.fixture
def champion(tmp_path, monkeypatch):
    """Return the folder of a published champion and its ``champion.json``."""
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    home = paths.champions() / "flowcam-plankton"
    bundle = write_bundle(
        home / "versions" / "3", card(name="flowcam-plankton"), {"model.onnx": linear_onnx(32, 3)}
    )
    file = home / "champion.json"
    file.write_text(
        json.dumps(
            {
                "registered_model": "flowcam-plankton",
                "version": "3",
                "digest": bundle.digest,
                "folder": "versions/3",
            }
        )
    )
    return file


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_demo_until_there_is_a_champion(use_case, tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path))
    found = resolve_model(use_case)
    assert (found.source, found.is_demo, found.version) == ("demo", True, "")
    assert "Demo model" in found.words
    assert found.bundle.card.labels == use_case.label_names


def test_champion_once_there_is_one(use_case, champion):
    found = resolve_model(use_case)
    assert (found.source, found.name, found.version) == ("champion", "flowcam-plankton", "3")
    assert not found.is_demo
    assert resolve_model(use_case, "demo").source == "demo"


def test_a_persons_own_model_is_named(use_case, tmp_path):
    write_bundle(tmp_path / "mine", card(), {"model.onnx": linear_onnx(32, 3)})
    found = resolve_model(use_case, str(tmp_path / "mine"))
    assert (found.source, found.name) == ("own", "flowcam-plankton--ada")
    assert "Your own model flowcam-plankton--ada" in found.words


def test_a_changed_champion_is_not_used_and_not_replaced_by_the_demo(use_case, champion):
    change(champion, digest="sha256:" + "0" * 64)
    with pytest.raises(ModelError, match="is not the model that was promoted"):
        resolve_model(use_case)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"folder": 1, "version": 2, "digest": "x"}'])
def test_a_damaged_champion_file_is_said(use_case, champion, content):
    champion.write_text(content)
    with pytest.raises(ModelError, match=r"champion\.json"):
        resolve_model(use_case)


def test_a_champion_cannot_lie_elsewhere(use_case, champion, tmp_path):
    shutil.copytree(champion.parent / "versions" / "3", tmp_path / "elsewhere")
    change(champion, folder="../../elsewhere")
    with pytest.raises(ModelError, match="leads out of"):
        resolve_model(use_case)


def test_a_model_of_another_use_case_is_refused(use_case, tmp_path):
    write_bundle(tmp_path / "other", card(use_case="sea-stars"), {"model.onnx": linear_onnx(32, 3)})
    with pytest.raises(ModelError, match="made for sea-stars, not for flowcam-plankton"):
        resolve_model(use_case, str(tmp_path / "other"))


@pytest.mark.parametrize("choice", ["", "  ", "/no/such/folder"])
def test_no_such_model(use_case, choice):
    with pytest.raises(ModelError, match=r"No model was chosen|does not exist"):
        resolve_model(use_case, choice)
