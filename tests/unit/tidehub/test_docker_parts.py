"""What containers are made of: devices by id, limits, mounts, account; and what the engine's answers mean."""

from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from hypothesis import given
from hypothesis import strategies as st

from tidehub.docker import container, engine
from tidehub.docker.devices import device_requests, variant
from tidehub.docker.engine import Abilities, EngineError
from tidehub.docker.network import ensure_network
from tidehub.docker.pull import PullError, PullProgress
from tidehub.docker.seen import remove_ended, seen, stop_conflicting
from tidehub.profiles import Choice
from tidehub.settings import Settings
from tidelab.containers import names
from tidelab.leases import Device

OLD, NEW = Abilities("20.10.24", cdi=False), Abilities("27.5.1", cdi=True)
CARD = Device("GPU-11111111-2222-3333-4444-555555555555", name="NVIDIA H200")
SLICE = Device("MIG-aaaa", kind="mig", profile="1g.10gb", cdi="nvidia.com/gpu=1:0")
PRETENDED = Device("SIM-0", simulated=True)


def choice(**changes: Any) -> Choice:
    given: dict[str, Any] = {
        "name": "gpu",
        "title": "GPU",
        "detail": "",
        "cpu": 2.0,
        "memory_gb": 8.0,
        "gpu": None,
        "stacks": ("analyse",),
        "is_default": True,
    }
    return Choice(**given | changes)


def test_devices_are_asked_for_by_id() -> None:
    assert device_requests([CARD, SLICE], NEW) == [
        {
            "Driver": "cdi",
            "Count": 0,
            "DeviceIDs": ["nvidia.com/gpu=GPU-11111111-2222-3333-4444-555555555555", "nvidia.com/gpu=1:0"],
            "Capabilities": [],
            "Options": {},
        }
    ]
    assert device_requests([CARD, SLICE], OLD) == [
        {
            "Driver": "nvidia",
            "Count": 0,
            "DeviceIDs": [CARD.id, "MIG-aaaa"],
            "Capabilities": [["gpu"]],
            "Options": {},
        }
    ]


def test_a_pretended_device_is_nothing_to_ask_for() -> None:
    assert device_requests([PRETENDED], NEW) == device_requests([], OLD) == []
    assert (variant([PRETENDED]), variant([]), variant([CARD])) == ("cpu", "cpu", "cuda")


def test_limits() -> None:
    limits = container.host_config(choice())
    assert limits["cap_drop"] == ["ALL"]
    assert limits["security_opt"] == ["no-new-privileges"]
    assert limits["read_only"]
    assert limits["memswap_limit"] == 8_000_000_000
    assert limits["shm_size"] == 4_000_000_000
    assert "size=4000000000" in limits["tmpfs"]["/tmp"]
    assert limits["pids_limit"] == container.PIDS
    assert not {"privileged", "devices", "network_mode", "pid_mode", "runtime", "cap_add", "binds"} & set(
        limits
    )


@pytest.mark.parametrize("text", ["0:0", "0:1000", "ada", "1000", "1000:1000:1", "-1:5", "", "1000:1000\n"])
def test_containers_are_never_root(text: str) -> None:
    with pytest.raises(ValueError, match="TIDEHUB_DOCKER_USER"):
        container.Account.parse(text)


@given(st.text(max_size=40))
def test_the_account_is_one_line_whatever_the_name(name: str) -> None:
    text = container.Account(1000, 1001).passwd(name, Path("/data/homes/x:y"))
    lines = text.splitlines()
    assert len(lines) == 3
    fields = lines[2].split(":")
    assert len(fields) == 7
    assert fields[2:4] == ["1000", "1001"]
    assert fields[0] not in ("", "root", "nobody")
    assert fields[6] == "/bin/bash"


def test_mounts_are_to_read_but_for_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.delenv("TIDELAB_CHAMPIONS", raising=False)
    monkeypatch.setenv("TIDELAB_MOUNTS", f"{tmp_path}/drive:{tmp_path}/gone")
    monkeypatch.setenv("TIDELAB_USECASES", f"{tmp_path}/more")
    for name in ("drive", "more", "shared", "champions"):
        (tmp_path / name).mkdir()
    to_read, missing = container.folders_to_read()
    assert missing == [tmp_path / "gone"]
    made = container.mounts(tmp_path / "homes" / "ada", tmp_path / "files", to_read)
    written = [mount["target"] for mount in made if not mount["read_only"]]
    assert written == [str(tmp_path / "homes" / "ada")]
    assert {mount["target"] for mount in made if mount["read_only"]} == {
        *(str(tmp_path / name) for name in ("drive", "more", "shared", "champions")),
        *("/etc/passwd", "/etc/group"),
    }
    assert not [mount for mount in made if "docker.sock" in mount["source"]]


class Response:
    """What docker-py keeps of an answer."""

    def __init__(self, status: int) -> None:
        self.status_code, self.reason, self.url = status, "", "http+docker://x"


def refused(explanation: str, status: int = 500) -> APIError:
    return APIError("failed", response=Response(status), explanation=explanation)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "disk of the Docker Engine is full"),
        ('could not select device driver "nvidia" with capabilities: [[gpu]]', "NVIDIA Container Toolkit"),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=7", "nvidia-ctk cdi generate"),
        ('invalid mount config for type "bind": bind source path does not exist: /x', "TIDELAB_MOUNTS"),
        ("something nobody ever saw", "The Docker Engine says: something nobody ever saw"),
    ],
)
def test_errors_of_the_engine_are_explained(said: str, words: str) -> None:
    sentence = engine.explain(refused(said), "start the container")
    assert sentence.startswith("Could not start the container")
    assert words in sentence


def test_an_engine_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineError, match=r"No Docker Engine answers at unix://.*docs/howto/docker-host.md"):
        engine.connect()


class Networks:
    """An engine that knows networks alone."""

    def __init__(self, *found: dict[str, Any], refuses: str = "") -> None:
        self.found, self.refuses, self.made = list(found), refuses, [dict[str, Any]()]

    def inspect_network(self, name: str) -> dict[str, Any]:
        from docker.errors import NotFound

        for network in self.found:
            if network["Name"] == name:
                return network
        raise NotFound("no such network", response=Response(404))

    def create_network(self, name: str, **given: Any) -> None:
        if self.refuses:
            raise refused(self.refuses, 403)
        self.made.append({"Name": name, **given})

    def networks(self) -> list[dict[str, Any]]:
        return self.found


def network(name: str, subnet: str, **changes: Any) -> dict[str, Any]:
    gateway = subnet.rsplit(".", 1)[0] + ".1"
    made = {
        "Name": name,
        "Driver": "bridge",
        "IPAM": {"Config": [{"Subnet": subnet, "Gateway": gateway}]},
        "Options": {"com.docker.network.bridge.enable_icc": "false"},
    }
    return made | changes


DOCKER = Settings(mode="docker")


def test_the_network_is_made_without_traffic_between_containers() -> None:
    fake = Networks()
    assert ensure_network(fake, DOCKER)
    made = fake.made[-1]
    assert made["options"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert made["ipam"]["Config"][0]["Gateway"] == "172.30.77.1"
    assert not ensure_network(Networks(network("tidelab", "172.30.77.0/24")), DOCKER)


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (network("tidelab", "172.18.0.0/16"), "its addresses are 172.18.0.0/16"),
        (network("tidelab", "172.30.77.0/24", Driver="overlay"), "of the kind 'overlay'"),
        (network("tidelab", "172.30.77.0/24", Options={}), "its containers reach each other"),
        (network("tidelab", "172.30.77.0/24", IPAM=None), "its addresses are unknown"),
    ],
)
def test_another_network_of_that_name_is_refused(there: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=words) as raised:
        ensure_network(Networks(there), DOCKER)
    assert "docker network rm tidelab" in str(raised.value)


def test_a_clash_of_addresses_names_who_has_them() -> None:
    fake = Networks(
        network("other", "172.30.0.0/16"), refuses="Pool overlaps with other one on this address space"
    )
    with pytest.raises(
        EngineError, match=r"TIDEHUB_DOCKER_SUBNET=172.30.77.0/24 is taken by the Docker network 'other'"
    ):
        ensure_network(fake, DOCKER)


def test_the_share_of_a_pull_never_falls() -> None:
    progress, shares = PullProgress(), []
    for record in (
        {"status": "Pulling from tidelab/x", "id": "latest"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Pulling fs layer", "id": "b"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 50, "total": 100}},
        {"status": "Download complete", "id": "a"},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 1, "total": 900}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 900, "total": 900}},
        {"status": "Pull complete", "id": "b"},
    ):
        progress.take(record)
        shares.append(progress.percent)
    assert shares == sorted(shares)
    assert shares[3] == 25  # half of one of two layers
    assert shares[-1] == 100
    with pytest.raises(PullError, match="manifest unknown"):
        progress.take({"error": "manifest unknown: manifest unknown"})


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "status", "progressDetail", "progress"]),
            st.one_of(
                st.text(max_size=8),
                st.integers(),
                st.none(),
                st.dictionaries(st.sampled_from(["current", "total"]), st.integers()),
            ),
        ),
        max_size=12,
    )
)
def test_no_record_breaks_the_share(records: list[dict[str, Any]]) -> None:
    progress = PullProgress()
    for record in records:
        progress.take(record)
        assert 0 <= progress.percent <= 100


class Listed:
    """An engine with some containers."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries, self.removed, self.asked = entries, list[str](), dict[str, Any]()
        self.stopped: list[str] = []

    def containers(self, all: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked = filters
        return list(self.entries)

    def remove_container(self, name: str, **_: Any) -> None:
        self.removed.append(name)

    def stop(self, name: str, timeout: int) -> None:
        assert timeout == 10
        self.stopped.append(name)


def entry(name: str, state: str, created: float = 0.0) -> dict[str, Any]:
    return {
        "Id": name,
        "Names": [f"/{name}"],
        "State": state,
        "Created": created,
        "Labels": {names.USER: "ada"},
    }


def test_what_is_seen() -> None:
    fake = Listed(
        entry("a", "running"), entry("b", "exited"), entry("c", "created", 990.0), entry("d", "created", 10.0)
    )
    found = seen(fake, "tidelab", now=1000.0)
    assert [(one.place, one.running) for one in found] == [
        ("docker:a", True),
        ("docker:b", False),
        ("docker:c", True),
        ("docker:d", False),
    ]
    assert fake.asked == {"label": [f"{names.INSTANCE}=tidelab", names.SERVER]}
    assert [one.running for one in seen(fake, "tidelab", starting_seconds=0, now=1000.0)] == [
        True,
        False,
        False,
        False,
    ]
    assert remove_ended(fake, "tidelab") == ["b", "c", "d"]
    assert fake.removed == ["b", "c", "d"]


def test_a_server_on_somebody_elses_card_is_stopped_and_nothing_that_is_not_ours() -> None:
    fake = Listed(entry("a", "running"), entry("b", "running"))
    assert stop_conflicting(fake, "tidelab", "docker:b") == "b"
    assert stop_conflicting(fake, "tidelab", "docker:of-somebody-else") == ""
    assert stop_conflicting(fake, "tidelab", "pid:1:2") == ""
    assert fake.stopped == ["b"]
