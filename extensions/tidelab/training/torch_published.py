"""Bring published YOLO weights (``.pt``) in: check, open apart from everything, export, compare, write a bundle.

A ``.pt`` file is a pickle, which can run any program when it is opened. So it is opened in safe mode: numbers and the layers that
ultralytics knows, nothing else. Where that refuses, nothing happens unless the person says ``trust=True``, which means: I trust its
authors with all my files, for that program runs under my account. Either way it is opened only in a person's own server, after its
checksum, in a process of its own (`tidelab.training.torch_opening`): without tokens in its environment, where the kernel has Landlock
without a look into other processes, and without network where the kernel gives it an empty network namespace. Where it does not,
``trust=True`` is refused, and for a file in safe mode the card says so. What comes out is a bundle, which is data.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.domain.image import DecodedImage
from tidelab.drift import Reference
from tidelab.models.bundle import MODEL, REFERENCE, ModelBundle, write_bundle
from tidelab.models.errors import ModelError
from tidelab.models.predictor import DEFAULT, Predictor, load_predictor
from tidelab.training.decoding import UnreadableError, read_file
from tidelab.training.fetching import Checksum, FetchError, OnProgress, Web
from tidelab.training.own_server import check_own_server
from tidelab.training.torch_opening import NAMESPACE
from tidelab.training.trained import ExportError

PICTURE_TOLERANCE: Final = 1e-3
"""Largest difference of a probability between the authors' own program and the bundle, on the same pictures."""

_SECONDS: Final = 600
_LARGEST: Final = 2 * 2**30
_SUFFIXES: Final = (".pt", ".pth")
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TIDELAB_ROOT", "TMPDIR")
_REFUSED: Final = ("outside the supported", "weights_only", "allow-list", "unsafe", "blocked", "restricted")
"""What torch and ultralytics say when safe mode refuses a file."""

Pixels = npt.NDArray[np.uint8]


def fetch_weights(
    url: str,
    sha256: str,
    folder: Path,
    *,
    web: Web | None = None,
    on_progress: OnProgress = lambda there, total: None,
) -> Path:
    """Download a weights file from an allowed host and check it; a file that is there already and agrees is taken.

    Raises
    ------
    FetchError
        No network, a refused address, another content: in words.
    """
    name = url.rsplit("/", 1)[-1].split("?")[0]
    if not name.endswith(_SUFFIXES):
        raise FetchError(f"{url} does not name a .pt file.")
    checksum, target = Checksum("sha256", sha256), folder / name
    if not target.exists():
        (web or Web()).download(url, target, checksum, None, on_progress)
    try:
        checksum.check(target)
    except FetchError:
        target.unlink()
        raise
    return target


def convert(
    weights: Path | str,
    folder: Path | str,
    *,
    sha256: str,
    use_case: str,
    name: str,
    title: str,
    image_px: int | None = None,
    aphia_ids: Mapping[str, int] | None = None,
    pictures: Sequence[Path] = (),
    known_pictures: Sequence[Path] = (),
    trust: bool = False,
    source: str = "",
    licence: str = "",
    citation: str = "",
    created_by: str = "",
) -> ModelBundle:
    """Turn a ``.pt`` file of YOLO (classification or detection) into a bundle.

    Parameters
    ----------
    weights
        The file.
    folder
        Bundle folder.
    sha256
        What the file must be.
    use_case, name, title, source, licence, citation, created_by
        For the card; without `licence`, what the file says of itself.
    image_px
        Side of the input its authors' program uses; None: as in the training that the file tells of.
    aphia_ids
        Label -> AphiaID.
    pictures
        Pictures on which the bundle is compared with the authors' own program, besides generated ones.
    known_pictures
        Pictures of the kind it was made for: they become the drift reference. Without them a verdict stays grey.
    trust
        Run the program in the file, where it cannot be read in safe mode. Only where the kernel lets it have no network.

    Raises
    ------
    ModelError
        In a shared service; for another content, a file that safe mode refuses, a model of another kind.
    ExportError
        When the bundle does not say what the authors' program says.
    """
    check_own_server("PyTorch files")
    shown = [*_generated(), *(_read(path) for path in pictures)]
    with TemporaryDirectory(prefix="tidelab-opening-") as place:
        scratch = Path(place)
        _take(Path(weights).expanduser(), sha256, scratch)
        answer, onnx = _opened(scratch, shown, image_px, trust)
        words = {
            "aphia_ids": dict(aphia_ids or {}), "source": source or f"{Path(weights).name} sha256:{sha256}",
            "licence": licence or str(answer.get("licence", ""))[:200], "citation": citation, "created_by": created_by,
        }  # fmt: skip
        card = _card(answer, onnx, use_case=use_case, name=name, title=title).model_copy(update=words)
        finished = _checked(card, onnx, shown, answer, known_pictures, scratch)
    return write_bundle(Path(folder).expanduser(), *finished)


def _checked(
    card: ModelCard,
    onnx: bytes,
    shown: Sequence[Pixels],
    answer: Mapping[str, Any],
    known_pictures: Sequence[Path],
    scratch: Path,
) -> tuple[ModelCard, dict[str, bytes]]:
    """Compare the bundle with its authors' program; return its card with what that gave, and its files."""
    model = _predictor(write_bundle(scratch / "bundle", card, {MODEL: onnx}))
    summary = _summary(_compared(model, shown, answer), answer, len(known_pictures))
    files = {MODEL: onnx}
    if known_pictures:
        files[REFERENCE] = _reference(model, known_pictures, scratch)
    return card.model_copy(update={"data_summary": summary}), files


def _summary(compared: str, answer: Mapping[str, Any], known: int) -> str:
    reference = "No drift reference yet."
    if known:
        reference = f"Drift reference: {known} pictures given when it was imported."
    return f"Published weights; what they were trained on stands in their source. {compared} {_apart(answer)} {reference}"


def _take(weights: Path, sha256: str, scratch: Path) -> None:
    """Copy the file to where nobody changes it, then check the copy."""
    if weights.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{weights.name}: expected PyTorch weights (.pt).")
    if not weights.is_file():
        raise ModelError(f"{weights} does not exist.")
    if weights.stat().st_size > _LARGEST:
        raise ModelError(f"{weights.name} is larger than {_LARGEST // 2**30} GB; no model of this kind is.")
    copy = scratch / "weights.pt"
    shutil.copyfile(weights, copy)
    try:
        Checksum("sha256", sha256).check(copy)
    except FetchError:
        raise ModelError(
            f"{weights.name} is not the file that was named: its sha256 differs from {sha256}. It was not opened. Fetch it again, or give "
            "the sha256 that its publishers state."
        ) from None


def _opened(
    scratch: Path, shown: Sequence[Pixels], image_px: int | None, trust: bool
) -> tuple[dict[str, Any], bytes]:
    """Let a process of its own open the file; return what it answers, and the model it left."""
    np.savez(scratch / "pictures.npz", **{f"p{number:04d}": one for number, one in enumerate(shown)})
    request = {"trust": trust, "image_px": image_px}
    (scratch / "request.json").write_text(json.dumps(request), encoding="utf-8")
    home = scratch / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tidelab.training.torch_opening", str(scratch)],
            env={**kept, "HOME": str(home), "OMP_NUM_THREADS": "1"},
            cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"The weights could not be opened within {_SECONDS // 60} minutes, so they were left alone."
        ) from None
    try:
        answer = json.loads((scratch / "answer.json").read_text("utf-8"))
        if not isinstance(answer, dict):
            raise ValueError("no answer")
    except (OSError, ValueError):
        last = " ".join(done.stdout.decode("utf-8", "replace").split())[-300:]
        raise ModelError(
            f"The process that opened the weights ended without an answer (exit code {done.returncode}): {last}"
        ) from None
    if "error" in answer:
        raise ModelError(_refusal(str(answer["error"]), trust))
    return answer, _exported(scratch)


def _apart(answer: Mapping[str, Any]) -> str:
    """Say how the file was kept from the network when it was opened."""
    isolation = answer.get("isolation")
    if isinstance(isolation, dict) and isolation.get("network") == NAMESPACE:
        return "They were opened without network."
    return "They were opened in safe mode; the kernel gave no network namespace, so the network was refused within Python alone."


def _refusal(words: str, trust: bool) -> str:
    if words == "no network namespace":
        return (
            "trust=True runs a program that is in the file, and this computer's kernel does not let it run without network (an unprivileged "
            "user namespace with an empty network was refused, as in most containers). Nothing was run. Ask its authors for ONNX, or "
            "convert the file on a Linux computer of your own where `unshare --user --net true` works, and bring the bundle here."
        )
    lowered = words.lower()
    if not trust and any(sign in lowered for sign in _REFUSED):
        return (
            "The file holds more than the weights and layers that safe mode knows: opening it would run a program that its authors put "
            "there. Nothing was run. Ask them for ONNX; or, if you trust them with all your files, give trust=True."
        )
    return f"The weights cannot be opened or exported: {words[:500]}"


def _exported(scratch: Path) -> bytes:
    file = scratch / MODEL
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _LARGEST:
        raise ModelError("The process that opened the weights left no model. Please report this.")
    return file.read_bytes()


def _card(answer: Mapping[str, Any], onnx: bytes, *, use_case: str, name: str, title: str) -> ModelCard:
    """Return the card of what was exported; every value of the answer is checked by the card itself."""
    is_classifier = answer.get("task") == "classify"
    size = int(answer["image_px"])
    spec = InputSpec(kind="image")
    detection = None
    if is_classifier:
        mean, scale = (tuple(float(value) for value in answer[key]) for key in ("mean", "scale"))
        spec = InputSpec(
            kind="image", size_px=size, crop="shorter-side", resample="bilinear",
            mean=(mean[0], mean[1], mean[2]), scale=(scale[0], scale[1], scale[2]),
        )  # fmt: skip
    else:
        detection = DetectionSpec(
            size_px=size,
            thresholds_method="published weights: no thresholds were chosen; 0.25 for every class",
        )
    return ModelCard(
        name=name, title=title, use_case=use_case, labels=tuple(str(label) for label in answer["labels"]), input=spec,
        detection=detection, embedding_dim=_width(onnx, size, is_classifier),
        framework=f"ultralytics {str(answer.get('written_by', '')) or '?'}, exported with {version('ultralytics')}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def _width(onnx: bytes, size: int, is_classifier: bool) -> int:
    """Return the length of the embedding, from one blank picture."""
    import onnxruntime

    shape = (1, size, size, 3) if is_classifier else (1, 3, 64, 64)
    try:
        session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
        return int(session.run(["embedding"], {"image": np.zeros(shape, np.float32)})[0].shape[1])
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise ModelError(f"The exported model does not run ({str(error).splitlines()[0][:200]}).") from None


def _predictor(bundle: ModelBundle) -> Predictor:
    spec = DEFAULT if bundle.card.detection is None else "tidelab.models.detector:ObjectDetector"
    return load_predictor(bundle, spec)


def _compared(model: Predictor, shown: Sequence[Pixels], answer: Mapping[str, Any]) -> str:
    """Compare a classifier with what its authors' own program said of the same pictures; return it in words."""
    if "said" not in answer:
        parity = answer["parity"]
        return (
            f"The export differs from the network by at most {float(parity['scores']):.2g} in a score and "
            f"{float(parity['boxes_px']):.2g} px of a box ({len(shown)} pictures)."
        )
    ours = np.stack([one.probabilities for one in model.predict(_images(shown))])
    theirs = np.asarray(answer["said"], np.float64)
    if theirs.shape != ours.shape:
        raise ExportError(
            f"The bundle gives shape {ours.shape}, its authors' program {theirs.shape}. It was not saved."
        )
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    if not difference <= PICTURE_TOLERANCE:
        raise ExportError(
            f"The bundle differs from its authors' program by up to {difference:.2g} in a probability; at most {PICTURE_TOLERANCE:g} is "
            "accepted, so it was not saved. Its pictures may be prepared in another way than ultralytics' own."
        )
    return f"Its probabilities differ from its authors' program by at most {difference:.2g} ({len(shown)} pictures)."


def _reference(model: Predictor, pictures: Sequence[Path], scratch: Path) -> bytes:
    found = model.predict(_images([_read(path) for path in pictures]))
    labels = list(model.card.labels)  # type: ignore[attr-defined]
    names = [path.parent.name for path in pictures]
    return Reference.from_predictions(found, labels, names).save(scratch / REFERENCE).read_bytes()


def _images(shown: Sequence[Pixels]) -> list[DecodedImage]:
    return [DecodedImage(f"{number}", f"sha256:{number:064d}", one) for number, one in enumerate(shown)]


def _read(path: Path) -> Pixels:
    file = path.expanduser()
    try:
        return read_file(file.parent, file.name)[0]
    except UnreadableError as error:
        raise ModelError(f"{file}: {error}") from None


def _generated() -> list[Pixels]:
    """Return four made pictures of different shapes: gradients with noise, so that resizing and cutting matter."""
    rng = np.random.default_rng(20261)
    made = []
    for height, width in ((480, 640), (640, 480), (301, 777), (96, 128)):
        down, across = np.mgrid[0:height, 0:width]
        waves = np.stack(
            [np.sin(down / period) * np.cos(across / (period + 9)) for period in (17, 43, 91)], axis=2
        )
        noise = rng.normal(0, 12, (height, width, 3))
        made.append(np.clip(128 + 90 * waves + noise, 0, 255).astype(np.uint8))
    return made
