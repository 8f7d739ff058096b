"""Live sources that want a login or TLS, and transport streams: what is read, what is refused in words, and that no password is seen."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate, server_context
from tests.support.live_runs import counted, run
from tests.support.rtsp_logins import Scheme
from tests.support.rtsp_server import RtspCamera
from tests.support.squares import make_detector_case
from tests.support.transport_streams import HttpSender, UdpSender
from tidelab.runs.limits import Limits
from tidelab.streams.errors import StreamError
from tidelab.streams.live import connecting
from tidelab.streams.live.address import AUTHORITY, LOGIN, Address
from tidelab.streams.live.health import Health
from tidelab.streams.live.newest import Newest
from tidelab.streams.live.source import Source
from tidelab.streams.model import StreamModel

SECRET = "s3cr%t/word"


@pytest.fixture
def model(tmp_path: Path) -> StreamModel:
    return StreamModel.load(make_detector_case(tmp_path / "use-cases"))


def analysed(health: Health) -> bool:
    return health.analysed >= 3


def has_a_problem(health: Health) -> bool:
    return bool(health.problem)


def everything(out: Path, told: list[Health]) -> str:
    written = "".join(path.read_text(errors="replace") for path in out.rglob("*") if path.suffix in (".json", ".csv", ".m3u8", ".html"))  # fmt: skip
    return written + "".join(map(repr, told)) + "".join(one.words for one in told)


@pytest.mark.parametrize("scheme", ["digest-md5", "digest-md5-2069", "digest-both"])
def test_a_camera_that_asks_for_a_digest_is_read(model: StreamModel, tmp_path: Path, scheme: Scheme) -> None:
    with RtspCamera(login=f"ada:{SECRET}", scheme=scheme) as camera:
        source = f"rtsp://127.0.0.1:{camera.port}/live"
        health, told = run(model, source, tmp_path / "out", until=analysed, **{LOGIN: f"ada:{SECRET}"})
    assert health.analysed >= 3
    assert camera.login.headers
    assert all(header.startswith("Digest ") for header in camera.login.headers)
    assert ("qop" in camera.login.headers[-1]) == (scheme != "digest-md5-2069")
    assert "s3cr" not in everything(tmp_path / "out", told)
    assert {row["camera"] for row in counted(tmp_path / "out")} == {"cam1"}


@pytest.mark.parametrize("scheme", ["basic", "digest-md5"])
def test_a_wrong_password_is_a_sentence_without_the_password(
    model: StreamModel, tmp_path: Path, scheme: Scheme
) -> None:
    with RtspCamera(login=f"ada:{SECRET}", scheme=scheme) as camera:
        source = f"rtsp://127.0.0.1:{camera.port}/live"
        health, told = run(
            model, source, tmp_path / "out", until=has_a_problem, wait=20, **{LOGIN: "ada:wr0ng"}
        )
        assert camera.connections == 0
    assert health.analysed == 0
    assert "refused the login (401 Unauthorized): name or password is wrong" in health.problem
    assert "wr0ng" not in everything(tmp_path / "out", told)


def test_no_login_and_a_kind_that_is_not_known_are_told_apart_from_a_wrong_one(
    model: StreamModel, tmp_path: Path
) -> None:
    with RtspCamera(login=f"ada:{SECRET}", scheme="digest-sha256") as camera:
        source = f"rtsp://127.0.0.1:{camera.port}/live"
        none, _ = run(model, source, tmp_path / "none", until=has_a_problem, wait=20)
        given, _ = run(
            model, source, tmp_path / "given", until=has_a_problem, wait=20, **{LOGIN: f"ada:{SECRET}"}
        )
    assert f"none was given ({LOGIN}=name:password)" in none.problem
    assert "known are Basic and Digest with MD5" in given.problem


def test_a_camera_over_tls_is_read_when_its_certificate_is_known(model: StreamModel, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path / "tls")
    tls = server_context(certificate, key)
    with RtspCamera(login=f"ada:{SECRET}", scheme="digest-md5", tls=tls) as camera:
        source = f"rtsps://127.0.0.1:{camera.port}/live"
        known = {LOGIN: f"ada:{SECRET}", AUTHORITY: str(certificate)}
        health, told = run(model, source, tmp_path / "out", until=analysed, **known)
    assert health.analysed >= 3
    assert "s3cr" not in everything(tmp_path / "out", told)


@pytest.mark.parametrize("fault", ["unknown", "of another address"])
def test_a_certificate_that_is_not_known_is_a_sentence_and_the_camera_is_told_nothing(
    model: StreamModel, tmp_path: Path, fault: str
) -> None:
    other = fault == "of another address"
    certificate, key = make_certificate(tmp_path / "tls", address="127.0.0.2" if other else "127.0.0.1")
    with RtspCamera(login=f"ada:{SECRET}", tls=server_context(certificate, key)) as camera:
        source = f"rtsps://127.0.0.1:{camera.port}/live"
        known = {AUTHORITY: str(certificate)} if other else {}
        health, _ = run(
            model, source, tmp_path / "out", until=has_a_problem, wait=20, **{LOGIN: f"ada:{SECRET}", **known}
        )
        assert camera.connections == 0
        assert camera.login.headers == []
        assert camera.refused == 0
    assert "its certificate is not trusted" in health.problem
    assert AUTHORITY in health.problem
    assert ("mismatch" in health.problem) == other


def test_a_file_of_certificates_that_is_not_there_is_told() -> None:
    with pytest.raises(StreamError, match=rf"{AUTHORITY} is none.pem, which is no file"):
        Address.parse("rtsps://127.0.0.1/live", {AUTHORITY: "none.pem"})
    assert Address.parse("rtsp://127.0.0.1/live", {AUTHORITY: "none.pem"}).authority == ""


def test_nobody_who_looks_at_the_machine_sees_the_password(tmp_path: Path) -> None:
    make_detector_case(tmp_path / "use-cases")
    out = tmp_path / "out"
    with RtspCamera(login=f"ada:{SECRET}", scheme="digest-md5") as camera:
        source = f"rtsp://127.0.0.1:{camera.port}/live?key={SECRET}"
        command = [sys.executable, "-m", "tidelab.cli", "live", "squares-case", source.partition("?")[0]]
        process = subprocess.Popen(
            [*command, "--model", "demo", "--out", str(out)],
            env={**os.environ, "TIDELAB_USECASES": str(tmp_path / "use-cases"), LOGIN: f"ada:{SECRET}"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            until = time.monotonic() + 120
            while not camera.connections and time.monotonic() < until and process.poll() is None:
                time.sleep(0.05)
            # What `ps` shows to everybody.
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
            process.terminate()
            said = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait(10)
    assert camera.connections
    assert "squares-case" in shown
    assert "s3cr" not in shown + "".join(said) + everything(out, [])


def test_a_transport_stream_over_udp_is_read(model: StreamModel, tmp_path: Path) -> None:
    with UdpSender() as sender:
        source = f"udp://127.0.0.1:{sender.port}"
        health, _ = run(model, source, tmp_path / "out", until=lambda now: now.analysed >= 10)
    assert health.analysed >= 10
    assert health.received - health.analysed - health.dropped in (0, 1)
    rows = counted(tmp_path / "out")
    assert {row["max_n"] for row in rows if row["taxon"] == "green"} == {"0"}
    assert any(row["max_n"] != "0" for row in rows if row["taxon"] == "red")


def test_a_network_that_loses_packets_is_counted_and_ends_nothing(model: StreamModel, tmp_path: Path) -> None:
    with UdpSender(lose_every=20) as sender:
        source = f"udp://127.0.0.1:{sender.port}"
        health, told = run(model, source, tmp_path, until=lambda now: now.analysed >= 30 and now.damaged >= 3)
        assert sender.lost
    assert health.damaged >= 3
    assert health.analysed >= 30
    assert f"{health.damaged} packets came damaged" in told[-1].words


def test_a_transport_stream_over_http_is_read_with_a_login(model: StreamModel, tmp_path: Path) -> None:
    with HttpSender(login=f"ada:{SECRET}") as sender:
        source = f"http://127.0.0.1:{sender.port}/live.ts"
        health, told = run(model, source, tmp_path / "out", until=analysed, **{LOGIN: f"ada:{SECRET}"})
        wrong, _ = run(
            model, source, tmp_path / "wrong", until=has_a_problem, wait=20, **{LOGIN: "ada:wr0ng"}
        )
    assert health.analysed >= 3
    assert "s3cr" not in everything(tmp_path / "out", told)
    assert "name or password is wrong" in wrong.problem


@pytest.mark.parametrize(
    ("path", "words"),
    [("page", "is no MPEG-TS"), ("none", "404 Not Found"), ("away", "the connection failed|broke off")],
)
def test_what_is_no_stream_is_a_sentence_and_a_redirect_is_not_followed(
    model: StreamModel, tmp_path: Path, path: str, words: str
) -> None:
    with HttpSender() as sender:
        source = f"http://127.0.0.1:{sender.port}/{path}"
        health, _ = run(model, source, tmp_path / "out", until=has_a_problem, wait=20)
        assert set(sender.seen) == {f"/{path}"}
    assert re.search(words, health.problem), health.problem
    assert health.analysed == 0


def test_a_sender_that_is_not_there_is_waited_for_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "OPEN_S", 0.5)
    # A sender that never begins: its port is free, and nobody sends to it.
    address = Address.parse(f"udp://127.0.0.1:{UdpSender().port}", {})
    newest, waited = Newest(), threading.Event()
    with Source(address, newest, Limits(), first_wait_s=0.05, silent_s=0.5) as source:
        for _ in range(600):
            if source.problem:
                break
            waited.wait(0.1)
    assert source.problem == "it was silent for 0.5 s, or did not answer in 0.5 s"
    assert newest.received == 0
