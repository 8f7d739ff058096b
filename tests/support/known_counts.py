"""Finished runs whose images come from a world that is known: three Gaussian classes, a calibrated classifier, held-out images."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.brightness import LABELS
from tidelab.catalogue import UseCase
from tidelab.domain.card import InputSpec, ModelCard
from tidelab.domain.results import RESULT_COLUMNS
from tidelab.domain.verdict import Verdict
from tidelab.models import ModelBundle, write_bundle
from tidelab.models.heldout import HeldOut
from tidelab.runs import RunFolder, get_executor, prepare

CENTRES = np.array([[0.0, 0.0], [2.6, 0.0], [0.0, 2.6]])
NOWHERE = np.array([9.0, 9.0])
"""Where an unknown class lies."""


def embeddings(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return embeddings of images of these classes; -1 is the unknown one."""
    places = np.vstack([CENTRES, NOWHERE])
    return (places[truth] + rng.normal(size=(len(truth), 2))).astype(np.float32)


def probabilities(vectors: np.ndarray) -> np.ndarray:
    """Return what the classifier says."""
    logits = -0.5 * ((vectors[:, None] - CENTRES[None]) ** 2).sum(axis=2)
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def held_out(per_class: tuple[int, int, int] = (80, 80, 80), seed: int = 3) -> HeldOut:
    """Return the held-out file of the model."""
    rng = np.random.default_rng(seed)
    training, truth = np.repeat([0, 1, 2], 100), np.repeat([0, 1, 2], per_class)
    vectors = embeddings(truth, rng)
    return HeldOut.build(
        probabilities(vectors),
        truth,
        vectors,
        training_embeddings=embeddings(training, rng),
        training_labels=training,
    )


def bundle(
    folder: Path, use_case: str, files: dict[str, bytes] | None = None, *, demo: bool = False
) -> ModelBundle:
    """Write the model, by default with its held-out file."""
    card = ModelCard(
        name=use_case, title="Known", use_case=use_case, labels=LABELS, input=InputSpec(kind="image", size_px=16), embedding_dim=2,
        framework="numpy", demo=demo, created="2026-01-01T00:00:00Z",
    )  # fmt: skip
    more = {"heldout.npz": held_out().to_bytes()} if files is None else files
    return write_bundle(folder, card, {"model.onnx": b"not used", **more})


def run_of(
    use_case: UseCase,
    model: Path,
    counts: tuple[int, ...],
    *,
    samples: int = 1,
    verdict: str = "green",
    seed: int = 2,
) -> tuple[RunFolder, np.ndarray]:
    """Return a finished run of so many images of each class (a fourth number: of an unknown one), and their true classes.

    It is a real run of the three sample images whose results are then replaced: what made them is not what is tested.
    """
    folder = prepare(use_case, model=str(model), person="ada")
    get_executor("inline").submit(folder)
    assert folder.state().status == "done", folder.state().message
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat([0, 1, 2, -1][: len(counts)], counts))
    vectors = embeddings(truth, rng)
    said = probabilities(vectors)
    best = said.argmax(axis=1)
    names = np.array(LABELS)[best]
    rows = pd.DataFrame(
        {
            "image_id": [f"sha256:{number:064x}" for number in range(len(truth))],
            "sample_id": [f"S{number % samples + 1}" for number in range(len(truth))],
            "person_id": "ada",
            "image": [f"{number:05d}.png" for number in range(len(truth))],
            "time": "",
            "station": "",
            "label": names,
            "aphia_id": "",
            "score": [f"{score:.4f}" for score in said.max(axis=1)],
            "top5": "",
            "status": "predicted",
        }
    )
    rows[list(RESULT_COLUMNS)].to_csv(folder.path / "results.csv", index=False)
    np.save(folder.path / "embeddings.npy", vectors)
    np.save(folder.path / "probabilities.npy", said)
    found = Verdict(state=verdict, headline=f"It is {verdict}.")  # type: ignore[arg-type]
    (folder.path / "verdict.json").write_text(found.model_dump_json())
    return folder, truth
