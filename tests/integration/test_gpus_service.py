"""The service `gpus` on a real hub with simulated GPUs: shown, warned, kept, given back; nobody touches what is another's."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.hub import HubClient, RunningHub, wait_for
from tidehub import audit
from tidelab import paths
from tidelab.leases.book import Book

SLUG = "gpu-plankton"
WARN_S, RELEASE_S, KEEP_S = 6, 15, 10


def with_gpu_flavour(folder: Path) -> Path:
    """A use case like the worked example, with a size of server that leases a GPU."""
    shutil.copytree(paths.checkout() / "notebooks" / "flowcam-plankton", folder / SLUG)
    file = folder / SLUG / "usecase.yaml"
    flavours = "  flavours:\n    card: {title: One GPU, cpu: 1, memory_gb: 4, gpu: 1, stacks: [analyse]}\n"
    text = file.read_text().replace("  flavours:\n", flavours)
    file.write_text(text.replace("flowcam-plankton", SLUG))
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {
        "TIDELAB_USECASES": str(with_gpu_flavour(tmp_path_factory.mktemp("cases"))),
        "TIDEHUB_GPUS": "simulated:3",
        "TIDEHUB_GPU_WARN_MINUTES": str(WARN_S / 60),
        "TIDEHUB_GPU_RELEASE_MINUTES": str(RELEASE_S / 60),
        "TIDEHUB_GPU_KEEP_MINUTES": str(KEEP_S / 60),
        "TIDEHUB_GPU_KEEP_TIMES": "1",
        "TIDEHUB_GPU_SAMPLE_SECONDS": "1",
        "TIDEHUB_IDLE_MINUTES": "0",
    }
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("gpus",), **settings) as running:
        wait_for(
            lambda: requests.get(f"{running.url}services/gpus/", timeout=10).status_code < 500, "gpus", 30
        )
        yield running


class Api:
    """One token's view of the service."""

    def __init__(self, hub: RunningHub, token: str) -> None:
        self._url, self._token = f"{hub.url}services/gpus/", token

    def __call__(self, method: str, path: str, **kwargs: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, self._url + path, headers=headers, timeout=60, **kwargs)  # type: ignore[arg-type]

    def mine(self) -> dict[str, object]:
        answer = wait_for(lambda: self._if_up("GET", "api/mine"), "the service", 60)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def _if_up(self, method: str, path: str) -> requests.Response | None:
        answer = self(method, path)
        return answer if answer.status_code < 500 else None

    def lease(self) -> dict[str, object] | None:
        found = self.mine()["leases"]
        return found[0] if found else None  # type: ignore[index]

    def warning(self) -> dict[str, object] | None:
        lease = self.lease()
        return lease["warning"] if lease else None  # type: ignore[return-value]


def api_of(client: HubClient) -> Api:
    made = client.hub.api("POST", f"users/{client.name}/tokens", json={"note": "test"}).json()
    return Api(client.hub, made["token"])


def pid_of(client: HubClient) -> int:
    state = client.hub.api("GET", f"users/{client.name}").json()["servers"][SLUG]["state"]
    return int(state["pid"])


@pytest.fixture(scope="module")
def bob(hub: RunningHub) -> Iterator[HubClient]:
    """Holds a GPU and uses it all the time."""
    client = hub.client("bob").signed_in()
    client.open_lab(SLUG, "card")
    lease = Book(hub.data / "gpus" / "leases.sqlite").find("bob", SLUG)
    assert lease is not None
    use = hub.data / "gpus" / "simulated" / lease.held[0].device / str(pid_of(client))
    use.parent.mkdir(parents=True)
    use.write_text(json.dumps({"memory_mb": 2000, "busy": 0.5}))
    stop = threading.Event()

    def compute() -> None:
        while not stop.wait(2):
            use.touch()

    thread = threading.Thread(target=compute)
    thread.start()
    yield client
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    client = hub.client("ada").signed_in()
    client.open_lab(SLUG, "card")
    return client


def test_a_lease_is_shown_to_its_holder_alone(hub: RunningHub, bob: HubClient, ada: HubClient) -> None:
    bobs, adas = api_of(bob), api_of(ada)
    wait_for(lambda: (bobs.lease() or {}).get("busy_share"), "bob's use to be measured", 20)
    mine = bobs.mine()
    (lease,) = mine["leases"]  # type: ignore[misc]
    assert lease["server"] == SLUG
    assert [device["name"] for device in lease["devices"]] == ["Simulated GPU"]
    assert lease["busy_share"] == pytest.approx(0.5, abs=0.3)
    assert lease["memory_mb"] == 2000
    assert "simulated" in lease["promise"]
    assert "promise and not isolation" in lease["promise"]
    assert mine["free"] == [{"kind": "whole", "profile": "", "free": 1, "total": 3, "waiting": 0}]
    assert adas.lease()["id"] != lease["id"]  # type: ignore[index]
    # The simulated card computes at times; the page says what the last sample saw.
    page = wait_for(
        lambda: next((p for p in [bob.get("services/gpus/")] if "in use: the card computes" in p.text), None),
        "the page to say that the card computes",
    )
    assert "Simulated GPU" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_strangers_and_others_may_not(hub: RunningHub, bob: HubClient, ada: HubClient) -> None:
    stranger = requests.get(f"{hub.url}services/gpus/", timeout=30, allow_redirects=False)
    assert stranger.status_code == 302
    for path in ("api/mine", "api/all", "metrics"):
        answer = requests.get(f"{hub.url}services/gpus/{path}", timeout=30)
        assert answer.status_code in (401, 403), path
    lease = str(api_of(bob).lease()["id"])  # type: ignore[index]
    adas = api_of(ada)
    assert adas("POST", f"api/leases/{lease}/keep").status_code == 403
    assert adas("POST", f"api/leases/{lease}/renew").status_code == 403
    assert adas("DELETE", f"api/leases/{lease}").status_code == 403
    assert adas("GET", "api/all").status_code == 403
    assert adas("GET", "metrics").status_code == 403
    assert ada.get("services/gpus/all").status_code == 403
    # Without the page's hidden token a browser's cookie does nothing.
    assert ada.session.post(f"{hub.url}services/gpus/", data={"lease": lease}, timeout=30).status_code == 403


def test_a_servers_token_reads_its_own_and_no_more(hub: RunningHub, bob: HubClient) -> None:
    inside = Api(hub, psutil.Process(pid_of(bob)).environ()["JUPYTERHUB_API_TOKEN"])
    assert inside.lease()["server"] == SLUG  # type: ignore[index]
    assert inside("GET", "api/all").status_code == 403
    assert inside("GET", "metrics").status_code == 403


def test_an_idle_gpu_is_warned_about_kept_once_and_given_back(
    hub: RunningHub, bob: HubClient, ada: HubClient
) -> None:
    adas = api_of(ada)
    before = pid_of(ada)
    note = hub.data / "homes" / "ada" / "note.txt"
    note.write_text("mine")
    warning = wait_for(adas.warning, "the warning", 60)
    assert "Nothing has used your GPU" in warning["text"]
    assert warning["release_at"] > time.time()
    lease = str(adas.lease()["id"])  # type: ignore[index]

    page = ada.get("services/gpus/").text
    assert "Keep it for" in page
    bobs = str(api_of(bob).lease()["id"])  # type: ignore[index]
    assert ada.post_form("services/gpus/", "services/gpus/", lease=bobs).status_code == 403
    kept = ada.post_form("services/gpus/", "services/gpus/", lease=lease)
    assert kept.ok
    assert "Kept for you until" in kept.text
    assert adas.warning() is None
    warning = wait_for(adas.warning, "the second warning", 60)
    shown = adas.lease()
    assert shown is not None
    assert not shown["can_keep"]
    answer = adas("POST", f"api/leases/{lease}/keep")
    assert answer.status_code == 409
    assert "as often as the hub allows" in answer.json()["message"]

    def restarted() -> bool:
        server = ada.ready_server(SLUG)
        return bool(server and server["user_options"]["resources"] == "small")

    wait_for(restarted, "the server without GPU", 90)
    assert time.time() >= warning["release_at"] - 1, "never before what the warning said"
    assert pid_of(ada) != before
    assert note.read_text() == "mine"
    assert adas.lease() is None
    (notice,) = adas.mine()["notices"]  # type: ignore[misc]
    assert "was given back at" in notice["text"]
    assert "nothing had used it" in notice["text"]
    assert "Your files are as you left them" in notice["text"]
    page = ada.post_form("services/gpus/", "services/gpus/", action="read", notice=notice["id"])
    assert "was given back at" not in page.text
    book = Book(hub.data / "gpus" / "leases.sqlite")
    assert book.find("ada", SLUG) is None
    assert bob.ready_server(SLUG), "a card that computes is nobody's to take"
    assert api_of(bob).warning() is None


def test_seconds_and_metrics(hub: RunningHub, bob: HubClient) -> None:
    used = api_of(bob).mine()["used"]
    assert isinstance(used, dict)
    assert used["allocated_s"] > RELEASE_S
    assert used["held_s"] <= used["allocated_s"] + 1
    assert 0.3 * used["held_s"] < used["busy_s"] < 0.7 * used["held_s"]
    admins = api_of(hub.admin.signed_in())
    text = admins("GET", "metrics").text
    figures = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert figures[("tidelab_gpu_places", ("kind", "whole"), ("profile", ""))] == 3
    busy = figures[("tidelab_gpu_busy_seconds_total", ("use_case", SLUG))]
    assert 0 < busy <= figures[("tidelab_gpu_allocated_seconds_total", ("use_case", SLUG))]
    assert figures[("tidelab_gpu_leases", ("state", "active"), ("use_case", SLUG))] == 1
    assert "bob" not in text


def test_batch_runs_lease_from_the_same_book(hub: RunningHub, bob: HubClient) -> None:
    carl, dora = (api_of(hub.client(name).signed_in()) for name in ("carl", "dora"))
    first = carl("POST", "api/leases", json={"kind": "whole", "use_case": "flowcam-plankton"})
    assert first.status_code == 200, first.text
    lease = first.json()
    assert lease["deadline"] > time.time()
    assert (
        carl("POST", "api/leases", json={"run": lease["run"], "use_case": "flowcam-plankton"}).json()["id"]
        == lease["id"]
    )
    assert dora("POST", f"api/leases/{lease['id']}/renew").status_code == 403
    assert carl("POST", f"api/leases/{lease['id']}/renew").json()["deadline"] >= lease["deadline"]
    second = dora("POST", "api/leases", json={"run": "night-1"})
    assert second.status_code == 200, second.text
    erik = api_of(hub.client("erik").signed_in())
    waiting = erik("POST", "api/leases", json={"run": "night-2"})
    assert waiting.status_code == 202, waiting.text
    assert waiting.json()["ticket"]["position"] == 1
    assert carl("DELETE", f"api/leases/{lease['id']}").status_code == 204
    got = erik("POST", "api/leases", json={"run": "night-2", "wait": 10})
    assert got.status_code == 200, got.text
    assert erik("DELETE", f"api/leases/{got.json()['id']}").status_code == 204
    assert dora("DELETE", f"api/leases/{second.json()['id']}").status_code == 204
    for body, words in (
        ({"kind": "gold"}, "kind is"),
        ({"count": 0}, "count is"),
        ({"color": 1}, "takes"),
        ({"run": "../x"}, "run has"),
        ([], "object"),
    ):
        refused = carl("POST", "api/leases", json=body)
        assert refused.status_code == 400
        assert words in refused.json()["message"]
    none = carl("POST", "api/leases", json={"kind": "mig", "profile": "1g.10gb"})
    assert none.status_code == 404
    assert "cannot be had here" in none.json()["message"]


def test_a_service_killed_while_it_gives_back_brings_it_to_its_end(hub: RunningHub, bob: HubClient) -> None:
    fay = hub.client("fay").signed_in()
    fay.open_lab(SLUG, "card")
    fays = api_of(fay)
    lease = str(fays.lease()["id"])  # type: ignore[index]
    assert fays("DELETE", f"api/leases/{lease}").status_code == 202
    wait_for(lambda: not fay.ready_server(SLUG), "the server's end", 60, 0.05)
    killed = 0
    for process in hub._left():
        if process.environ().get("JUPYTERHUB_SERVICE_NAME") == "gpus":
            process.kill()
            killed += 1
    assert killed

    def restarted() -> bool:
        server = fay.ready_server(SLUG)
        return bool(server and server["user_options"]["resources"] == "small")

    wait_for(restarted, "the server without GPU", 120)
    (notice,) = wait_for(lambda: fays.mine()["notices"], "the notice", 60)
    assert "because you asked for it. Your server was started again without a GPU." in notice["text"]
    assert fays.lease() is None
    assert bob.ready_server(SLUG)
    assert api_of(bob).lease(), "the leases of others went on"


def test_admins_drain_take_back_and_leave_a_trace(
    hub: RunningHub, bob: HubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(hub.data))
    admin = hub.admin.signed_in()
    page = admin.get("services/gpus/all")
    assert page.ok
    assert "bob" in page.text
    assert (
        admin.post_form(
            "services/gpus/all", "services/gpus/all", action="drain", device="SIM-2", why=""
        ).status_code
        == 400
    )
    drained = admin.post_form(
        "services/gpus/all", "services/gpus/all", action="drain", device="SIM-2", why="<b>fan</b>"
    )
    assert "drained: &lt;b&gt;fan&lt;/b&gt;" in drained.text
    admin.post_form("services/gpus/all", "services/gpus/all", action="undrain", device="SIM-2")
    lease = str(api_of(bob).lease()["id"])  # type: ignore[index]
    assert "Take back the GPU of bob" in admin.get(f"services/gpus/all?release={lease}").text
    answer = admin.post_form(
        "services/gpus/all", "services/gpus/all", action="release", lease=lease, why="maintenance"
    )
    assert answer.ok
    wait_for(lambda: not api_of(bob).lease(), "the release", 60)
    wait_for(lambda: bob.ready_server(SLUG), "the server without GPU", 60)
    notices = api_of(bob).mine()["notices"]
    assert "admin, an admin, took it back: maintenance" in notices[0]["text"]  # type: ignore[index]
    (entry,) = audit.entries(what="released")
    assert (entry.who, entry.whom, entry.thing, entry.detail) == ("admin", "bob", SLUG, "maintenance")
