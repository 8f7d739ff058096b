"""A service in a container: what it is started with, and what of this machine it never sees."""

import csv
import itertools
import json
from pathlib import Path

import pytest

from tidehub import services
from tidehub.docker import service_container
from tidehub.services import keeper_config, service_definitions
from tidehub.settings import Settings

TOKEN = "secret-of-the-apps"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_STATE", str(tmp_path / "state"))
    for name in ("TIDELAB_MOUNTS", "TIDELAB_USECASES", "TIDELAB_CHAMPIONS", "TIDELAB_USAGE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def plan(**changes: object) -> list[dict[str, object]]:
    settings = Settings(mode="docker", services=["mlflow", "apps"], docker_user="1234:1235", **changes)  # type: ignore[arg-type]
    made = service_definitions(settings)
    config = keeper_config(made, {"mlflow": "m", "apps": TOKEN}, settings)
    return json.loads(config["environment"][services.PLAN_VARIABLE])  # type: ignore[no-any-return]


def options(command: list[str], name: str) -> list[str]:
    return [value for option, value in itertools.pairwise(command) if option == name]


def test_apps_run_in_a_container_that_may_nothing(place: Path) -> None:
    mlflow, apps = plan()
    assert "tidehub.docker.service_container" not in mlflow["command"]  # type: ignore[operator]
    command, environment = apps["command"], apps["environment"]
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    assert options(command, "--cap-drop") == ["ALL"]
    assert options(command, "--security-opt") == ["no-new-privileges"]
    assert options(command, "--user") == ["1234:1235"]
    assert options(command, "--network") == ["tidelab"]
    assert {"--read-only", "--rm", "--pids-limit", "--memory"} <= set(command)
    assert "--privileged" not in command
    (published,) = options(command, "--publish")
    port = environment["JUPYTERHUB_SERVICE_URL"].rpartition(":")[2]
    assert published == f"127.0.0.1:{port}:{port}", "only this machine reaches it"
    assert command[-4:] == [
        "tidelab/stack:analyse-cpu",
        "/opt/tidelab-envs/lab/bin/python",
        "-m",
        "tidelab.apps",
    ]
    assert environment["JUPYTERHUB_API_URL"] == "http://172.30.77.1:8081/hub/api"


def test_no_value_stands_on_the_command_line(place: Path) -> None:
    (apps,) = [entry for entry in plan() if entry["name"] == "apps"]
    assert TOKEN not in " ".join(apps["command"])  # type: ignore[arg-type]
    assert apps["environment"]["JUPYTERHUB_API_TOKEN"] == TOKEN  # type: ignore[index]
    named = set(options(apps["command"], "--env"))  # type: ignore[arg-type]
    assert "JUPYTERHUB_API_TOKEN" in named
    assert {name for name in named if "=" in name} == {"HOME=/tmp"}
    assert not named & {"TIDELAB_ROOT", "TIDELAB_STATE", "TIDELAB_ENVS", "PATH"}, (
        "the image knows where they are"
    )


def test_databases_of_the_hub_and_the_socket_are_not_mounted(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = place / 'drive, "old"'
    drive.mkdir()
    monkeypatch.setenv("TIDELAB_MOUNTS", f"{drive}:{place / 'missing'}")
    (apps,) = [entry for entry in plan() if entry["name"] == "apps"]
    mounted = {}
    for text in options(apps["command"], "--mount"):  # type: ignore[arg-type]
        (fields,) = csv.reader([text])
        entry = dict(field.split("=", 1) for field in fields if "=" in field)
        mounted[entry["target"]] = (entry["source"], "readonly" in fields)
    data = place / "data"
    written = {target for target, (_, readonly) in mounted.items() if not readonly}
    assert written == {str(data / name) for name in ("homes", "usage", "cache", "run-slots")}
    assert mounted[str(drive)] == (str(drive), True)
    assert str(place / "missing") not in mounted, "Docker would make the folder, for root"
    sources = [Path(source) for source, _ in mounted.values()]
    for secret in (
        data / "hub" / "cookie-secret",
        data / "mlflow" / "mlflow.db",
        data / "gpus",
        Path("/var/run/docker.sock"),
    ):
        assert not any(secret.is_relative_to(source) for source in sources), secret
    assert all(Path(source).is_dir() for source, _ in mounted.values())


def test_it_can_be_switched_off_and_embedded_mode_has_none(place: Path) -> None:
    assert all("service_container" not in str(entry["command"]) for entry in plan(service_containers=[]))
    embedded = service_definitions(Settings(services=["apps"]))[0]
    assert not embedded.in_container
    assert not embedded.is_installed, "there is no environment in this folder"
    assert service_definitions(Settings(mode="docker", services=["apps"]))[0].is_installed, (
        "it is in the image"
    )


def test_never_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert service_container.user(Settings()) == "1000:1000"
    monkeypatch.setattr("os.getuid", lambda: 1001)
    monkeypatch.setattr("os.getgid", lambda: 1002)
    assert service_container.user(Settings()) == "1001:1002"


def test_without_docker_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert service_container.main(["tidelab-service-apps", "image"]) == 1
    assert "not installed" in capsys.readouterr().err


def test_a_leftover_is_taken_away_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda file, arguments: became.append(arguments))
    service_container.main(["net-service-apps", "--rm", "image", "python"])
    assert calls.read_text() == "rm --force net-service-apps\n"
    assert became == [[str(program), "run", "--name", "net-service-apps", "--rm", "image", "python"]]
