"""Published weights from a local stand-in of a repository: records, redirects, ranges, wrong digests, archives."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tidelab.catalogue.model import PublishedModel
from tidelab.training.addresses import AddressRules
from tidelab.training.fetching import FetchError, Web
from tidelab.training.published import fetch

WEIGHTS = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
MD5 = hashlib.md5(WEIGHTS, usedforsecurity=False).hexdigest()


class Repository(BaseHTTPRequestHandler):
    """Answers from `server.files`; knows ranges, redirects and how to break off."""

    def do_GET(self):
        server = self.server
        server.log.append((self.path, self.headers.get("Range")))
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path not in server.files:
            self.send_error(404)
            return
        content, tag = (
            server.files[self.path],
            f'"{hashlib.md5(server.files[self.path], usedforsecurity=False).hexdigest()}"',
        )
        start, wanted = 0, self.headers.get("Range")
        if wanted and self.headers.get("If-Range") in (None, tag):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = server.break_after.pop(self.path, None)
        self.wfile.write(content[start : start + stop] if stop else content[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def repository():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    server.files, server.redirects, server.break_after, server.log = {}, {}, {}, []
    server.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(repository):
    return Web(AddressRules(trusted_origins=frozenset({repository.origin})))


def record(repository, name="weights.h5", content=WEIGHTS, checksum=f"md5:{MD5}"):
    """Publish a file the way Zenodo lists one."""
    repository.files[f"/api/records/77/files/{name}/content"] = content
    listing = {
        "files": [
            {
                "key": name,
                "size": len(content),
                "checksum": checksum,
                "links": {"self": f"{repository.origin}/api/records/77/files/{name}/content"},
            }
        ]
    }
    repository.files["/api/records/77"] = json.dumps(listing).encode()


def declared(**changes):
    values = {
        "name": "test-weights", "title": "T", "doi": "10.5281/zenodo.77", "file": "weights.h5", "checksum": "from-repository",
        "framework": "keras", "licence": "CC0", "citation": "C", "preprocessing": {"size_px": 32, "mean": [0, 0, 0], "scale": [255, 255, 255]},
    }  # fmt: skip
    return PublishedModel.model_validate(
        {key: value for key, value in {**values, **changes}.items() if value is not None}
    )


@pytest.fixture
def get(repository, web, tmp_path):
    def call(model, **options):
        return fetch(
            model, tmp_path, web=web, resolver=repository.origin, zenodo=repository.origin, **options
        )

    return call


def test_first_fetch_by_doi_is_checked_against_the_repository_and_pinned(repository, get):
    record(repository)
    seen = []
    found = get(declared(), on_progress=lambda there, total: seen.append((there, total)))
    assert found.weights.read_bytes() == WEIGHTS
    assert (found.sha256, found.first) == (SHA256, True)
    assert found.source == f"https://doi.org/10.5281/zenodo.77 sha256:{SHA256}"
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_the_second_time_nothing_is_fetched(repository, get):
    record(repository)
    get(declared())
    repository.log.clear()
    assert not get(declared()).first
    assert repository.log == []


def test_a_file_changed_on_this_machine_is_seen_and_removed(repository, get):
    record(repository)
    found = get(declared())
    found.weights.write_bytes(b"other")
    with pytest.raises(FetchError, match=r"sha256 is .*expected"):
        get(declared())
    assert not found.weights.exists()


def test_once_pinned_a_replaced_file_is_refused(repository, get):
    """The record now lists another file, with a checksum that agrees with it: the remembered sha256 does not."""
    record(repository)
    get(declared()).weights.unlink()
    other = WEIGHTS[::-1]
    record(repository, content=other, checksum=f"md5:{hashlib.md5(other, usedforsecurity=False).hexdigest()}")
    with pytest.raises(FetchError, match="sha256"):
        get(declared())


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64, "checksum": None}, {"checksum": "md5:" + "0" * 32}])
def test_a_digest_that_differs_leaves_nothing_behind(repository, get, tmp_path, changes):
    record(repository)
    with pytest.raises(FetchError, match="not the file that was published"):
        get(declared(**changes))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_broken_download_goes_on_where_it_stopped(repository, get):
    record(repository)
    path = "/api/records/77/files/weights.h5/content"
    repository.break_after[path] = 100_000
    with pytest.raises(FetchError, match="goes on where it stopped"):
        get(declared())
    assert get(declared()).weights.read_bytes() == WEIGHTS
    ranges = [wanted for name, wanted in repository.log if name == path]
    assert ranges[0] is None
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) <= 100_000


def test_a_file_that_changed_in_between_is_fetched_anew(repository, get):
    record(repository, content=b"old" * 90_000)
    path = "/api/records/77/files/weights.h5/content"
    repository.break_after[path] = 50_000
    with pytest.raises(FetchError):
        get(declared())
    record(repository)
    assert get(declared()).weights.read_bytes() == WEIGHTS


def test_redirects_within_the_repository_are_followed(repository, get):
    record(repository)
    repository.redirects["/api/records/77"] = "/api/records/78"
    repository.files["/api/records/78"] = repository.files["/api/records/77"]
    assert get(declared()).sha256 == SHA256


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://127.0.0.1:1/secret", "not https"),
        ("https://127.0.0.1/secret", "not among the hosts"),
        ("https://169.254.169.254/latest/meta-data", "not among the hosts"),
        ("file:///etc/passwd", "not https"),
    ],
)
def test_a_redirect_elsewhere_is_refused(repository, get, target, words):
    record(repository)
    repository.redirects["/api/records/77/files/weights.h5/content"] = target
    with pytest.raises(FetchError, match=words):
        get(declared())


def test_a_redirect_to_a_name_of_a_private_address_is_refused(repository, get, monkeypatch):
    import socket

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (
            [(0, 0, 0, "", ("192.168.0.9", 443))] if host == "zenodo.org" else real(host, *a, **k)
        ),
    )
    record(repository)
    repository.redirects["/api/records/77/files/weights.h5/content"] = "https://zenodo.org/file"
    with pytest.raises(FetchError, match="inside a private network"):
        get(declared())


def test_endless_redirects_end(repository, get):
    record(repository)
    repository.redirects["/api/records/77"] = "/api/records/77"
    with pytest.raises(FetchError, match="more than 5 times"):
        get(declared())


def test_the_default_rules_refuse_the_stand_in(repository, tmp_path):
    record(repository)
    with pytest.raises(FetchError, match="not https"):
        fetch(declared(), tmp_path, resolver=repository.origin, zenodo=repository.origin)


def test_no_network(get, repository, tmp_path):
    repository.shutdown()
    repository.server_close()
    with pytest.raises(FetchError, match=r"cannot be reached.*Check the network"):
        get(declared())


def test_missing_record_and_missing_file(repository, get):
    with pytest.raises(FetchError, match=r"answered 404.*check the DOI"):
        get(declared())
    record(repository, name="other.h5")
    with pytest.raises(FetchError, match=r"has no file weights\.h5; it lists: other\.h5"):
        get(declared())


def test_a_record_that_is_no_record(repository, get):
    repository.files["/api/records/77"] = b"<html>not found</html>"
    with pytest.raises(FetchError, match="did not answer with JSON"):
        get(declared())


def test_nothing_to_check_against(repository, get):
    record(repository, checksum="")
    with pytest.raises(FetchError, match="neither a sha256 nor a checksum"):
        get(declared())


def test_another_repository_is_found_through_the_resolver(repository, get):
    record(repository)
    repository.files["/api/handles/10.1234/abc"] = json.dumps(
        {"values": [{"type": "URL", "data": {"value": f"{repository.origin}/records/77"}}]}
    ).encode()
    assert get(declared(doi="10.1234/abc")).sha256 == SHA256
    repository.files["/api/handles/10.1234/paper"] = json.dumps(
        {"values": [{"type": "URL", "data": {"value": "https://journal.example/1"}}]}
    ).encode()
    with pytest.raises(FetchError, match="does not lead to a repository"):
        get(declared(name="other-one", doi="10.1234/paper"))


def archive(kind):
    buffer = io.BytesIO()
    members = {"top/model/w.h5": WEIGHTS, "top/classes.txt": b"A\nB\n", "../../escape.txt": b"no"}
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as opened:
            for name, content in members.items():
                opened.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_members_of_an_archive(repository, get, tmp_path, kind):
    content = archive(kind)
    record(
        repository, f"all.{kind}", content, f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    )
    model = declared(file=f"all.{kind}", member="top/model/w.h5", classes_file="top/classes.txt")
    found = get(model)
    assert found.weights.read_bytes() == WEIGHTS
    assert found.classes.read_text() == "A\nB\n"
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(FetchError, match=r"holds no file top/none\.h5"):
        get(declared(file=f"all.{kind}", member="top/none.h5"))
    get(declared(file=f"all.{kind}", member="top/model/w.h5", aphia_ids_file="../../escape.txt"))
    assert not (tmp_path.parent / "escape.txt").exists()
    assert (tmp_path / "test-weights" / "unpacked" / "escape.txt").exists(), (
        "only the last part of a name is used"
    )


def test_a_member_that_is_too_large_is_not_written_to_its_end(repository, get, tmp_path, monkeypatch):
    monkeypatch.setattr("tidelab.training.published._MAX_MEMBER", len(WEIGHTS) - 1)
    content = archive("zip")
    record(repository, "all.zip", content, f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}")
    with pytest.raises(FetchError, match="is larger than"):
        get(declared(file="all.zip", member="top/model/w.h5"))
    assert list((tmp_path / "test-weights" / "unpacked").iterdir()) == []


def test_a_damaged_archive(repository, get):
    content = archive("tar.gz")[:500]
    record(
        repository, "all.tar.gz", content, f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
    )
    with pytest.raises(FetchError, match="cannot be unpacked"):
        get(declared(file="all.tar.gz", member="top/model/w.h5"))
