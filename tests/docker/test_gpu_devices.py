"""The engine hands a container the very GPUs of its lease: a real engine, with a stand-in for NVIDIA's hook on its path.

It is an engine of its own, in a network namespace of its own, for the machine's engine has no hook and is not to be restarted.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, DockerException

from tidehub.docker import engine as engines
from tidehub.docker.devices import device_requests
from tidelab.leases import Device

BASE = "debian:bookworm-slim"
CARD = Device("GPU-11111111-2222-3333-4444-555555555555", index=0)
OTHER = Device("GPU-99999999-2222-3333-4444-555555555555", index=1)
SLICE = Device("MIG-aaaaaaaa-2222-3333-4444-555555555555", kind="mig", profile="1g.10gb")
HOOK = """#!/bin/sh
cat >{folder}/called-$$.json
"""
START_S = 60.0


@pytest.fixture(scope="module")
def own_engine(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    for program in ("dockerd", "unshare"):
        if os.geteuid() or shutil.which(program) is None:
            pytest.skip(f"needs root and {program}, to start an engine with a hook of its own")
    folder = tmp_path_factory.mktemp("engine")
    if engine.api.images(BASE) == []:
        pytest.skip(f"needs the image {BASE} (images/base/make.sh)")
    yield from run_engine(engine, folder)


def run_engine(engine: docker.DockerClient, folder: Path) -> Iterator[Any]:
    hook = folder / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text(HOOK.format(folder=folder))
    hook.chmod(0o755)
    # Bridges are off: it must not touch the addresses and rules of the machine's own engine.
    command = [
        "unshare",
        "--net",
        "--mount",
        "dockerd",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
    ]
    command += [
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/pid",
    ]
    command += ["--host", f"unix://{folder}/engine.sock"]
    log = (folder / "log").open("wb")
    environment = {**os.environ, "PATH": f"{hook.parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        client = connect(folder, process)
        for chunk in client.load_image(engine.api.get_image(BASE)):
            assert "error" not in chunk
        yield client, folder
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def connect(folder: Path, process: "subprocess.Popen[bytes]") -> Any:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.skip(f"an engine of its own cannot be started here: {(folder / 'log').read_text()[-300:]}")
        try:
            return docker.APIClient(base_url=f"unix://{folder}/engine.sock", timeout=60)
        except DockerException:
            time.sleep(0.2)
    raise AssertionError((folder / "log").read_text()[-2000:])


def visible(client: Any, devices: list[Device], environment: dict[str, str] | None = None) -> str:
    """Run a container with some devices; return which ones the engine told the hook of."""
    config = client.create_host_config(
        network_mode="none", device_requests=device_requests(devices, engines.abilities(client))
    )
    made = client.create_container(BASE, command=["env"], host_config=config, environment=environment or {})[
        "Id"
    ]
    try:
        client.start(made)
        client.wait(made)
        lines = client.logs(made).decode().splitlines()
    finally:
        client.remove_container(made, force=True)
    found = [line.partition("=")[2] for line in lines if line.startswith("NVIDIA_VISIBLE_DEVICES=")]
    return found[-1] if found else ""


def calls(folder: Path) -> int:
    found = list(folder.glob("called-*.json"))
    assert all(json.loads(file.read_text())["pid"] > 0 for file in found)
    return len(found)


def test_each_gets_the_devices_of_its_lease_and_no_others(own_engine: tuple[Any, Path]) -> None:
    client, folder = own_engine
    assert not engines.abilities(client).cdi
    assert visible(client, [CARD]) == CARD.id
    assert visible(client, [OTHER]) == OTHER.id
    assert visible(client, [CARD, SLICE]) == f"{CARD.id},{SLICE.id}"
    assert calls(folder) == 3
    # A variable that a person sets neither adds a device nor calls the hook: the runtime is not NVIDIA's.
    assert visible(client, [CARD], {"NVIDIA_VISIBLE_DEVICES": "all"}) == CARD.id
    before = calls(folder)
    visible(client, [], {"NVIDIA_VISIBLE_DEVICES": "all"})
    visible(client, [Device("SIM-0", simulated=True)])
    assert calls(folder) == before


def test_an_engine_without_the_toolkit_says_so(engine: docker.DockerClient) -> None:
    if shutil.which("nvidia-container-runtime-hook"):
        pytest.skip("this machine has NVIDIA's toolkit")
    client = engine.api
    config = client.create_host_config(
        device_requests=device_requests([CARD], engines.Abilities("20.10", cdi=False))
    )
    made = client.create_container(BASE, command=["true"], host_config=config)["Id"]
    try:
        with pytest.raises(APIError) as raised:
            client.start(made)
    finally:
        client.remove_container(made, force=True)
    said = engines.explain(raised.value, "start your server's container")
    assert "NVIDIA Container Toolkit is not installed" in said
