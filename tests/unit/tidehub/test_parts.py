"""Smaller parts: pictures, the keeper, installation lines, a server's environment, health."""

import asyncio
import itertools
import json
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from tidehub import installation, keeper
from tidehub.embedded.children import Child
from tidehub.health import Health
from tidehub.installation import InstallationError, install_missing
from tidehub.pages.assets import MAX_PICTURE_BYTES, read_picture
from tidehub.profiles import profile
from tidehub.services import ServiceDefinition, free_port
from tidehub.singleuser_environment import singleuser_environment
from tidelab import paths
from tidelab.catalogue import load_catalogue

PNG = b"\x89PNG\r\n\x1a\n"


def test_only_small_pictures_inside_the_folder_are_served(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    for name, content in {
        "good.png": PNG + b"x",
        "photo.jpg": b"\xff\xd8\xffx",
        "page.png": b"<html>",
        "big.png": PNG + b"x" * MAX_PICTURE_BYTES,
    }.items():
        (folder / name).write_bytes(content)
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    assert read_picture(folder / "good.png", folder) == (PNG + b"x", "image/png")
    assert read_picture(folder / "photo.jpg", folder) == (b"\xff\xd8\xffx", "image/jpeg")
    for name in ("page.png", "big.png", "link.png", "missing.png", "../secret.png", "."):
        assert read_picture(folder / name, folder) is None, name


def test_a_server_gets_what_it_needs_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "secret-of-the-proxy")
    monkeypatch.setenv("TIDEHUB_OIDC_CLIENT_SECRET", "secret-of-oidc")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-admin")
    use_case = load_catalogue()["flowcam-plankton"]
    choice = profile(use_case).choice("train")
    made = singleuser_environment(
        use_case,
        choice,
        user="ada",
        api_token="t0ken",
        public_url="http://127.0.0.1:8000/",
        services=("mlflow", "models", "apps"),
    )
    assert "secret-of" not in json.dumps(made)
    assert made["HOME"] == str(tmp_path / "homes" / "ada")
    assert made["TIDELAB_RUNS"] == str(tmp_path / "homes" / "ada" / "runs")
    assert made["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:8000/services/mlflow"
    assert made["MLFLOW_TRACKING_TOKEN"] == "t0ken"
    assert made["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert made["OMP_NUM_THREADS"] == "2"
    assert made["PATH"].split(":")[0] == str(paths.env_python("lab").parent)
    without = singleuser_environment(
        use_case, choice, user="ada", api_token="t", public_url="http://x/", services=()
    )
    assert not [name for name in without if name.startswith("MLFLOW")]


def _kept(tmp_path: Path, code: str) -> keeper.Kept:
    return keeper.Kept(Child("thing", [sys.executable, "-c", code], {}, tmp_path, tmp_path))


def test_the_keeper_starts_again_with_growing_pauses(tmp_path: Path) -> None:
    kept = _kept(tmp_path, "raise SystemExit('no database')")
    now, starts = 0.0, []
    for _ in range(400):
        before = kept.child.pid
        kept.look(now)
        if kept.child.pid != before:
            starts.append(now)
        deadline = time.monotonic() + 10
        while kept.child.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.01)
        now += 0.5
        if len(starts) == 5:
            break
    pauses = [after - before for before, after in itertools.pairwise(starts)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 2
    assert pauses[-1] >= 16
    assert "no database" in kept.child.last_words()


def test_the_keeper_ends_all_at_once(tmp_path: Path) -> None:
    services = [_kept(tmp_path, "import time; time.sleep(60)") for _ in range(3)]
    stop = threading.Event()
    worker = threading.Thread(target=keeper.keep, args=(services, stop))
    worker.start()
    deadline = time.monotonic() + 20
    while any(service.child.pid is None for service in services) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    worker.join(20)
    assert not worker.is_alive()
    assert all(service.child.exit_code is not None for service in services)


def test_the_keeper_needs_the_hub(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TIDEHUB_KEEPER_PLAN", raising=False)
    assert keeper.main() == 2
    assert "started by the hub" in capsys.readouterr().err


async def _collect(names: tuple[str, ...]) -> list[tuple[float, str]]:
    return [step async for step in install_missing(names)]


def _fake_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Stand in for the Python that runs the installer: it behaves as the installer would on the other end of the pipe."""
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{code}")
    script.chmod(0o755)
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "envs"))
    monkeypatch.setattr(installation.sys, "executable", str(script))


def test_installation_lines_reach_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEHUB_OIDC_CLIENT_SECRET", "hidden")
    code = (
        "import json, os, sys\nassert 'TIDEHUB_OIDC_CLIENT_SECRET' not in os.environ\n"
        "print('pip says something')\nprint(json.dumps({'fraction': 0.5, 'message': f'installing {sys.argv[4]}'}))\n"
        "print(json.dumps({'fraction': 9, 'message': 'done'}))"
    )
    _fake_installer(tmp_path, monkeypatch, code)
    steps = asyncio.run(_collect(("tensorflow", "tensorflow")))
    assert steps[0][0] == 0
    assert "tensorflow" in steps[0][1]
    assert steps[1:] == [(0.5, "installing tensorflow"), (1.0, "done")]


def test_a_failed_installation_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_installer(tmp_path, monkeypatch, "import sys; sys.exit('No space left on the disk.')")
    with pytest.raises(
        InstallationError,
        match=r"'tensorflow' could not be installed.*No space left on the disk\..*Try again",
    ):
        asyncio.run(_collect(("tensorflow",)))


def test_what_is_there_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_installer(tmp_path, monkeypatch, "raise SystemExit(1)")
    (tmp_path / "envs" / "lab" / "bin").mkdir(parents=True)
    (tmp_path / "envs" / "lab" / "bin" / "python").touch()
    assert asyncio.run(_collect(("lab",))) == []


def test_health_says_what_a_dead_service_means() -> None:
    async def check() -> dict[str, str]:
        url = f"http://127.0.0.1:{free_port()}"
        dead = ServiceDefinition("mlflow", "Experiments", "mlflow", (), url)
        start = time.monotonic()
        found = await Health([dead], wanted=["mlflow", "apps"]).check()
        assert time.monotonic() - start < 3
        return {service.name: service.sentence for service in found if not service.answers}

    said = asyncio.run(check())
    assert "Analysing works as usual" in said["mlflow"]
    assert "not installed" in said["apps"]


def test_a_service_that_is_slow_but_answered_a_moment_ago_is_not_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under load the apps once took more than a second, and a person's page lost its button."""
    monkeypatch.setattr("tidehub.health.REMEMBER_SECONDS", 0)
    monkeypatch.setattr("tidehub.health.ASK_SECONDS", 0.3)

    async def check() -> list[bool]:
        slow = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            if not slow.is_set():
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        health = Health([ServiceDefinition("apps", "Apps", "lab", (), f"http://127.0.0.1:{port}")])
        found = [(await health.check())[0].answers]
        slow.set()
        found.append((await health.check())[0].answers)
        monkeypatch.setattr("tidehub.health.BUSY_SECONDS", 0)
        found.append((await health.check())[0].answers)
        server.close()
        return found

    assert asyncio.run(check()) == [True, True, False]


def test_a_free_port_is_nobodys_and_below_those_of_outgoing_connections():
    first, *_ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    found: set[int] = set()
    for _ in range(50):
        port = free_port(found)
        assert port not in found
        assert port < int(first)
        found.add(port)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", port))
        assert all(free_port(set(range(20_000, 30_000)) - {port, port + 1}) != port for _ in range(20))
