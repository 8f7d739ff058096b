"""A detector's whole way on a real hub: ``retrain.ipynb``, MLflow, the registry, promotion with its comparison, then app and report.

Nothing is restarted on the way: the app that was open to the demonstration model answers with the champion from the next run on.
"""

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from tests.support.app_page import AppPage, browser, wait_for_apps
from tests.support.faces import newest_run
from tests.support.hub import RunningHub
from tests.support.tracking import Tracking
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import ModelBundle, resolve_model
from tidelab.models.training_images import TrainingImages
from tidelab.runs import RunFolder
from tidelab.training.synthetic_objects import generate, make_pictures

API = "/api/2.0/mlflow"
GENERIC, CAMERA = "object-detector", "obsea-fish"
SAMPLE = {"n": 16, "seed": 20266, "size": (480, 320), "conditions": "mixed"}
"""How the sample of the generic detector was drawn, as its ``usecase.yaml`` says: its truth is known."""


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    """Return hub, MLflow, model service and apps; ``maya`` maintains both detectors."""
    with RunningHub(tmp_path_factory.mktemp("chain"), services=("mlflow", "models", "apps")) as hub:
        found = Tracking(hub)
        for slug in (GENERIC, CAMERA):
            group = f"groups/{load_catalogue()[slug].maintainers_group}/users"
            hub.api("POST", group, json={"users": ["maya"]}).raise_for_status()
        wait_for_apps(hub)
        yield found


@dataclass(frozen=True)
class Trained:
    """What a run of the notebook left: its words, its bundle, the request it made."""

    words: str
    bundle: ModelBundle
    request: dict[str, Any]


def retrain(
    tracking: Tracking, slug: str, folder: Path, seconds: float, note: str, **parameters: object
) -> Trained:
    """Execute ``retrain.ipynb`` as alice's kernel does, with papermill in the stack it is made for."""
    python = paths.env_python("torch")
    if not python.exists():
        pytest.skip("the stack torch is not installed: ./tidelab env install torch")
    folder.mkdir(parents=True)
    chosen = folder / "parameters.yaml"
    chosen.write_text(json.dumps({**parameters, "promote": True, "note": note}))
    out = folder / "out.ipynb"
    with tracking.notebook("alice"):
        environment = {
            **os.environ,
            "HOME": str(folder),
            "TIDELAB_CHAMPIONS": str(tracking.hub.data / "champions"),
        }
    command = [
        str(python), "-m", "papermill", str(paths.checkout() / "notebooks" / slug / "retrain.ipynb"), str(out), "-k", "python3",
        "--no-progress-bar", "-f", str(chosen),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [one for cell in nbformat.read(out, 4).cells for one in cell.get("outputs", [])]
    (place,) = [one for one in (folder / "tidelab" / "models" / slug).iterdir() if one.is_dir()]
    asked = tracking.ask("maya", "GET", "/api/promotions", service="models").json()["promotions"]
    (request,) = [one for one in asked if one["note"] == note]
    return Trained(
        "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in outputs),
        ModelBundle.load(place),
        request,
    )


def confirm(tracking: Tracking, request: dict[str, Any], **body: Any) -> Any:
    body = {"reason": "Looked at it.", "acknowledge": True, **body}
    return tracking.ask(
        "maya", "POST", f"/api/promotions/{request['id']}/confirm", service="models", json=body
    )


def recorded(tracking: Tracking, slug: str) -> dict[str, Any]:
    """Return the newest training of alice as MLflow has it, with the names of its artifacts."""
    experiment = tracking.ask(
        "alice", "GET", f"{API}/experiments/get-by-name", params={"experiment_name": f"{slug}/alice"}
    ).json()["experiment"]["experiment_id"]
    body = {"experiment_ids": [experiment], "order_by": ["attributes.start_time DESC"], "max_results": 1}
    (run,) = tracking.ask("alice", "POST", f"{API}/runs/search", json=body).json()["runs"]
    files = [
        one["path"]
        for place in ("figures", "tables")
        for one in tracking.ask(
            "alice", "GET", f"{API}/artifacts/list", params={"run_id": run["info"]["run_id"], "path": place}
        ).json()["files"]
    ]
    return {**run, "files": files}


def by_app(tracking: Tracking, chromium: str, slug: str) -> tuple[RunFolder, bytes, str]:
    """Analyse the sample in the app as bob; return the run, the table he downloads, and what the page says of the model."""
    with browser(chromium) as started:
        app = AppPage(started, tracking.people["bob"]).sign_in().open(slug).choose("Sample").analyse()
        shown, said = app.download("results.csv"), app.page.locator("body").inner_text()
        outside, problems = app.outside, app.problems
        app.close()
    assert (outside, problems) == ([], [])
    return RunFolder(newest_run(tracking.hub.data / "homes" / "bob" / "runs", slug)), shown, said


def by_report(tracking: Tracking, folder: Path, slug: str) -> RunFolder:
    """Analyse the sample with ``tidelab report``."""
    environment = {
        **os.environ, "JUPYTERHUB_USER": "bob", "TIDELAB_RUNS": str(folder / "runs"), "TIDELAB_DATA": str(folder / "data"),
        "TIDELAB_CHAMPIONS": str(tracking.hub.data / "champions"),
    }  # fmt: skip
    program = str(paths.env_python("analyse").with_name("tidelab"))
    done = subprocess.run(
        [program, "report", slug, "--images", "sample", "--out", str(folder / "out")],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return RunFolder(newest_run(folder / "runs", slug))


def assert_used(run: RunFolder, trained: Trained, version: str) -> None:
    """Check that a run was made with the champion: its digest, its thresholds, its reference."""
    model = run.manifest()["model"]
    assert (model["source"], model["version"]) == ("champion", version)
    assert model["digest"] == trained.bundle.digest
    verdict = run.verdict()
    assert verdict.n_reference == trained.bundle.card.quality.n_test, (
        "judged by this model's own test pictures"
    )
    assert verdict.n_images == len(run.pictures()) > 0
    thresholds = trained.bundle.card.detection.thresholds
    found = run.results()
    assert all(one.score >= round(thresholds[one.label], 6) - 1e-6 for one in found.itertuples())
    seen = TrainingImages.load(trained.bundle.folder)
    assert seen is not None
    assert len(seen.digests) > trained.bundle.card.quality.n_test


@pytest.mark.timeout(1200)
def test_a_detector_from_drawings_to_app_and_report_without_a_restart(
    tracking: Tracking, chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _, said = by_app(tracking, chromium, GENERIC)
    assert before.manifest()["model"]["source"] == "demo"
    assert "Demo model" in said
    trained = retrain(tracking, GENERIC, tmp_path / "home", 400, "A first try.", epochs=2, image_px=96)
    assert "epoch 2 of 2: loss" in trained.words
    assert f"Registered as {GENERIC}--alice version 1." in trained.words
    assert "Promotion asked for" in trained.words

    run = recorded(tracking, GENERIC)
    metrics = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert {"train/box_loss", "validation/map50", "training_seconds", "export_difference"} <= set(metrics)
    quality = trained.bundle.card.quality
    assert metrics["test_map50_95"] == pytest.approx(quality.map50_95, abs=1e-4)
    assert {"figures/curves.png", "figures/precision_recall.png", "tables/per_class.csv"} <= set(run["files"])
    version = tracking.ask(
        "alice", "GET", f"{API}/model-versions/get", params={"name": f"{GENERIC}--alice", "version": "1"}
    ).json()["model_version"]
    tags = {one["key"]: one["value"] for one in version["tags"]}
    assert tags["tidelab.digest"] == trained.bundle.digest
    assert tags["tidelab.map50_95"] == f"{quality.map50_95:.4f}"

    decision = trained.request["decision"]
    assert decision["primary"]["measure"] == "mAP50-95"
    assert decision["primary"]["challenger"] < decision["primary"]["champion"], (
        "two epochs against the demonstration model"
    )
    assert (decision["recommended"], decision["n_images"]) == (False, quality.n_test)
    assert (
        decision["champion"]
        == resolve_model(load_catalogue()[GENERIC], "demo").bundle.card.files["model.onnx"]
    )
    asked = tracking.ask("maya", "GET", f"/requests/{trained.request['id']}", service="models").text
    assert "mAP50-95" in asked
    assert "Macro F1" not in asked
    refused = confirm(tracking, trained.request, acknowledge=False)
    assert refused.status_code == 409
    assert "does not recommend it" in refused.json()["error"]
    answer = confirm(tracking, trained.request)
    assert answer.status_code == 200, answer.text
    assert "mAP50-95" in tracking.ask("maya", "GET", "/", service="models").text

    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tracking.hub.data / "champions"))
    champion = resolve_model(load_catalogue()[GENERIC])
    assert (champion.source, champion.bundle.digest) == ("champion", trained.bundle.digest)
    assert champion.is_demo, "trained on drawings: it says so even as champion"
    app, shown, _ = by_app(tracking, chromium, GENERIC)
    report = by_report(tracking, tmp_path / "report", GENERIC)
    for one in (app, report):
        assert_used(one, trained, champion.version)
    assert shown == (report.path / "results.csv").read_bytes()
    for name in ("pictures.csv", "detections.csv", "counts.csv"):
        assert (app.path / name).read_bytes() == (report.path / name).read_bytes(), name


@pytest.mark.prove
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("slug", "network"), [(GENERIC, "network"), (CAMERA, "architecture")])
def test_from_scratch_to_a_champion_that_finds_what_is_there(
    tracking: Tracking, chromium: str, tmp_path: Path, slug: str, network: str
) -> None:
    """Some minutes for each use case on two idle cores: 240 drawings of 80 days, 20 epochs from scratch."""
    truth = generate(240, 77, tmp_path / "drawings", size=(320, 240), every=timedelta(hours=8))
    common = {"data": str(truth), "image_px": 192, network: "yolov8n", "seed": 1}
    first = retrain(tracking, slug, tmp_path / "first", 3600, "The first.", **common, epochs=2)
    assert confirm(tracking, first.request).status_code == 200
    second = retrain(tracking, slug, tmp_path / "second", 3 * 3600, "Learned longer.", **common, epochs=20)
    quality, decision = second.bundle.card.quality, second.request["decision"]
    print(
        f"{slug}: mAP50 {quality.map50}, mAP50-95 {quality.map50_95} on {quality.n_test} test pictures; {decision['reasons']}"
    )
    assert quality.map50 >= 0.7
    assert decision["champion"] == first.bundle.card.files["model.onnx"], (
        "compared with the champion of the day"
    )
    assert decision["recommended"], decision["reasons"]
    assert decision["primary"]["low"] > 0
    assert confirm(tracking, second.request, acknowledge=True).status_code == 200
    app, shown, _ = by_app(tracking, chromium, slug)
    report = by_report(tracking, tmp_path / "report", slug)
    for one in (app, report):
        assert_used(one, second, app.manifest()["model"]["version"])
    assert shown == (report.path / "results.csv").read_bytes()
    if slug == GENERIC:
        recall, precision = against_truth(shown)
        print(f"the app on the sample: recall {recall:.2f}, precision {precision:.2f}")
        # It has learned by day; a third of the sample is at night or in murky water.
        assert recall >= 0.3
        assert precision >= 0.5


def against_truth(table: bytes) -> tuple[float, float]:
    """Return recall and precision of a table of results at IoU 0.5, against the sample's known animals."""
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    right = total = 0
    for one in make_pictures(**SAMPLE):
        ours = [row for row in rows if row["image"].partition("@")[0] == one.name]
        total += len(one.labels)
        for box, label in zip(np.asarray(one.boxes, float), one.labels, strict=True):
            overlaps = [_overlap(row, box) if row["label"] == label else 0.0 for row in ours]
            if overlaps and max(overlaps) >= 0.5:
                del ours[int(np.argmax(overlaps))]
                right += 1
    return right / total, right / max(len(rows), 1)


def _overlap(row: dict[str, str], box: Any) -> float:
    x, y, width, height = (float(row[name]) for name in ("x_min_px", "y_min_px", "width_px", "height_px"))
    shared = [
        max(0.0, min(x + width, box[2]) - max(x, box[0])),
        max(0.0, min(y + height, box[3]) - max(y, box[1])),
    ]
    both = shared[0] * shared[1]
    return both / (width * height + (box[2] - box[0]) * (box[3] - box[1]) - both)
