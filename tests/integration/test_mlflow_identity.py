"""MLflow behind the hub: who is let in, and that nobody reaches another person's work by any route."""

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.support.tiny_model import tiny_bundle
from tests.support.tracking import Tracking
from tidelab.tracking import register_bundle, training_run

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16


@dataclass(frozen=True)
class Work:
    """What alice did, once for all tests."""

    experiment: str
    run: str
    model: str
    version: str
    bundle: str

    @property
    def artifact(self) -> str:
        return f"{self.experiment}/{self.run}/artifacts/{self.bundle}/card.json"


@pytest.fixture(scope="module")
def work(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("alice")
    with tracking.notebook("alice"):
        with training_run(
            "flowcam-plankton", data_digest="ab" * 32, params={"seed": 1}, folder=folder
        ) as run:
            run.log_metrics({"loss": 0.5}, step=1)
            run.log_figure("confusion", PNG)
        assert run.recorded, run.notice
        bundle = tiny_bundle(folder / "bundle")
        made = register_bundle(bundle.folder, "flowcam-plankton", run=run)
    assert made.name == "flowcam-plankton--alice"
    assert run.experiment_id
    assert run.run_id
    place = f"bundle-{bundle.digest.removeprefix('sha256:')[:12]}"
    return Work(run.experiment_id, run.run_id, made.name, made.version, place)


def routes(work: Work) -> dict[str, tuple[str, str, dict[str, object]]]:
    """Every way to one run, its artifacts and its model that MLflow offers."""
    run, name = {"run_id": work.run}, {"name": work.model, "version": work.version}
    card = f"{work.bundle}/card.json"
    return {
        "experiment": ("GET", f"{API}/experiments/get", {"params": {"experiment_id": work.experiment}}),
        "experiment by name": (
            "GET", f"{API}/experiments/get-by-name", {"params": {"experiment_name": "flowcam-plankton/alice"}},
        ),
        "rename experiment": (
            "POST", f"{API}/experiments/update",
            {"json": {"experiment_id": work.experiment, "new_name": "flowcam-plankton/alice"}},
        ),
        "run": ("GET", f"{API}/runs/get", {"params": run}),
        "run in the page": ("GET", "/ajax-api/2.0/mlflow/runs/get", {"params": run}),
        "log metric": ("POST", f"{API}/runs/log-metric", {"json": {**run, "key": "x", "value": 1, "timestamp": 1}}),
        "set tag": ("POST", f"{API}/runs/set-tag", {"json": {**run, "key": "x", "value": "y"}}),
        "metric history": ("GET", f"{API}/metrics/get-history", {"params": {**run, "metric_key": "loss"}}),
        "metric histories": (
            "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", {"params": {**run, "metric_key": "loss"}},
        ),
        "list artifacts": ("GET", f"{API}/artifacts/list", {"params": run}),
        "get artifact": ("GET", "/get-artifact", {"params": {**run, "path": card}}),
        "upload in the page": (
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", {"params": {"run_uuid": work.run, "path": "x.txt"}, "data": b"x"},
        ),
        "download": ("GET", f"{PROXY}/{work.artifact}", {}),
        "download in the page": ("GET", f"/ajax{PROXY.replace('/api', '-api', 1)}/{work.artifact}", {}),
        "list folder": ("GET", PROXY, {"params": {"path": f"{work.experiment}/{work.run}/artifacts"}}),
        "upload": ("PUT", f"{PROXY}/{work.experiment}/{work.run}/artifacts/by-upload.txt", {"data": b"x"}),
        "model": ("GET", f"{API}/registered-models/get", {"params": {"name": work.model}}),
        "version": ("GET", f"{API}/model-versions/get", {"params": name}),
        "tag version": ("POST", f"{API}/model-versions/set-tag", {"json": {**name, "key": "x", "value": "y"}}),
        "set alias": ("POST", f"{API}/registered-models/alias", {"json": {**name, "alias": "mine"}}),
        "version artifact": ("GET", "/model-versions/get-artifact", {"params": {**name, "path": "card.json"}}),
        "download uri": ("GET", f"{API}/model-versions/get-download-uri", {"params": name}),
    }  # fmt: skip


ROUTES = sorted(routes(Work("", "", "", "", "")))


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_serves_its_owner_alone(tracking: Tracking, work: Work, route: str):
    method, path, options = routes(work)[route]
    anonymous, stranger, owner = (
        tracking.ask(who, method, path, **options) for who in (None, "bob", "alice")
    )  # type: ignore[arg-type]
    assert anonymous.status_code == 401
    assert stranger.status_code == 403, stranger.text
    assert owner.status_code == 200, owner.text


def test_deleting_artifacts_is_the_owners(tracking: Tracking, work: Work):
    path = f"{PROXY}/{work.experiment}/{work.run}/artifacts/to-delete.txt"
    assert tracking.ask("alice", "PUT", path, data=b"x").status_code == 200
    for who, status in ((None, 401), ("bob", 403), ("alice", 200)):
        assert tracking.ask(who, "DELETE", path).status_code == status


def test_searches_show_a_stranger_nothing(tracking: Tracking, work: Work):
    searches = (
        ("POST", f"{API}/runs/search", {"json": {"experiment_ids": [work.experiment]}}, "runs"),
        (
            "GET",
            f"{API}/model-versions/search",
            {"params": {"filter": f"name='{work.model}'"}},
            "model_versions",
        ),
        ("GET", f"{API}/registered-models/search", {}, "registered_models"),
        ("GET", f"{API}/experiments/search", {"params": {"max_results": 100}}, "experiments"),
    )
    for method, path, options, field in searches:
        found = {
            who: tracking.ask(who, method, path, **options).json().get(field, []) for who in ("alice", "bob")
        }  # type: ignore[arg-type]
        assert found["alice"], path
        assert not any(
            entry.get("name") == work.model or work.run in json.dumps(entry) for entry in found["bob"]
        ), path


def test_graphql_shows_a_stranger_nothing(tracking: Tracking, work: Work):
    queries = (
        f'query {{ mlflowGetRun(input: {{runId: "{work.run}"}}) {{ run {{ info {{ runName }} }} }} }}',
        f'query {{ mlflowGetExperiment(input: {{experimentId: "{work.experiment}"}}) {{ experiment {{ name }} }} }}',
        f'query {{ mlflowSearchRuns(input: {{experimentIds: ["{work.experiment}"]}}) {{ runs {{ info {{ runName }} }} }} }}',
        f'query {{ mlflowListArtifacts(input: {{runId: "{work.run}"}}) {{ files {{ path }} }} }}',
    )
    for query in queries:
        owner = tracking.ask("alice", "POST", "/graphql", json={"query": query}).json()["data"]
        stranger = tracking.ask("bob", "POST", "/graphql", json={"query": query}).json()["data"]
        assert all(owner.values()), query
        assert not any(stranger.values()), query
    assert tracking.ask(None, "POST", "/graphql", json={"query": queries[0]}).status_code == 401


def test_the_first_requests_may_come_at_once(tracking: Tracking):
    assert tracking.first_answers == [200] * 12


def _raw(tracking: Tracking, who: str | None, method: str, path: str, *, port: int | None = None) -> int:
    """Send a path as it is, without the tidying of an HTTP library."""
    address = urlsplit(tracking.hub.url)
    connection = http.client.HTTPConnection("127.0.0.1", port or address.port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", address.netloc)
    if who:
        connection.putheader("Authorization", f"Bearer {tracking.tokens[who]}")
    body = b"overwritten" if method == "PUT" else None
    connection.putheader("Content-Length", str(len(body or b"")))
    connection.endheaders(body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_no_spelling_of_a_path_reaches_another_persons_artifacts(tracking: Tracking, work: Work):
    root = tracking.hub.data / "mlflow"
    before = {file: file.read_bytes() for file in (root / "artifacts").rglob("*") if file.is_file()}
    with_dots = f"99/../{work.artifact}"
    spellings = (
        work.artifact, f"./{work.artifact}", f"//{work.artifact}", with_dots, with_dots.replace("..", "%2e%2e"),
        with_dots.replace("/..", "%2f.."), with_dots.replace("..", "%252e%252e"), f"%25{ord(work.artifact[0]):x}{work.artifact[1:]}",
        f"{work.artifact}%00", "../auth.db", "..%2fauth.db", "%2e%2e/auth.db", "..%5cauth.db", "%252e%252e%252fauth.db",
        "/etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd",
    )  # fmt: skip
    for spelling in spellings:
        for method in ("GET", "PUT", "DELETE"):
            status = _raw(tracking, "bob", method, f"/services/mlflow{PROXY}/{spelling}")
            assert status in (400, 403, 404, 405), (method, spelling, status)
            assert _raw(tracking, None, method, f"/services/mlflow{PROXY}/{spelling}") in (400, 401, 404, 405)
        listed = tracking.ask("bob", "GET", PROXY, params={"path": spelling})
        assert listed.status_code in (400, 403), (spelling, listed.text)
    assert {file: file.read_bytes() for file in (root / "artifacts").rglob("*") if file.is_file()} == before


def test_an_owner_cannot_leave_the_artifact_folder_either(tracking: Tracking, work: Work):
    for spelling in (
        f"{work.experiment}/../../auth.db",
        f"{work.experiment}/%2e%2e/%2e%2e/auth.db",
        f"{work.experiment}/..%2f..%2fauth.db",
    ):
        for method in ("GET", "PUT"):
            assert _raw(tracking, "alice", method, f"/services/mlflow{PROXY}/{spelling}") in (
                400,
                403,
                404,
            ), (method, spelling)


def test_the_ports_unprefixed_routes_are_closed(tracking: Tracking, work: Work):
    port = urlsplit(tracking.service_environment("mlflow")["JUPYTERHUB_SERVICE_URL"]).port
    assert _raw(tracking, "alice", "GET", f"/services/mlflow{PROXY}/{work.artifact}", port=port) == 200
    assert _raw(tracking, "alice", "GET", f"{PROXY}/{work.artifact}", port=port) == 404


@pytest.mark.parametrize("token", ["", "nonsense", "a" * 600, "x\u00e9"])
def test_bad_tokens_are_401_with_a_sentence(tracking: Tracking, token: str):
    headers = {"Authorization": f"Bearer {token}".encode()}
    for service in ("mlflow", "models"):
        path = f"{API}/experiments/search" if service == "mlflow" else "/api/champions"
        answer = tracking.ask(None, "GET", path, service=service, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert "Bearer <hub token>" in answer.text


def test_a_token_without_the_services_scope_is_refused(tracking: Tracking):
    headers = {"Authorization": f"Bearer {tracking.token('alice', ['read:users!user'])}"}
    assert tracking.ask(None, "GET", f"{API}/experiments/search", headers=headers).status_code == 401
    assert tracking.ask(None, "GET", "/api/champions", service="models", headers=headers).status_code == 401


def test_a_password_is_no_way_in(tracking: Tracking):
    import base64

    for pair in ("admin:password1234", f"alice:{tracking.tokens['alice']}", "service:models:x"):
        headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        assert tracking.ask(None, "GET", f"{API}/experiments/search", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "name", ["flowcam-plankton", "flowcam-plankton--alice", "zooscan", "a--b--bob", "x--BOB", "--alice"]
)
def test_model_names_of_others_cannot_be_taken(tracking: Tracking, work: Work, name: str):
    answer = tracking.ask("bob", "POST", f"{API}/registered-models/create", json={"name": name})
    assert answer.status_code == 403
    assert "--bob" in answer.json()["message"]
    double = json.dumps(
        json.dumps({"name": name})
    )  # MLflow decodes a doubly encoded body, so the rule must too
    headers = {"Content-Type": "application/json"}
    assert (
        tracking.ask(
            "bob", "POST", f"{API}/registered-models/create", data=double, headers=headers
        ).status_code
        == 403
    )


def test_a_model_cannot_be_renamed_to_a_name_of_others(tracking: Tracking, work: Work):
    assert (
        tracking.ask("bob", "POST", f"{API}/registered-models/create", json={"name": "zoo--bob"}).status_code
        == 200
    )
    for field in ("new_name", "newName"):
        for name in ("flowcam-plankton", "zoo--alice", "zoo"):
            body = {"name": "zoo--bob", field: name}
            assert (
                tracking.ask("bob", "POST", f"{API}/registered-models/rename", json=body).status_code == 403
            )
    body = {"name": "zoo--bob", "new_name": "zoo2--bob"}
    assert tracking.ask("bob", "POST", f"{API}/registered-models/rename", json=body).status_code == 200


@pytest.mark.parametrize(
    "name", ["flowcam-plankton/alice", "flowcam-plankton", "a/b/bob", "bob", "champions/service:models"]
)
def test_experiment_names_of_others_cannot_be_taken(tracking: Tracking, name: str):
    assert tracking.ask("bob", "POST", f"{API}/experiments/create", json={"name": name}).status_code == 403


def test_an_experiment_cannot_be_renamed_to_a_name_of_others(tracking: Tracking):
    made = tracking.ask("bob", "POST", f"{API}/experiments/create", json={"name": "rename/bob"}).json()[
        "experiment_id"
    ]
    for field in ("new_name", "newName"):
        body = {"experiment_id": made, field: "zooscan/alice"}
        assert tracking.ask("bob", "POST", f"{API}/experiments/update", json=body).status_code == 403


def test_an_experiment_cannot_be_pointed_at_anothers_artifacts(tracking: Tracking, work: Work):
    for field in ("artifact_location", "artifactLocation"):
        for place in (f"mlflow-artifacts:/{work.experiment}", "file:///etc", "/etc", "http://127.0.0.1:9/"):
            body = {"name": "peek/bob", field: place}
            answer = tracking.ask("bob", "POST", f"{API}/experiments/create", json=body)
            assert answer.status_code == 403, (body, answer.text)


def test_a_version_cannot_be_made_of_anothers_files(tracking: Tracking, work: Work):
    tracking.ask("bob", "POST", f"{API}/registered-models/create", json={"name": "steal--bob"})
    sources = (
        {"source": f"mlflow-artifacts:/{work.artifact.rpartition('/')[0]}"},
        {"source": f"mlflow-artifacts:/{work.artifact.rpartition('/')[0]}", "run_id": work.run},
        {"source": f"runs:/{work.run}/bundle", "run_id": work.run},
        {"source": f"models:/{work.model}/{work.version}"},
        {"source": "file:///etc"},
        {"source": "/etc"},
        {"source": "http://127.0.0.1:9/x"},
    )
    for source in sources:
        answer = tracking.ask(
            "bob", "POST", f"{API}/model-versions/create", json={"name": "steal--bob", **source}
        )
        assert answer.status_code in (400, 403), (source, answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/assistant/message", "/gateway/x/mlflow/invocations", f"{API}/webhooks", "/signup",
        "/ajax-api/3.0/jobs/search", f"{API}/users/create", f"{API}/users/update-admin", f"{API}/roles/create",
        f"{API}/users/update-password", "/api/3.0/mlflow/traces", "/v1/traces", f"{API}/runs/create-promptlab-run",
        "/ajax-api/2.0/mlflow/runs/create-promptlab-run", "/metrics", "/nonsense",
    ],
)  # fmt: skip
def test_what_is_not_used_is_not_reachable_even_for_an_administrator(tracking: Tracking, path: str):
    for method in ("GET", "POST", "PATCH"):
        assert tracking.ask("admin", method, path, json={} if method != "GET" else None).status_code == 404


def test_administrators_are_those_of_the_hub_at_this_moment(tracking: Tracking, work: Work):
    path, options = f"{API}/runs/get", {"params": {"run_id": work.run}}
    tracking.hub.client("dora", admin=True).signed_in()
    tracking.tokens["dora"] = tracking.token("dora")
    assert tracking.ask("dora", "GET", path, **options).status_code == 200  # type: ignore[arg-type]
    _take_admin_from(tracking, "dora")
    tracking.tokens["dora"] = tracking.token("dora")
    assert tracking.ask("dora", "GET", path, **options).status_code == 403  # type: ignore[arg-type]


def _take_admin_from(tracking: Tracking, name: str) -> None:
    """Do what an administrator does on the hub's admin page."""
    session = tracking.hub.admin.session
    xsrf = next(
        cookie.value for cookie in session.cookies if cookie.name == "_xsrf" and cookie.path == "/hub/"
    )
    answer = session.patch(
        f"{tracking.hub.url}hub/api/users/{name}", json={"admin": False}, params={"_xsrf": xsrf or ""},
        headers={"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Site": "same-origin", "Referer": f"{tracking.hub.url}hub/admin"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def test_a_token_taken_back_works_no_longer_than_the_answer_is_remembered(tracking: Tracking):
    made = tracking.hub.api(
        "POST", "users/bob/tokens", json={"scopes": ["access:services!service=mlflow"]}
    ).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert tracking.ask(None, "GET", "/version", headers=headers).status_code == 200
    tracking.hub.api("DELETE", f"users/bob/tokens/{made['id']}").raise_for_status()
    deadline = time.monotonic() + 32
    while tracking.ask(None, "GET", "/version", headers=headers).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(1)


def test_the_model_services_token_reads_models_and_nothing_of_a_person(tracking: Tracking, work: Work):
    token = tracking.service_environment("models")["JUPYTERHUB_API_TOKEN"]
    headers = {"Authorization": f"Bearer {token}"}
    readable = {"version", "model", "version artifact", "download uri"}
    for route, (method, path, options) in routes(work).items():
        status = tracking.ask(None, method, path, headers=headers, **options).status_code  # type: ignore[arg-type]
        assert status == (200 if route in readable else 403), route


def test_foreign_hosts_and_origins_are_refused(tracking: Tracking):
    assert (
        tracking.ask(
            "alice", "GET", f"{API}/experiments/search", headers={"Host": "evil.example"}
        ).status_code
        == 403
    )
    body, headers = {"name": "origin/alice"}, {"Origin": "https://evil.example"}
    assert (
        tracking.ask("alice", "POST", f"{API}/experiments/create", json=body, headers=headers).status_code
        == 403
    )


def test_secrets_are_for_their_owner_alone(tracking: Tracking):
    folder = tracking.hub.data / "mlflow"
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("flask_secret", "cookie_secret"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    tokens = [tracking.tokens["alice"], tracking.service_environment("mlflow")["JUPYTERHUB_API_TOKEN"]]
    assert not any(token in tracking.hub.log for token in tokens)
