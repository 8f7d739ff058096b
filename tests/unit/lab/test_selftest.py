"""The test of the GPU beside a server: begun without delay, one at a time, its result read with care."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.lab.identity import Identity, identity
from tidelab.lab.selftest import SelfTest, kernel_interpreters, read_result

LOG = logging.getLogger("tests.lab")
LEASE = {"id": "l", "devices": [{"id": "GPU-1", "name": "NVIDIA H200", "memory_mb": 1}]}


def who(**lease: Any) -> Identity:
    given = {**LEASE, **lease} if lease or lease == {} else LEASE
    return identity({"TIDELAB_LEASE": json.dumps(given), "TIDELAB_USECASE": "case/../x"})


def finished(test: SelfTest) -> dict[str, Any] | None:
    async def work() -> dict[str, Any] | None:
        assert test.start()
        assert not test.start(), "one at a time"
        running = test.shown()
        assert running is not None
        assert running["level"] == "running"
        assert not test.can_run
        while test.runs:
            await asyncio.sleep(0.02)
        return test.shown()

    return asyncio.run(asyncio.wait_for(work(), 30))


def test_a_real_test_without_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_LEASE", json.dumps(LEASE))
    monkeypatch.setenv("PATH", "/nowhere")
    test = SelfTest(who(), tmp_path, dict, LOG)
    assert test.can_run
    first = test.shown()
    assert first is not None
    assert "not tested yet" in first["text"]
    shown = finished(test)
    assert shown is not None
    assert shown["level"] == "failed"
    assert "there is no nvidia-smi" in shown["text"]
    assert test.can_run, "Test again"
    (file,) = tmp_path.iterdir()
    assert file.name == "tidelab-gpu-case~2f..~2fx.json"


def test_a_simulated_gpu_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_LEASE", json.dumps({**LEASE, "simulated": True}))
    test = SelfTest(who(simulated=True), tmp_path, dict, LOG)
    shown = finished(test)
    assert shown is not None
    assert shown["text"] == "A simulated GPU: no card is used."
    assert not test.can_run
    nothing = SelfTest(identity({}), tmp_path, dict, LOG)
    assert nothing.shown() is None
    assert not nothing.start()


def test_a_test_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    shown = finished(SelfTest(who(), tmp_path, dict, LOG, seconds=0.3))
    assert shown is not None
    assert "did not end within" in shown["text"]


def test_a_test_without_result_and_one_that_cannot_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    shown = finished(SelfTest(who(), tmp_path, dict, LOG))
    assert shown is not None
    assert "ended without a result (status 1)" in shown["text"]
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    shown = finished(SelfTest(who(), tmp_path, dict, LOG))
    assert shown is not None
    assert "could not be started" in shown["text"]


def test_the_token_stays_with_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/seen\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-token")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
    finished(SelfTest(who(), tmp_path, dict, LOG))
    assert "secret-token" not in (tmp_path / "seen").read_text()


def test_an_old_result_says_nothing_about_a_new_server(tmp_path: Path) -> None:
    old = tmp_path / "tidelab-gpu-case~2f..~2fx.json"
    old.write_text('{"level": "ok", "text": "Your GPU is there."}')
    shown = SelfTest(who(), tmp_path, dict, LOG).shown()
    assert shown is not None
    assert "not tested yet" in shown["text"]


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 90_000, b"x" * 200_000, b'{"level": "ok"}']))
@settings(max_examples=40)
def test_any_file_can_be_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("results") / "result.json"
    file.write_bytes(content)
    assert read_result(file) == {}


def test_interpreters_come_from_the_kernels_themselves(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch()
    specs = {
        "tidelab-analyse": {"spec": {"argv": [str(python), "-m"], "display_name": "Tidelab: a=b"}},
        "tidelab-gone": {"spec": {"argv": ["/no/python"]}},
        "tidelab-odd": {"spec": {"argv": [3]}},
        "tidelab-none": {},
        "tidelab-list": [],
        "python3": {"spec": {"argv": [str(python)]}},
    }
    assert kernel_interpreters(specs) == {"Tidelab: a-b": str(python)}
