"""From a person's model to the champion that everybody uses, on a real hub and a real MLflow."""

import concurrent.futures
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import wait_for
from tests.support.tiny_model import tiny_bundle
from tests.support.tracking import Tracking
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import ModelBundle, resolve_model
from tidelab.tracking import (
    RegisteredVersion,
    TrackingError,
    load_version,
    promotion_status,
    register_bundle,
    request_promotion,
    withdraw_promotion,
)

SLUG = "flowcam-plankton"
API = "/api/2.0/mlflow"
LABELS = load_catalogue()[SLUG].label_names
_seed = iter(range(100, 1000))

HARNESS = """
import os, signal, sys
from tidelab import paths
from tidelab.tracking.connection import Connection
from tidelab.tracking.server.identity import Caller
from tidelab.tracking.server.models.promotion import Promotion
from tidelab.tracking.server.models.reconcile import Reconciler
from tidelab.tracking.server.models.records import Records
from tidelab.tracking.server.models.registry import Registry
act, step, first, second = sys.argv[1:]
def reached(done):
    if done == step:
        os.kill(os.getpid(), signal.SIGKILL)
registry = Registry(Connection(os.environ["TIDELAB_MLFLOW_URL"], os.environ["JUPYTERHUB_API_TOKEN"]))
promotion = Promotion(registry, Records(paths.data() / "promotion"), reached=reached)
maya = Caller("maya", "user", groups=frozenset({"maintainers-flowcam-plankton"}))
if act == "confirm":
    promotion.confirm(maya, first, "killed on the way", True)
elif act == "restore":
    promotion.restore(maya, first, second, "killed on the way")
else:
    reconciler = Reconciler(promotion)
    reconciler.run_once()
    print(reconciler.problems)
"""


def register(
    tracking: Tracking, folder: Path, who: str = "alice", **options: Any
) -> tuple[RegisteredVersion, ModelBundle]:
    bundle = tiny_bundle(folder / f"bundle-{next(_seed)}", next(_seed), **{"labels": LABELS, **options})
    with tracking.notebook(who):
        return register_bundle(bundle.folder, SLUG, who), bundle


def ask(tracking: Tracking, folder: Path, **options: Any) -> tuple[dict[str, Any], ModelBundle]:
    made, bundle = register(tracking, folder, **options)
    with tracking.notebook("alice"):
        return request_promotion(SLUG, made.name, made.version, "better on the test images"), bundle


def confirm(tracking: Tracking, request: dict[str, Any], who: str = "maya", **body: Any) -> Any:
    body = {"reason": "measured on the same test set", "acknowledge": True, **body}
    return tracking.ask(who, "POST", f"/api/promotions/{request['id']}/confirm", service="models", json=body)


def published(tracking: Tracking) -> dict[str, Any]:
    return dict(json.loads((tracking.champions / "champion.json").read_text()))


def alias(tracking: Tracking) -> str:
    answer = tracking.ask(
        "bob", "GET", f"{API}/registered-models/alias", params={"name": SLUG, "alias": "champion"}
    )
    return str(answer.json()["model_version"]["version"])


def assert_champion_is_whole(tracking: Tracking) -> dict[str, Any]:
    champion = published(tracking)
    assert ModelBundle.load(tracking.champions / champion["folder"]).digest == champion["digest"]
    return champion


def test_from_asking_to_every_analysis(tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    request, bundle = ask(tracking, tmp_path)
    assert request["status"] == "pending"
    for who in ("alice", "bob"):
        refused = confirm(tracking, request, who)
        assert refused.status_code == 403
        assert "Only a maintainer" in refused.json()["error"]
    assert confirm(tracking, request).status_code == 200

    champion = assert_champion_is_whole(tracking)
    assert champion["digest"] == bundle.digest
    assert champion["promoted_by"] == "maya"
    assert champion["note"] == "measured on the same test set"
    assert champion["version"] == alias(tracking)
    with tracking.notebook("alice"):
        assert promotion_status(request["id"])["status"] == "confirmed"
    with tracking.notebook("bob"):  # everybody reads a champion
        assert ModelBundle.load(load_version(SLUG, folder=tmp_path / "models")).digest == bundle.digest
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tracking.hub.data / "champions"))
    resolved = resolve_model(load_catalogue()[SLUG])
    assert (resolved.source, resolved.version, resolved.bundle.digest) == (
        "champion",
        champion["version"],
        bundle.digest,
    )
    assert confirm(tracking, request).status_code == 409  # decided once


def test_nobody_but_the_service_writes_a_protected_model(tracking: Tracking, tmp_path: Path):
    request, _ = ask(tracking, tmp_path)
    assert confirm(tracking, request).status_code == 200
    for who in ("alice", "bob", "maya"):
        for path, body in (
            ("registered-models/alias", {"name": SLUG, "alias": "champion", "version": "1"}),
            ("model-versions/create", {"name": SLUG, "source": f"models:/{SLUG}--alice/1"}),
            ("registered-models/update", {"name": SLUG, "description": "mine"}),
            ("registered-models/set-tag", {"name": SLUG, "key": "x", "value": "y"}),
        ):
            answer = tracking.ask(
                who, "POST" if path != "registered-models/update" else "PATCH", f"{API}/{path}", json=body
            )
            assert answer.status_code == 403, (who, path, answer.text)
        assert (
            tracking.ask(who, "DELETE", f"{API}/registered-models/delete", json={"name": SLUG}).status_code
            == 403
        )


def test_the_champions_files_are_no_longer_the_authors(tracking: Tracking, tmp_path: Path):
    made, bundle = register(tracking, tmp_path)
    with tracking.notebook("alice"):
        request = request_promotion(SLUG, made.name, made.version, "good")
    parameters = {"name": made.name, "version": made.version}
    version = tracking.ask("alice", "GET", f"{API}/model-versions/get", params=parameters).json()[
        "model_version"
    ]
    place = version["source"].removeprefix("mlflow-artifacts:/")
    overwritten = tracking.ask(
        "alice", "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}/model.onnx", data=b"other bytes"
    )
    assert overwritten.status_code == 200  # her own run; but what was reviewed is kept
    assert confirm(tracking, request).status_code == 200
    assert assert_champion_is_whole(tracking)["digest"] == bundle.digest
    with tracking.notebook("alice"):
        with pytest.raises(TrackingError, match="is not the file its card describes"):
            load_version(made.name, made.version, folder=tmp_path / "again")
        with pytest.raises(TrackingError, match="Register the bundle again"):
            request_promotion(SLUG, made.name, made.version, "the same again, tampered")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "not a model": ({"model": b"not onnx"}, "ONNX Runtime cannot load it"),
    "wrong number of labels": (
        {"labels": LABELS, "change": lambda card: card.update(labels=(*LABELS, "Extra"))},
        "labels",
    ),
    "wrong embedding": ({"change": lambda card: card.update(embedding_dim=9)}, "embeddings of 2 images"),
    "pickle beside it": ({"files": {"weights.pkl": b"\x80\x04."}}, "never code"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_unfit_bundle_is_refused_in_words(tracking: Tracking, tmp_path: Path, kind: str):
    options, words = BAD[kind]
    with pytest.raises(TrackingError, match=words):
        ask(tracking, tmp_path, **options)


def test_a_person_asks_for_their_own_models_only(tracking: Tracking, tmp_path: Path):
    made, _ = register(tracking, tmp_path)
    with tracking.notebook("bob"):
        with pytest.raises(TrackingError, match=r"your own model flowcam-plankton--bob"):
            request_promotion(SLUG, made.name, made.version, "not mine")
        with pytest.raises(TrackingError, match="no-such-case"):
            request_promotion("no-such-case", made.name, made.version, "x")
    with tracking.notebook("alice"):
        with pytest.raises(TrackingError, match="note is empty"):
            request_promotion(SLUG, made.name, made.version, "  ")
        with pytest.raises(TrackingError):
            request_promotion(SLUG, made.name, "999", "no such version")


def test_warnings_must_have_been_read(tracking: Tracking, tmp_path: Path):
    request, _ = ask(tracking, tmp_path, labels=(*LABELS[1:], "Unheard of"))
    assert any(LABELS[0] in text for text in request["warnings"])
    assert any("Unheard of" in text for text in request["warnings"])
    refused = confirm(tracking, request, acknowledge=False)
    assert refused.status_code == 409
    assert LABELS[0] in refused.json()["error"]
    assert confirm(tracking, request, reason=" ").status_code == 400
    assert confirm(tracking, request).status_code == 200


def test_decline_withdraw_and_who_sees_what(tracking: Tracking, tmp_path: Path):
    first, _ = ask(tracking, tmp_path)
    again = tracking.ask("alice", "POST", "/api/promotions", service="models", json={
        "use_case": SLUG, "registered_model": first["registered_model"], "version": first["version"], "note": "twice",
    })  # fmt: skip
    assert again.json()["id"] == first["id"]
    assert tracking.ask("bob", "GET", f"/api/promotions/{first['id']}", service="models").status_code == 404
    listed = tracking.ask("bob", "GET", "/api/promotions", service="models").json()["promotions"]
    assert first["id"] not in {entry["id"] for entry in listed}
    declined = tracking.ask(
        "maya",
        "POST",
        f"/api/promotions/{first['id']}/decline",
        service="models",
        json={"reason": "too few images"},
    )
    assert declined.json()["reason"] == "too few images"
    second, _ = ask(tracking, tmp_path)
    with tracking.notebook("bob"), pytest.raises(TrackingError, match="Only the person who asked"):
        withdraw_promotion(second["id"])
    with tracking.notebook("alice"):
        assert withdraw_promotion(second["id"])["status"] == "withdrawn"
    assert confirm(tracking, second).status_code == 409


def test_restoring_the_previous_champion(tracking: Tracking, tmp_path: Path):
    for _ in range(2):
        request, _bundle = ask(tracking, tmp_path)
        assert confirm(tracking, request).status_code == 200
    now = published(tracking)
    body = {"version": now["previous"], "reason": "the new one misses Tripos"}
    for who in ("alice", "bob"):
        refused = tracking.ask(who, "POST", f"/api/champions/{SLUG}/restore", service="models", json=body)
        assert refused.status_code == 403
    assert (
        tracking.ask(
            "maya", "POST", f"/api/champions/{SLUG}/restore", service="models", json=body
        ).status_code
        == 200
    )
    restored = assert_champion_is_whole(tracking)
    assert restored["version"] == now["previous"] == alias(tracking)
    assert restored["previous"] == now["version"]
    for version in (restored["version"], "9999", "../x"):
        answer = tracking.ask(
            "maya",
            "POST",
            f"/api/champions/{SLUG}/restore",
            service="models",
            json={"version": version, "reason": "x"},
        )
        assert answer.status_code in (404, 409)
    history = [
        json.loads(line)
        for line in (tracking.hub.data / "promotion" / "audit.jsonl").read_text().splitlines()
    ]
    assert [entry["what"] for entry in history[-2:]] == ["restoring", "restored"]
    assert history[-1]["who"] == "maya"
    assert history[-1]["why"] == "the new one misses Tripos"


@pytest.mark.parametrize("step", ["copied", "stored", "alias", "published"])
def test_a_promotion_killed_at_any_step_leaves_a_valid_champion(
    tracking: Tracking, tmp_path: Path, step: str
):
    first, _ = ask(tracking, tmp_path)
    assert confirm(tracking, first).status_code == 200
    old = published(tracking)
    request, bundle = ask(tracking, tmp_path)
    killed = tracking.as_service(HARNESS, "confirm", step, request["id"], "")
    assert killed.returncode == -9, killed.stderr
    assert assert_champion_is_whole(tracking)["version"] in (old["version"], alias(tracking))

    done = tracking.as_service(HARNESS, "reconcile", "", "", "")
    assert done.stdout.strip() == "{}", done.stdout + done.stderr
    champion = assert_champion_is_whole(tracking)
    assert champion["version"] == alias(tracking)
    with tracking.notebook("alice"):
        status = promotion_status(request["id"])["status"]
    if step in (
        "copied",
        "stored",
    ):  # the alias decides: not set, so nothing happened, and it can be confirmed again
        assert (champion["version"], status) == (old["version"], "pending")
        assert confirm(tracking, request).status_code == 200
        champion = assert_champion_is_whole(tracking)
        assert (
            int(champion["version"]) == int(old["version"]) + 1
        )  # the copy in the registry was used, not made twice
    else:
        assert (champion["digest"], status) == (bundle.digest, "confirmed")
        assert champion["promoted_by"] == "maya"


@pytest.mark.parametrize("step", ["stored", "alias"])
def test_a_restoration_killed_at_any_step(tracking: Tracking, tmp_path: Path, step: str):
    for _ in range(2):
        request, _bundle = ask(tracking, tmp_path)
        assert confirm(tracking, request).status_code == 200
    now = published(tracking)
    killed = tracking.as_service(HARNESS, "restore", step, SLUG, now["previous"])
    assert killed.returncode == -9, killed.stderr
    assert_champion_is_whole(tracking)
    tracking.as_service(HARNESS, "reconcile", "", "", "")
    assert (
        assert_champion_is_whole(tracking)["version"]
        == alias(tracking)
        == now["previous" if step == "alias" else "version"]
    )


def test_an_alias_set_by_an_administrator_is_followed_by_the_running_service(
    tracking: Tracking, tmp_path: Path
):
    for _ in range(2):
        request, _bundle = ask(tracking, tmp_path)
        assert confirm(tracking, request).status_code == 200
    now = published(tracking)
    body = {"name": SLUG, "alias": "champion", "version": now["previous"]}
    assert tracking.ask("admin", "POST", f"{API}/registered-models/alias", json=body).status_code == 200
    wait_for(
        lambda: published(tracking)["version"] == now["previous"], "the champion to follow its alias", 60, 0.5
    )
    assert_champion_is_whole(tracking)


def test_an_alias_on_something_unfit_is_said_and_not_followed(tracking: Tracking, tmp_path: Path):
    request, _bundle = ask(tracking, tmp_path)
    assert confirm(tracking, request).status_code == 200
    now = published(tracking)
    tracking.ask("admin", "POST", f"{API}/experiments/create", json={"name": "byhand/admin"})
    experiment = tracking.ask(
        "admin", "GET", f"{API}/experiments/get-by-name", params={"experiment_name": "byhand/admin"}
    ).json()
    run = tracking.ask(
        "admin",
        "POST",
        f"{API}/runs/create",
        json={"experiment_id": experiment["experiment"]["experiment_id"]},
    )
    info = run.json()["run"]["info"]
    body = {"name": SLUG, "source": info["artifact_uri"], "run_id": info["run_id"]}
    version = tracking.ask("admin", "POST", f"{API}/model-versions/create", json=body).json()[
        "model_version"
    ]["version"]
    body = {"name": SLUG, "alias": "champion", "version": version}
    assert tracking.ask("admin", "POST", f"{API}/registered-models/alias", json=body).status_code == 200
    try:
        done = tracking.as_service(HARNESS, "reconcile", "", "", "")
        assert "The published champion stays as it is" in done.stdout
        assert published(tracking) == now
    finally:
        body = {"name": SLUG, "alias": "champion", "version": now["version"]}
        tracking.ask("admin", "POST", f"{API}/registered-models/alias", json=body)


def test_a_damaged_published_folder_is_put_back(tracking: Tracking, tmp_path: Path):
    request, _bundle = ask(tracking, tmp_path)
    assert confirm(tracking, request).status_code == 200
    folder = tracking.champions / published(tracking)["folder"]
    shutil.rmtree(folder)
    tracking.as_service(HARNESS, "reconcile", "", "", "")
    assert_champion_is_whole(tracking)


def test_racing_confirmations_happen_one_after_the_other(tracking: Tracking, tmp_path: Path):
    requests = [ask(tracking, tmp_path)[0] for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda one: confirm(tracking, one, ("maya", "admin")[hash(one["id"]) % 2]), requests * 2)
        )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 409, 409, 409]
    champion = assert_champion_is_whole(tracking)
    assert champion["version"] == alias(tracking)
    versions = {answer.json()["champion_version"] for answer in answers if answer.status_code == 200}
    assert len(versions) == 3
    assert champion["version"] == max(versions, key=int)


def test_a_dead_mlflow_is_said_and_changes_nothing(tracking: Tracking, tmp_path: Path):
    request, _bundle = ask(tracking, tmp_path)
    before = published(tracking)
    program = HARNESS.replace('os.environ["TIDELAB_MLFLOW_URL"]', '"http://127.0.0.1:9/services/mlflow"')
    started = time.monotonic()
    failed = tracking.as_service(program, "confirm", "", request["id"], "")
    assert "MLflow is not reachable" in failed.stderr
    assert time.monotonic() - started < 30
    assert "not reachable" in tracking.as_service(program, "reconcile", "", "", "").stdout
    assert published(tracking) == before
    assert paths.safe_name(SLUG) == tracking.champions.name
