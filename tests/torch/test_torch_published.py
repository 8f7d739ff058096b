"""Published .pt files: opened apart from everything, compared with their authors' own program, never run unasked."""

import ctypes
import hashlib
import json
import pickle
import socket
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.torch.conftest import TINY
from tidelab.domain.image import DecodedImage
from tidelab.models import ModelError
from tidelab.models.classifier import ImageClassifier
from tidelab.models.detector import ObjectDetector
from tidelab.training import torch_published
from tidelab.training.decoding import read_file
from tidelab.training.fetching import FetchError
from tidelab.training.torch_published import convert, fetch_weights
from tidelab.training.yolo_setup import import_yolo

EYEONWATER = "740e36d5dc7bf1480c6d60d9b780850b189e5bc334ddeeded9ed670f6d2424d7"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def call(weights: Path, folder: Path, **changes):
    values = {"sha256": digest(weights), "use_case": "eyeonwater", "name": "published", "title": "T"}
    return convert(weights, folder, **{**values, **changes})


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(4)
    files = []
    for k, (width, height) in enumerate([(320, 240), (200, 330), (640, 120)]):
        coarse = rng.integers(0, 255, (9, 12, 3), np.uint8)
        files.append(tmp_path / f"photo{k}.png")
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(files[-1])
    return files


def test_the_published_water_classifier_end_to_end(shared_data: Path, photos, tmp_path: Path):
    weights = shared_data / "eyeonwater" / "best.pt"
    bundle = call(
        weights, tmp_path / "bundle", sha256=EYEONWATER, image_px=256, pictures=photos, known_pictures=photos[:2], licence="MIT"
    )  # fmt: skip
    card = bundle.card
    assert card.labels == ("bad", "water_bad", "water_good")
    assert (card.input.size_px, card.input.crop, card.input.mean, card.input.scale) == (
        256,
        "shorter-side",
        (0,) * 3,
        (255,) * 3,
    )
    assert (card.embedding_dim, card.licence) == (1280, "MIT")
    assert EYEONWATER in card.source
    assert "differ from its authors' program by at most" in card.data_summary
    assert "7 pictures" in card.data_summary
    assert bundle.reference is not None
    original = import_yolo().YOLO(weights)
    classifier = ImageClassifier(bundle)
    for photo in photos:
        pixels = read_file(photo.parent, photo.name)[0]
        theirs = original.predict(pixels[..., ::-1].copy(), imgsz=256, device="cpu", verbose=False)[
            0
        ].probs.data.numpy()
        (ours,) = classifier.predict([DecodedImage("a", "sha256:0", pixels)])
        np.testing.assert_allclose(ours.probabilities, theirs, atol=1e-4)


def test_a_detector_is_brought_in_too(trained, tmp_path: Path):
    weights = tmp_path / "d.pt"
    weights.write_bytes(trained[0].weights)
    bundle = call(weights, tmp_path / "bundle")
    assert bundle.card.detection is not None
    assert bundle.card.detection.size_px == TINY.image_px, "as in the training that the file tells of"
    assert "no thresholds were chosen" in bundle.card.detection.thresholds_method
    assert bundle.card.licence.startswith("AGPL-3.0"), "what the file says of itself"
    ObjectDetector(bundle)


class Program:
    """What a bad file would run: it tells of its environment, and calls home."""

    def __init__(self, note: Path, port: int) -> None:
        self.code = f"""
import json, os, socket
said = {{"environment": sorted(os.environ), "network": ""}}
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=3).close()
    said["network"] = "reached"
except Exception as error:
    said["network"] = type(error).__name__
try:
    open(f"/proc/{{os.getppid()}}/environ", "rb").read()
    said["parent"] = "read"
except OSError as error:
    said["parent"] = type(error).__name__
try:
    os.kill(os.getppid(), 0)
    said["signal"] = "sent"
except OSError as error:
    said["signal"] = type(error).__name__
open({str(note)!r}, "w").write(json.dumps(said))
"""

    def __reduce__(self):
        return exec, (self.code,)


@pytest.fixture
def listener():
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(30)
    calls = []

    def wait():
        try:
            server.accept()
            calls.append(1)
        except OSError:
            pass

    threading.Thread(target=wait, daemon=True).start()
    yield server.getsockname()[1], calls
    server.close()


def test_a_program_in_a_file_is_not_run_unasked_and_has_neither_token_nor_network(
    tmp_path: Path, listener, monkeypatch
):
    port, calls = listener
    note, weights = tmp_path / "note.json", tmp_path / "bad.pt"
    torch.save({"model": Program(note, port), "train_args": {}}, weights, pickle_module=pickle)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    with pytest.raises(ModelError, match=r"opening it would run a program.*Nothing was run.*trust=True"):
        call(weights, tmp_path / "bundle")
    assert not note.exists()
    needs_namespaces()
    with pytest.raises(ModelError, match="cannot be opened or exported"):
        call(weights, tmp_path / "bundle", trust=True)
    said = json.loads(note.read_text())
    assert not [
        name
        for name in said["environment"]
        if "TOKEN" in name or name.startswith(("JUPYTERHUB", "MLFLOW_TRACKING"))
    ]
    assert said["network"] not in ("", "reached")
    version = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)
    if version >= 1:
        assert said["parent"] == "PermissionError"
    if version >= 6:
        assert said["signal"] == "PermissionError"
    assert not calls
    assert not (tmp_path / "bundle").exists()


def needs_namespaces() -> None:
    if subprocess.run(["unshare", "--user", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel gives no network namespace, so no program in a file is run")


def refuse_namespaces(monkeypatch) -> None:
    """Let the process that opens weights live under a kernel that gives no namespace, as in most containers."""
    run = torch_published.subprocess.run
    start = (
        "import pathlib, sys; from tidelab.training import torch_opening as opening; opening._CLONE_NEWNET = 0; "
        "opening._CLONE_NEWUSER = 0; opening.main(pathlib.Path(sys.argv[1]))"
    )

    def changed(command, **options):
        assert command[1:3] == ["-m", "tidelab.training.torch_opening"]
        return run([command[0], "-c", start, command[3]], **options)

    monkeypatch.setattr(torch_published.subprocess, "run", changed)


def test_without_a_network_namespace_no_program_is_run(tmp_path: Path, listener, monkeypatch):
    port, calls = listener
    note, weights = tmp_path / "note.json", tmp_path / "bad.pt"
    torch.save({"model": Program(note, port), "train_args": {}}, weights, pickle_module=pickle)
    refuse_namespaces(monkeypatch)
    with pytest.raises(ModelError, match=r"does not let it run without network.*Nothing was run.*unshare"):
        call(weights, tmp_path / "bundle", trust=True)
    assert not note.exists()
    assert not calls


def test_the_card_says_whether_there_was_a_network(trained, tmp_path: Path, monkeypatch):
    weights = tmp_path / "d.pt"
    weights.write_bytes(trained[0].weights)
    with monkeypatch.context() as patch:
        refuse_namespaces(patch)
        assert "refused within Python alone" in call(weights, tmp_path / "not").card.data_summary
    needs_namespaces()
    assert "opened without network" in call(weights, tmp_path / "apart").card.data_summary


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.pt", b"PK\x03\x04 broken", "cannot be opened"),
        ("w.onnx", b"x", "expected PyTorch weights"),
    ],
)
def test_broken_files_are_said_in_words(tmp_path: Path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=words):
        call(tmp_path / name, tmp_path / "bundle")


def test_another_content_is_never_opened(tmp_path: Path, monkeypatch):
    (tmp_path / "w.pt").write_bytes(b"other")
    monkeypatch.setattr(
        "tidelab.training.torch_published.subprocess.run", lambda *_, **__: pytest.fail("it was opened")
    )
    with pytest.raises(ModelError, match=r"its sha256 differs from 0000.*It was not opened"):
        call(tmp_path / "w.pt", tmp_path / "bundle", sha256="0" * 64)
    with pytest.raises(ModelError, match="does not exist"):
        convert(tmp_path / "gone.pt", tmp_path / "b", sha256="0" * 64, use_case="u", name="n", title="t")


@pytest.mark.parametrize("variable", ["JUPYTERHUB_SERVICE_NAME", "VOILA_BASE_URL", "CONFIGPROXY_AUTH_TOKEN"])
def test_shared_services_refuse(tmp_path: Path, monkeypatch, variable):
    (tmp_path / "w.pt").write_bytes(b"x")
    monkeypatch.setenv(variable, "apps")
    with pytest.raises(ModelError, match="opened in a person's own server only"):
        call(tmp_path / "w.pt", tmp_path / "bundle")


def test_a_file_that_was_fetched_is_checked_again(tmp_path: Path):
    url = "https://github.com/x/y/raw/main/w.pt"
    (tmp_path / "w.pt").write_bytes(b"weights")
    assert fetch_weights(url, hashlib.sha256(b"weights").hexdigest(), tmp_path) == tmp_path / "w.pt"
    with pytest.raises(FetchError, match="is not the file that was published"):
        fetch_weights(url, "0" * 64, tmp_path)
    assert not (tmp_path / "w.pt").exists()
    with pytest.raises(FetchError, match=r"does not name a \.pt file"):
        fetch_weights("https://github.com/x/y.zip", "0" * 64, tmp_path)
