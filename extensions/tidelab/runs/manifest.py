"""Where the results of a run come from: enough to make them again, or to say why that is no longer possible."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.domain.card import ModelCard
from tidelab.environments.state import read_stamp
from tidelab.models import ModelBundle, Predictor
from tidelab.runs.items import ImageResult
from tidelab.runs.objects import Thresholds
from tidelab.runs.pipeline import Pipeline
from tidelab.runs.progress import now
from tidelab.runs.request import RunRequest
from tidelab.runs.shown_paths import shown_parameters, shown_path
from tidelab.runs.versions import package_version

SCHEMA_VERSION: Final = 1
_PACKAGES: Final = (
    "tidelab",
    "numpy",
    "onnxruntime",
    "pillow",
    "tifffile",
    "scikit-image",
    "scipy",
    "pandas",
    "frouros",
)
_GIT_SECONDS: Final = 10


def make_manifest(
    request: RunRequest,
    use_case: UseCase,
    bundle: ModelBundle,
    predictor: Predictor,
    pipeline: Pipeline,
    started: str,
    runs_root: Path,
) -> dict[str, Any]:
    """Return the manifest of a finished run; the digests of its inputs stand in ``inputs.csv``, and paths as `shown_path` writes them."""
    state = pipeline.progress.state
    return {
        "schema_version": SCHEMA_VERSION,
        "run": request.run_id,
        "use_case": {"slug": use_case.slug, "title": use_case.title, "licence": use_case.licence},
        "person": request.person,
        "face": request.face,
        "images": [shown_path(one, runs_root) for one in request.images],
        "parameters": shown_parameters(request.parameters, use_case, runs_root),
        "model": {
            **request.model.model_dump(exclude={"folder"}),
            "title": bundle.card.title,
            "labels": list(bundle.card.labels),
            "licence": bundle.card.licence,
            "citation": bundle.card.citation,
            "source_of_weights": bundle.card.source,
            "data_digest": bundle.card.data_digest,
        },
        "inference": {
            "predictor": use_case.task.predictor,
            "version": predictor.INFERENCE_VERSION,
            "runtime": predictor.runtime,
        },
        "counts": {
            "images": state.done,
            "failed_files": state.failed,
            "predicted": pipeline.work.predicted,
            "from_cache": pipeline.work.known,
            "decoded": pipeline.work.decoded,
            "model_calls": pipeline.work.model_calls,
        },
        "code": code_version(),
        "environment": environment(use_case.stacks.analyse),
        "started": started,
        "finished": now(),
    }


def detection_manifest(
    results: Sequence[ImageResult], card: ModelCard, thresholds: Thresholds
) -> dict[str, Any]:
    """Return what the manifest says of a detector's run: how many objects in how many pictures, and from which score they count."""
    found = [result.detections for result in results if result.detections is not None]
    counted = [int(thresholds.above(one).sum()) for one in found]
    spec = card.detection
    return {
        "pictures": len(results),
        "pictures_with_objects": sum(1 for count in counted if count),
        "objects": sum(counted),
        "stored": sum(len(one) for one in found),
        "stored_from": spec.stored_from if spec else None,
        "nms_iou": spec.iou if spec else None,
        "thresholds": thresholds.as_mapping(card.labels),
        "thresholds_chosen": thresholds.chosen,
    }


def code_version() -> dict[str, Any]:
    """Return the version of the project, and commit and state of the checkout it runs from, where it runs from one."""
    found: dict[str, Any] = {"tidelab": package_version("tidelab"), "commit": None, "modified": None}
    root = paths.checkout()
    if (root / ".git").exists():
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
        found |= {"commit": commit, "modified": None if changes is None else bool(changes)}
    return found


def environment(stack: str) -> dict[str, Any]:
    """Return what computed: Python, system, packages; name and lock of the environment it ran in, which may not be the stack's."""
    stamp = read_stamp(Path(sys.prefix))
    return {
        "stack": stack,
        "name": stamp.environment if stamp else None,
        "lock_digest": stamp.lock if stamp else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in _PACKAGES if (found := package_version(name))},
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
            # It must neither ask nor write: a run only looks.
            env={
                "PATH": os.environ.get("PATH", ""),
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_TERMINAL_PROMPT": "0",
                "LC_ALL": "C",
            },
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
