"""Is this bundle fit to be a champion? Everything is checked that can be, without running anybody's code."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tidelab.catalogue import UseCase
from tidelab.domain.card import ModelCard
from tidelab.domain.decision import Decision
from tidelab.models import BundleError, ModelBundle
from tidelab.science.detection_thresholds import FALLBACK
from tidelab.tracking.bundles import check_names
from tidelab.tracking.errors import TrackingError

from .errors import RefusedError

LARGEST_MODEL = 500 * 2**20
PROBE_SECONDS = 120.0


def review(folder: Path, use_case: UseCase) -> tuple[ModelBundle, list[str]]:
    """Check a bundle and return it with what a maintainer must know before confirming it.

    Checked: only the allowed files; every digest; the card; that it was made for this use case; size; that ONNX Runtime
    loads the model in a process of its own and that it gives finite probabilities which sum to 1, one for each label (of a
    detector: boxes, and scores from 0 to 1), and embeddings of the stated length, for empty and for random input; that a use case
    which finds objects gets a detector, and no other does.

    Raises
    ------
    RefusedError
        The text says what is wrong and what to do.
    """
    try:
        bundle = ModelBundle.load(folder)
        check_names(bundle.card.files, bundle.card.name)
    except (BundleError, TrackingError) as error:
        raise RefusedError(str(error).replace(str(folder), "the bundle"), 422) from None
    extra = sorted(
        item.name for item in folder.iterdir() if item.name not in (*bundle.card.files, "card.json")
    )
    if extra:
        raise RefusedError(
            f"The bundle holds {extra[0]!r}, which its card does not list. Register it again.", 422
        )
    if bundle.card.use_case != use_case.slug:
        raise RefusedError(
            f"The model was made for {bundle.card.use_case!r}, not for {use_case.slug!r}. Ask for its promotion there.",
            422,
        )
    _check_kind(bundle.card, use_case)
    size = sum((folder / name).stat().st_size for name in bundle.card.files)
    if size > LARGEST_MODEL:
        raise RefusedError(
            f"The bundle has {size // 2**20} MB; a champion may have {LARGEST_MODEL // 2**20} MB. Export a smaller model.",
            422,
        )
    probe(bundle)
    return bundle, warnings(bundle, use_case)


def warnings(bundle: ModelBundle, use_case: UseCase) -> list[str]:
    """Return what is allowed but must have been read before a maintainer confirms."""
    card = bundle.card
    found = []
    if card.demo:
        found.append(
            "This is a demonstration model, trained on generated pictures. Every face will say so above its numbers."
        )
    declared, given = set(use_case.label_names), set(card.labels)
    if missing := sorted(declared - given):
        found.append(
            f"The model does not know {len(missing)} declared classes: {_some(missing)}. It can never find them."
        )
    if new := sorted(given - declared):
        found.append(
            f"The model names {len(new)} classes the use case does not declare: {_some(new)}. They have no AphiaID."
        )
    if card.quality.headline is None or card.quality.n_test == 0:
        wanted = "macro F1" if card.detection is None else "mAP50-95"
        found.append(f"Its card does not say how good it is (no {wanted} on test images).")
    if card.detection is not None and (free := sorted(given - set(card.detection.thresholds))):
        found.append(
            f"No threshold was chosen for {len(free)} classes ({_some(free)}): their objects count from a score of {FALLBACK:g}, whatever "
            "that gives."
        )
    if "reference.npz" not in card.files:
        found.append("It has no drift reference: every verdict above its results will be grey (cannot tell).")
    return found


def compared(decision: Decision | None, bundle: ModelBundle, champion: ModelCard | None) -> list[str]:
    """Return what a maintainer must know of the comparison that came with a request.

    Raises
    ------
    RefusedError
        If it speaks of another model.
    """
    if decision is None:
        return [
            "No comparison with the champion came with this request: whether it is better is not known. The retrain notebook makes one."
        ]
    if decision.challenger != bundle.card.files["model.onnx"]:
        raise RefusedError(
            "The comparison that came with this request was made with another model. Run the notebook again and ask with its own result.",
            422,
        )
    found = []
    if not decision.recommended:
        found.append(
            "Its own comparison does not recommend it: "
            + " ".join(decision.reasons[:8])
            + " If you confirm it all the same, say why."
        )
    if champion is not None and decision.champion != champion.files.get("model.onnx"):
        found.append("It was compared with another model than the present champion.")
    return found


def probe(bundle: ModelBundle) -> None:
    """Run the model once in a process of its own, with limits on memory and time.

    A model file comes from a person: what it does to ONNX Runtime must not be able to harm the service.

    Raises
    ------
    RefusedError
        If it cannot be loaded or its outputs are not those the card promises.
    """
    wanted = {
        "path": str(bundle.folder / "model.onnx"), "labels": len(bundle.card.labels),
        "embedding_dim": bundle.card.embedding_dim, "size_px": bundle.card.input.size_px,
        "detector": bundle.card.detection is not None,
    }  # fmt: skip
    environment = {"PATH": os.defpath, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).with_name("onnx_probe.py"))], input=json.dumps(wanted), text=True,
            capture_output=True, timeout=PROBE_SECONDS, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RefusedError(
            f"The model did not answer for two images within {PROBE_SECONDS:.0f} s. Export a smaller model.",
            422,
        ) from None
    try:
        problem = json.loads(done.stdout)["problem"]
    except (ValueError, KeyError, TypeError):
        problem = "ONNX Runtime ended while loading or running it (too much memory, or a damaged file)"
    if problem:
        raise RefusedError(f"The model does not do what its card says: {problem}. Export it again.", 422)


def _check_kind(card: ModelCard, use_case: UseCase) -> None:
    finds = use_case.task.finds_objects
    if finds and card.detection is None:
        raise RefusedError(
            f"{use_case.slug} finds objects in pictures, and this model names whole pictures. Ask for the promotion of a detector.",
            422,
        )
    if card.detection is not None and not finds:
        raise RefusedError(
            f"{use_case.slug} names pictures, and this model finds objects in them. Ask for the promotion of a classifier.",
            422,
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
