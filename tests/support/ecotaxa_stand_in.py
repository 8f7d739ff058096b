"""A stand-in for EcoTaxa's API: the calls, states, refusals and questions of an import, as ``ecotaxa_back`` has them.

Source of the behaviour: ``py/main.py``, ``py/API_operations/imports/Import.py``, ``py/DB/Job.py`` and ``py/tests/test_import.py`` of
https://github.com/ecotaxa/ecotaxa_back. Nothing is stored but what the tests ask about.
"""

import csv
import io
import json
import re
import threading
import zipfile
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD, TOKEN = "ada@sea.example", "open sesame", "eyJ1c2VyX2lkIjo5OTN9.stand.in"
KNOWN_TAXA = {"detritus": 84963, "copepoda": 25828}


@dataclass
class StandInJob:
    job_id: int
    project: int
    source: str
    wish: dict[str, Any]
    state: str = "P"
    progress_pct: int = 0
    progress_msg: str = "Pending"
    errors: list[str] = field(default_factory=list)
    question: dict[str, Any] = field(default_factory=dict)
    taxa: dict[str, int] = field(default_factory=dict)
    looks: int = 0

    def model(self) -> dict[str, Any]:
        return {
            "id": self.job_id, "owner_id": 993, "type": "FileImport", "state": self.state, "step": 1, "params": {}, "result": {},
            "progress_pct": self.progress_pct, "progress_msg": self.progress_msg, "errors": self.errors, "question": self.question,
            "reply": {}, "inside": {}, "creation_date": "2026-01-01T00:00:00", "updated_on": "2026-01-01T00:00:00",
        }  # fmt: skip


class EcotaxaStandIn:
    """Listens on 127.0.0.1; ``with EcotaxaStandIn() as server`` gives its address as ``server.url``."""

    def __init__(self) -> None:
        self.projects: dict[int, list[tuple[str, str]]] = {12: []}
        """Project -> (acquisition, object_id)."""
        self.readable_only = {13}
        self.files: dict[str, bytes] = {}
        self.jobs: dict[int, StandInJob] = {}
        self.lose = 0
        """So many objects do not arrive though the job says finished."""
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.fail_with: dict[str, tuple[int, bytes]] = {}
        """Path prefix -> (status, body) answered instead."""
        self.stumbles: dict[str, list[int]] = {}
        """Path prefix -> statuses answered instead, one a request, until none is left; 0: it hangs up without an answer."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def step(self, job: StandInJob) -> None:
        """One look of the job's owner moves it on: pending, running, then what the file leads to."""
        job.looks += 1
        if job.state == "P":
            job.state, job.progress_msg = "R", "Validating"
        elif job.state == "R":
            self._run(job)

    def _run(self, job: StandInJob) -> None:
        rows = table_rows(self.files[job.source])
        there = {object_id for _, object_id in self.projects[job.project]}
        wished = {
            row["object_annotation_category"].lower() for row in rows if row.get("object_annotation_category")
        }
        missing = sorted(wished - set(KNOWN_TAXA) - set(job.taxa))
        doubled = [row["object_id"] for row in rows if row["object_id"] in there]
        if not rows:
            self._end(job, ["Error No object to import. It maybe due to: *\tEmpty TSV table"])
        elif doubled and not job.wish["skip_existing_objects"] and not job.wish["update_mode"]:
            self._end(job, [f"Duplicate object {one} Image" for one in doubled])
        elif missing:
            job.state, job.progress_msg = "A", "Some users or taxonomic references could not be matched"
            job.question = {"missing_users": [], "missing_taxa": missing}
        else:
            new = [(row["acq_id"], row["object_id"]) for row in rows if row["object_id"] not in there]
            self.projects[job.project] += new[: len(new) - self.lose]
            job.state, job.progress_pct, job.progress_msg = "F", 100, "Done"

    def _end(self, job: StandInJob, errors: list[str]) -> None:
        job.state, job.errors, job.progress_msg = "E", errors, f"{len(errors)} error(s) during run"


def table_rows(content: bytes) -> list[dict[str, str]]:
    """Return the object lines of the tables in a zip."""
    rows = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if re.search(r"(^|/)ecotaxa[^/]*\.(tsv|txt)$", name):
                text = archive.read(name).decode("utf-8-sig")
                rows += list(csv.DictReader(io.StringIO(text), delimiter="\t"))[1:]
    return rows


def _handler(world: EcotaxaStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            world.requests.append(f"{method} {self.path}")
            world.headers.append(dict(self.headers))
            path = urlsplit(self.path).path.removeprefix("/api")
            for prefix, (status, content) in world.fail_with.items():
                if path.startswith(prefix):
                    return self._say(status, content)
            for prefix, statuses in world.stumbles.items():
                if path.startswith(prefix) and statuses:
                    if status := statuses.pop(0):
                        return self._say(status, b"<html>Bad Gateway</html>")
                    self.close_connection = True
                    return None
            status, answer = self._answer(method, path, body)
            return self._say(status, json.dumps(answer).encode())

        def _say(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if 300 <= status < 400:
                self.send_header("Location", "http://elsewhere.example/api")
            self.end_headers()
            self.wfile.write(content)

        def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
            if (method, path) == ("POST", "/login"):
                given = json.loads(body)
                good = given == {"username": USER, "password": PASSWORD}
                return (200, TOKEN) if good else (403, {"detail": "Bad credentials"})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, {"detail": "Not authenticated"}
            if (method, path) == ("POST", "/my_files/"):
                return self._upload(body)
            if match := re.fullmatch(r"/file_import/(\d+)", path):
                return self._import(int(match[1]), json.loads(body))
            if match := re.fullmatch(r"/jobs/(\d+)/(answer)?", path):
                return self._job(int(match[1]), match[2] is not None, body)
            if match := re.fullmatch(r"/object_set/(\d+)/query", path):
                return self._objects(int(match[1]))
            if path == "/acquisitions/search":
                project = int(parse_qs(urlsplit(self.path).query)["project_id"][0])
                names = sorted({acquisition for acquisition, _ in world.projects.get(project, [])})
                return 200, [
                    {"acquisid": 100 + n, "acq_sample_id": 1, "orig_id": name} for n, name in enumerate(names)
                ]
            return 404, {"detail": "Not Found"}

        def _upload(self, body: bytes) -> tuple[int, Any]:
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = BytesParser(policy=HTTP).parsebytes(head + body)
            parts = {
                part.get_param("name", header="content-disposition"): part for part in message.iter_parts()
            }
            if "file" not in parts:
                return 422, {
                    "detail": [
                        {"loc": ["body", "file"], "msg": "field required", "type": "value_error.missing"}
                    ]
                }
            name = str(parts["file"].get_filename())
            place = f"/ecotaxa_master/temptask/up{len(world.files)}/{name}"
            content = parts["file"].get_payload(decode=True)
            assert isinstance(content, bytes)
            world.files[place] = content
            return 200, place

        def _import(self, project: int, wish: dict[str, Any]) -> tuple[int, Any]:
            if project in world.readable_only:
                return 403, {"detail": "You are not authorized to access this resource"}
            if project not in world.projects:
                return 404, {"detail": "Project not found"}
            if set(wish) != {
                "source_path",
                "taxo_mappings",
                "skip_loaded_files",
                "skip_existing_objects",
                "update_mode",
            }:
                return 422, {"detail": [{"msg": "field required"}]}
            job = StandInJob(len(world.jobs) + 1, project, wish["source_path"], wish)
            world.jobs[job.job_id] = job
            return 200, {"job_id": job.job_id, "errors": []}

        def _job(self, number: int, answered: bool, body: bytes) -> tuple[int, Any]:
            job = world.jobs.get(number)
            if job is None:
                return 404, {"detail": "Job not found"}
            if not answered:
                world.step(job)
                return 200, job.model()
            reply = json.loads(body)
            job.taxa |= {name: number for name, number in reply["taxa"].items() if number < 1_000_000}
            job.state = "P"
            return 200, None

        def _objects(self, project: int) -> tuple[int, Any]:
            if project not in world.projects:
                return 404, {"detail": "Project not found"}
            query = parse_qs(urlsplit(self.path).query)
            assert query["fields"] == ["obj.orig_id"]
            start, size = int(query["window_start"][0]), int(query["window_size"][0])
            rows = world.projects[project]
            names = sorted({acquisition for acquisition, _ in rows})
            shown = rows[start : start + min(size, 3)]  # small pages, so that paging is tried
            return 200, {
                "object_ids": [start + n for n in range(len(shown))], "acquisition_ids": [100 + names.index(one) for one, _ in shown],
                "sample_ids": [1] * len(shown), "project_ids": [project] * len(shown), "details": [[name] for _, name in shown],
                "total_ids": len(rows),
            }  # fmt: skip

    return Handler
