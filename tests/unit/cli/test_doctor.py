"""The doctor: one line each, with a next step where something is wrong; it never hangs and never stops at the first fault."""

import http.server
import socket
import threading
import time

import pytest

from tidelab.cli import doctor


@pytest.fixture
def lines(tidelab, monkeypatch):
    """Return a function: run the doctor and return its exit code and lines."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def look():
        said = tidelab("doctor")
        assert said.err == ""
        return said.code, said.out.splitlines()

    return look


@pytest.fixture
def web():
    """Return a function that serves one status code on a free port."""
    servers = []

    def serve(status: int) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/services/mlflow"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def about(lines, subject):
    return [line for line in lines if line.split(":")[0].endswith(subject)]


def test_every_line_says_its_state(lines):
    _, said = lines()
    assert all(line.split()[0] in ("ok", "note", "bad") for line in said)
    for subject in ("analyse", "catalogue", "model of flowcam-plankton", "MLflow", "data", "runs"):
        assert about(said, subject), subject
    assert "demonstration model" in about(said, "model of flowcam-plankton")[0]


def test_mlflow_that_answers(lines, web, monkeypatch):
    for status in (200, 401, 403):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", web(status))
        assert about(lines()[1], "MLflow")[0].startswith("ok    MLflow: answers at http://127.0.0.1")


def test_mlflow_that_is_broken(lines, web, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", web(500))
    code, said = lines()
    assert code == 1
    assert "answers with status 500 -> see the log" in about(said, "MLflow")[0]


def test_mlflow_that_is_silent_or_dead_costs_seconds(monkeypatch):
    monkeypatch.setattr(doctor, "MLFLOW_SECONDS", 0.5)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # accepts, and never answers
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{address}")
        started = time.monotonic()
        silent = str(next(doctor._mlflow()))
        assert time.monotonic() - started < 10
    assert silent.startswith("bad   MLflow: no answer from http://127.0.0.1 (timed out)")
    assert "no answer" in str(next(doctor._mlflow())), "nobody listens any more"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@{address}")
    assert "secret" not in str(next(doctor._mlflow()))


def test_something_else_than_a_web_server_answers(monkeypatch):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def answer():
            connection, _ = listening.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-x\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert str(next(doctor._mlflow())).startswith("bad   MLflow: no answer from")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "/some/path", "sqlite:///x.db"])
def test_an_address_that_is_no_server_is_not_opened(lines, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert about(lines()[1], "MLflow")[0].startswith(
        "note  MLflow: MLFLOW_TRACKING_URI is not an address of a server"
    )


def test_a_broken_use_case_and_one_without_a_model(lines, tidelab, place):
    (place / "broken-case").mkdir()
    tidelab("new", "demo-case", "--into", place)
    file = place / "demo-case" / "usecase.yaml"
    file.write_text(file.read_text().replace("  demo: {folder: model/demo}\n", ""))
    code, said = lines()
    assert code == 1
    assert any(
        line.startswith("bad   catalogue: ") and line.endswith("-> tidelab check broken-case")
        for line in said
    )
    assert "has no published model and comes with no demo model" in about(said, "model of demo-case")[0]


def test_a_place_that_cannot_be_written_or_is_full(lines, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    code, said = lines()
    assert code == 1
    assert "cannot be written -> correct its owner" in about(said, "data")[0]
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "MINIMUM_FREE_GB", 1e12)
    assert "make room" in next(str(finding) for finding in doctor._places())


def test_a_fault_of_one_look_hides_no_other(lines, monkeypatch):
    def broken():
        raise KeyError("x")

    monkeypatch.setattr(doctor, "_catalogue", broken)
    code, said = lines()
    assert code == 1
    assert any("could not be looked at (KeyError" in line for line in said)
    assert about(said, "data")
