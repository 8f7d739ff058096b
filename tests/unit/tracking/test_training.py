"""Training without MLflow: nothing is lost, nothing is raised, and it takes seconds."""

import json
import os
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.support.brightness import make_use_case
from tests.support.tiny_model import tiny_bundle
from tidelab.runs.usage import events_file, read_events
from tidelab.tracking import (
    TrackingError,
    TrackingUnavailableError,
    connect,
    register_bundle,
    send_run,
    training_run,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16
DEAD = "http://127.0.0.1:9/services/mlflow"


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-secret-token")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def train(folder: Path) -> "tuple[object, float]":
    started = time.monotonic()
    with training_run(
        "flowcam-plankton", "alice", data_digest="ab", params={"seed": 1}, folder=folder
    ) as run:
        for epoch in range(20):
            run.log_metrics({"loss": 1 / (epoch + 1)}, step=epoch)
        run.log_figure("confusion matrix", PNG)
        run.log_table("per class", pd.DataFrame({"label": ["a"], "f1": [0.5]}))
        run.set_tags({"kept": "yes"})
    return run, time.monotonic() - started


def test_a_dead_mlflow_costs_seconds_and_loses_nothing(dead: None, tmp_path: Path):
    run, seconds = train(tmp_path)
    assert seconds < 20
    assert not run.recorded  # type: ignore[attr-defined]
    notice = run.notice  # type: ignore[attr-defined]
    assert notice.startswith(f"MLflow is not reachable at {DEAD}. Your work is saved in {tmp_path}")
    assert "a-secret-token" not in notice + repr(run)
    folder: Path = run.folder  # type: ignore[attr-defined]
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["sent"]) == ("FINISHED", False)
    assert record["tags"]["tidelab.data_digest"] == "ab"
    assert record["tags"]["kept"] == "yes"
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 20
    assert (folder / "artifacts/figures/confusion-matrix.png").read_bytes() == PNG
    assert (folder / "artifacts/tables/per-class.csv").read_text() == "label,f1\na,0.5\n"
    with pytest.raises(TrackingUnavailableError, match="not reachable"):
        send_run(folder)
    assert json.loads((folder / "run.json").read_text())["status"] == "FINISHED"


def test_without_a_hub_nothing_is_sent_anywhere(alone: None, tmp_path: Path):
    run, seconds = train(tmp_path)
    assert seconds < 5
    assert "MLFLOW_TRACKING_URI" in run.notice  # type: ignore[attr-defined]


def test_a_failed_training_is_still_the_persons_error(alone: None, tmp_path: Path):
    with (
        pytest.raises(ZeroDivisionError),
        training_run("flowcam-plankton", "a", data_digest="", params={}, folder=tmp_path) as run,
    ):
        raise ZeroDivisionError
    assert json.loads((run.folder / "run.json").read_text())["status"] == "FAILED"


def test_names_of_files_cannot_leave_the_run(alone: None, tmp_path: Path):
    with training_run("flowcam-plankton", "a", data_digest="", params={}, folder=tmp_path) as run:
        run.log_figure("../../evil", PNG)
        run.log_figure("..", PNG)
        with pytest.raises(ValueError, match="PNG file"):
            run.log_figure("x", b"not a picture")
    names = sorted(path.name for path in (run.folder / "artifacts").rglob("*.png"))
    assert names == ["evil.png", "unnamed.png"]


def test_registering_with_a_dead_mlflow_says_where_the_model_is(dead: None, tmp_path: Path):
    bundle = tiny_bundle(tmp_path / "bundle")
    started = time.monotonic()
    with pytest.raises(TrackingUnavailableError, match="not reachable"):
        register_bundle(bundle.folder, "flowcam-plankton", "alice")
    assert time.monotonic() - started < 10


def test_a_bundle_of_another_use_case_or_with_code_is_refused(dead: None, tmp_path: Path):
    with pytest.raises(TrackingError, match="was made for 'other-case'"):
        register_bundle(
            tiny_bundle(tmp_path / "a", use_case="other-case").folder, "flowcam-plankton", "alice"
        )
    with pytest.raises(TrackingError, match=r"'model\.pkl'.*never code"):
        register_bundle(
            tiny_bundle(tmp_path / "b", files={"model.pkl": b"x"}).folder, "flowcam-plankton", "alice"
        )


def test_send_run_wants_a_saved_training(tmp_path: Path):
    with pytest.raises(TrackingError, match="holds no saved training"):
        send_run(tmp_path)


@pytest.mark.parametrize("url", ["", "file:///tmp/x", "sqlite:///x.db", "databricks"])
def test_only_a_server_is_a_connection(alone: None, monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "t")
    with pytest.raises(TrackingUnavailableError, match="nothing is sent anywhere"):
        connect()


def test_the_token_is_in_no_representation(dead: None):
    assert "a-secret-token" not in repr(connect())
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"


@pytest.mark.parametrize(("kind", "sent"), [("private", False), ("shared", True), ("ephemeral", False)])
def test_pictures_of_images_travel_only_where_the_data_policy_lets_them(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sent: bool
) -> None:
    case = make_use_case(tmp_path / "cases")
    file = case.folder / "usecase.yaml"
    file.write_text(file.read_text() + f"data_policy: {{kind: {kind}}}\n")
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "cases"))
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    with training_run(case.slug, "alice", data_digest="ab", params={}, folder=tmp_path / "t") as run:
        run.log_figure("examples", PNG, shows_images=True)
        run.log_figure("confusion", PNG)
        run.log_table("images", pd.DataFrame({"image": ["a"]}), names_images=True)
    found = {
        path.relative_to(run.folder).as_posix()
        for path in run.folder.rglob("*")
        if path.suffix in (".png", ".csv")
    }
    place = "artifacts" if sent else "private"
    assert found == {
        f"{place}/figures/examples.png",
        "artifacts/figures/confusion.png",
        f"{place}/tables/images.csv",
    }


def test_a_training_is_counted_once_it_is_finished(
    alone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_COUNTRY", "be")
    params = {"images.train": 60, "images.validation": 20, "images.test": 20, "seed": 7}
    with training_run("flowcam-plankton", "alice", data_digest="ab", params=params, folder=tmp_path):
        pass
    with (
        pytest.raises(RuntimeError),
        training_run("flowcam-plankton", "alice", data_digest="ab", params=params, folder=tmp_path),
    ):
        raise RuntimeError
    (event,), unreadable = read_events()
    assert unreadable == 0
    assert (event.activity, event.images_processed, event.images_ingested, event.country) == (
        "training",
        100,
        None,
        "BE",
    )
    assert "alice" not in events_file().read_text()


def test_a_class_that_is_called_like_a_formula_stays_text_in_a_table(dead: None, tmp_path: Path):
    with training_run("flowcam-plankton", "alice", data_digest="ab", params={}, folder=tmp_path) as run:
        run.log_table("confusion", pd.DataFrame({"label": ["=1+1", "b"], "=1+1": [0.5, -0.25]}))
    (table,) = tmp_path.rglob("confusion.csv")
    assert table.read_text() == "label,'=1+1\n'=1+1,0.5\nb,-0.25\n"
