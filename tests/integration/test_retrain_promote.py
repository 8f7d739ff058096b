"""``retrain.ipynb`` on a real hub: trained, recorded in MLflow, registered, promotion asked for, confirmed, used by the next analysis."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.support.tracking import Tracking
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import resolve_model

SLUG = "flowcam-plankton"
NOTEBOOK = paths.checkout() / "notebooks" / SLUG / "retrain.ipynb"


@pytest.mark.timeout(900)
def test_from_drawings_to_the_champion_without_a_restart(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = paths.env_python("tensorflow")
    if not python.exists():
        pytest.skip("needs the tensorflow environment (`tidelab stack install tensorflow`)")
    out = tmp_path / "out.ipynb"
    with tracking.notebook("alice"):
        environment = {**os.environ, "HOME": str(tmp_path), "OMP_NUM_THREADS": "2"}
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text("epochs: 1\npromote: true\nnote: Better on my samples.\ncross_validation: 'off'\n")
    command = [
        str(python),
        "-m",
        "papermill",
        str(NOTEBOOK),
        str(out),
        "-k",
        "python3",
        "--no-progress-bar",
        "-f",
        str(parameters),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-2000:]
    outputs = [one for cell in nbformat.read(out, 4).cells for one in cell.get("outputs", [])]
    words = "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in outputs)
    assert re.search(rf"Registered as {SLUG}--alice version \d+\.", words)
    assert "Promotion asked for" in words

    runs = tracking.ask(
        "alice", "POST", "/api/2.0/mlflow/runs/search", json={"experiment_ids": _experiments(tracking)}
    ).json()["runs"]
    metrics = {one["key"] for run in runs for one in run["data"].get("metrics", [])}
    assert {
        "test_macro_f1",
        "test_expected_calibration_error",
        "difference_macro_f1",
        "temperature",
    } <= metrics

    (request,) = [
        one
        for one in _requests(tracking)
        if one["registered_model"] == f"{SLUG}--alice" and one["note"] == "Better on my samples."
    ]
    decision = request["decision"]
    assert decision["look"] == 1
    assert decision["primary"]["measure"] == "macro F1"
    tags = {one["key"]: one["value"] for run in runs for one in run["data"].get("tags", [])}
    assert tags["tidelab.test_set"] == decision["test_set"]
    assert tags["tidelab.test_look"] == "1"
    answer = tracking.ask(
        "maya",
        "POST",
        f"/api/promotions/{request['id']}/confirm",
        service="models",
        json={"reason": "Looked at it.", "acknowledge": True},
    )
    assert answer.status_code == 200, answer.text
    use_case = load_catalogue()[SLUG]
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tracking.champions.parent))
    champion = resolve_model(use_case)
    assert champion.source == "champion"
    assert champion.bundle.card.created_by == "alice"
    assert champion.is_demo, "trained on drawings: it says so even as champion"


def _experiments(tracking: Tracking) -> list[str]:
    found = tracking.ask(
        "alice", "POST", "/api/2.0/mlflow/experiments/search", json={"max_results": 50}
    ).json()
    return [one["experiment_id"] for one in found["experiments"] if one["name"].startswith(f"{SLUG}/")]


def _requests(tracking: Tracking) -> list[dict[str, Any]]:
    found = tracking.ask("maya", "GET", "/api/promotions", service="models").json()
    return found["promotions"] if isinstance(found, dict) else found
