"""Proxy and hub as units of a service manager: the same programs as the supervisor's, at the places that the settings say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hub import wait_for
from tidehub import serve
from tidehub.embedded.instance import AlreadyRunningError, Instance
from tidehub.settings import Settings
from tidelab import paths

TOKEN = "t" * 32


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    for name in [name for name in os.environ if name.startswith("TIDEHUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(serve.TOKEN_VARIABLE, raising=False)


def test_the_proxy_listens_where_the_servers_reach_it() -> None:
    settings = Settings(mode="docker", port=9000, hub_port=9081, proxy_api_url="http://127.0.0.1:9001")  # type: ignore[call-arg]
    command, environment = serve.proxy(settings, TOKEN)
    pairs = dict(zip(command[2::2], command[3::2], strict=True))
    assert (pairs["--ip"], pairs["--port"]) == ("172.30.77.1", "9000")
    assert (pairs["--api-ip"], pairs["--api-port"]) == ("127.0.0.1", "9001")
    assert environment[serve.TOKEN_VARIABLE] == TOKEN
    assert TOKEN not in " ".join(command)
    assert not any(name.startswith("TIDEHUB_") for name in environment)


def test_the_hub_runs_from_its_own_release_and_holds_the_data() -> None:
    command, environment = serve.hub(Settings(), TOKEN)  # type: ignore[call-arg]
    assert command[0] == str(paths.env_python("hub"))
    assert command[-1] == str(paths.checkout() / "hub" / "jupyterhub_config.py")
    assert environment["TIDEHUB_HUB_PORT"] == "8081"
    with pytest.raises(AlreadyRunningError):
        Instance(paths.data() / "hub").claim()


def test_the_claim_goes_on_in_the_program_it_becomes(tmp_path: Path) -> None:
    """A process that has become `sleep` still holds it, and its end gives it back."""
    program = (
        "import os, sys, pathlib\n"
        "from tidehub.embedded.instance import Instance\n"
        "Instance(pathlib.Path(sys.argv[1])).claim().keep_through_exec()\n"
        "os.execvp('sleep', ['sleep', '30'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    try:
        wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == "sleep", "the program", 20)
        with pytest.raises(AlreadyRunningError):
            Instance(tmp_path).claim()
    finally:
        process.kill()
        process.wait()
    Instance(tmp_path).claim().release()


@pytest.mark.parametrize("token", ["", "short"])
def test_without_a_secret_nothing_starts(
    token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(serve.TOKEN_VARIABLE, token)
    assert serve.main(["proxy"]) == 1
    said = capsys.readouterr().err
    assert "at least 32 characters" in said
    assert "short." not in said


def test_two_hubs_do_not_share_a_data_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(serve.TOKEN_VARIABLE, TOKEN)
    folder = paths.data() / "hub"
    folder.mkdir(parents=True)
    held = Instance(folder).claim()
    assert serve.main(["hub"]) == 1
    assert "Another hub uses" in capsys.readouterr().err
    held.release()
