"""Into a project of EcoTaxa, against a stand-in of its API."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.support.ecotaxa_stand_in import PASSWORD, TOKEN, USER, EcotaxaStandIn
from tidelab.cli import run as cli
from tidelab.exports.ecotaxa_import import (
    Answers,
    Question,
    Recheck,
    compare,
    follow,
    objects_of,
    recheck,
    start,
)
from tidelab.exports.ecotaxa_server import EcotaxaServer, EcotaxaServerError
from tidelab.formats.ecotaxa.write import write_table


def bundle(folder: Path, objects: int = 7, category: str = "") -> Path:
    """Write a zip of small objects in two acquisitions."""
    picture = io.BytesIO()
    Image.new("L", (5, 4), 200).save(picture, "PNG")
    rows = [
        {
            "img_file_name": f"o{n}.png", "img_rank": 0, "object_id": f"scan_{n}", "sample_id": "s", "acq_id": f"d{n % 2}_s",
            **({"object_annotation_category": category, "object_annotation_status": "predicted"} if category else {}),
        }
        for n in range(objects)
    ]  # fmt: skip
    columns = {
        name: "[f]" if name == "img_rank" else "[t]"
        for name in (rows[0] if rows else {"object_id": "", "img_file_name": ""})
    }
    path = folder / "ecotaxa_run.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ecotaxa_run.tsv", write_table(columns, rows))
        for n in range(objects):
            archive.writestr(f"o{n}.png", picture.getvalue())
    return path


def never(_: Question) -> Answers:
    raise AssertionError("nothing should be asked")


def imported(server: EcotaxaServer, path: Path, project: int = 12, ask=never, **how) -> Recheck:
    follow(server, start(server, path, project, **how), ask, poll_s=0)
    return recheck(server, path, project)


def test_import_is_followed_and_compared(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    with EcotaxaStandIn() as world:
        server = EcotaxaServer.sign_in(world.url, USER, PASSWORD)
        result = imported(server, path)
        assert world.files.popitem()[1] == path.read_bytes()
    assert result.agrees
    assert result.expected == result.found == 7
    assert objects_of(path) == {
        "d0_s": {"scan_0", "scan_2", "scan_4", "scan_6"},
        "d1_s": {"scan_1", "scan_3", "scan_5"},
    }
    assert not any(TOKEN in line for line in world.requests)


def test_object_that_did_not_arrive_is_named(tmp_path: Path) -> None:
    with EcotaxaStandIn() as world:
        world.lose = 1
        result = imported(EcotaxaServer(world.url, TOKEN), bundle(tmp_path))
    assert not result.agrees
    assert (
        result.words
        == "The table has 7 objects, the project 6 in the same acquisitions. Missing: d0_s: scan_6."
    )


def test_existing_objects_end_the_job_unless_skipped(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    with EcotaxaStandIn() as world:
        server = EcotaxaServer(world.url, TOKEN)
        imported(server, path)
        with pytest.raises(EcotaxaServerError, match="ended with errors: Duplicate object scan_0 Image"):
            imported(server, path)
        assert imported(server, path, skip_existing=True).agrees
        assert imported(server, path, update=True).agrees


def test_question_is_answered_and_never_guessed(tmp_path: Path) -> None:
    path = bundle(tmp_path, category="Sea Elephant")
    with EcotaxaStandIn() as world:
        server = EcotaxaServer(world.url, TOKEN)
        with pytest.raises(EcotaxaServerError, match="waits in EcoTaxa for category 'sea elephant'"):
            imported(server, path, ask=lambda _: Answers())
        with pytest.raises(EcotaxaServerError, match="asks again for sea elephant"):
            imported(server, path, ask=lambda question: Answers(taxa=dict.fromkeys(question.taxa, 9_999_999)))
        assert imported(
            server, path, ask=lambda question: Answers(taxa=dict.fromkeys(question.taxa, 45))
        ).agrees


@pytest.mark.parametrize(
    ("project", "token", "words"),
    [
        (99, TOKEN, "does not know project 99"),
        (13, TOKEN, "does not allow this for project 13"),
        (12, "wrong", "does not accept the token"),
    ],
)
def test_refusals_say_what_to_do(tmp_path: Path, project: int, token: str, words: str) -> None:
    with EcotaxaStandIn() as world, pytest.raises(EcotaxaServerError, match=words) as caught:
        imported(EcotaxaServer(world.url, token), bundle(tmp_path), project)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "status", "content", "words"),
    [
        ("/jobs", 200, b"<html>", "no JSON"),
        ("/jobs", 200, b'{"state": "Z"}', "not known here"),
        ("/jobs", 500, b"", "answered 500"),
        ("/jobs", 200, b'{"state": "A", "question": {"why": 1}}', "not understood"),
        ("/my_files", 302, b"", "sends elsewhere"),
        ("/my_files", 200, b"{}", "did not say where"),
        ("/file_import", 200, b'{"job_id": 0, "errors": ["TSV bad"]}', "did not start the import: TSV bad"),
        ("/file_import", 200, b'{"job_id": "x"}', "started no job"),
        (
            "/object_set",
            200,
            b'{"total_ids": 5, "details": [], "acquisition_ids": []}',
            "has 5 objects and gave 0",
        ),
        ("/object_set", 200, b"[]", "form that is not known"),
        ("/acquisitions", 200, b'[{"acquisid": "x"}]', "form that is not known"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, prefix: str, status: int, content: bytes, words: str) -> None:
    with EcotaxaStandIn() as world:
        world.fail_with[prefix] = (status, content)
        with pytest.raises(EcotaxaServerError, match=words):
            imported(EcotaxaServer(world.url, TOKEN), bundle(tmp_path))


def test_job_that_never_ends_is_left(tmp_path: Path) -> None:
    with EcotaxaStandIn() as world:
        world.fail_with["/jobs"] = (200, b'{"state": "R"}')
        server = EcotaxaServer(world.url, TOKEN)
        with pytest.raises(EcotaxaServerError, match="goes on in EcoTaxa"):
            follow(server, 5, never, poll_s=0, longest_s=0.05)


def test_looks_that_fail_in_passing_are_repeated_with_longer_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tidelab.exports.ecotaxa_import.time.sleep", waits.append)
    path, told = bundle(tmp_path), list[str]()
    with EcotaxaStandIn() as world:
        server = EcotaxaServer(world.url, TOKEN)
        job_id = start(server, path, 12)
        world.stumbles["/jobs"] = [502, 0, 503, 504, 500, 429]
        job = follow(server, job_id, never, lambda one: told.append(one.message))
        assert job.state == "F"
        assert waits[:6] == [4, 8, 16, 32, 64, 128]
        assert "answered 502" in told[0]
        assert "(1 of 10)" in told[0]
        world.stumbles["/object_set"] = [502, 502]
        world.stumbles["/acquisitions"] = [0]
        assert recheck(server, path, 12, tries=3).agrees
        world.stumbles["/object_set"] = [502]
        with pytest.raises(EcotaxaServerError, match="answered 502"):
            recheck(server, path, 12)
        world.stumbles["/object_set"] = [502] * 4
        with pytest.raises(EcotaxaServerError, match="tidelab ecotaxa check RUN --project 12"):
            recheck(server, path, 12, tries=3)


def test_a_server_that_stays_away_is_left_with_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tidelab.exports.ecotaxa_import.time.sleep", waits.append)
    with EcotaxaStandIn() as world:
        server = EcotaxaServer(world.url, TOKEN)
        job_id = start(server, bundle(tmp_path), 12)
        world.fail_with["/jobs"] = (502, b"")
        with pytest.raises(EcotaxaServerError, match=rf"answered 502.*tidelab ecotaxa follow {job_id} RUN"):
            follow(server, job_id, never)
        assert waits == [4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
        waits.clear()
        world.fail_with["/jobs"] = (401, b"")
        with pytest.raises(EcotaxaServerError, match="does not accept the token"):
            follow(server, job_id, never)
        assert waits == []


def test_an_answer_that_did_not_arrive_is_sent_again_and_asked_once(tmp_path: Path) -> None:
    asked: list[Question] = []

    def ask(question: Question) -> Answers:
        asked.append(question)
        world.stumbles[f"/jobs/{job_id}/answer"] = [502, 0]
        return Answers(taxa=dict.fromkeys(question.taxa, 45))

    with EcotaxaStandIn() as world:
        server = EcotaxaServer(world.url, TOKEN)
        job_id = start(server, bundle(tmp_path, category="Sea Elephant"), 12)
        assert follow(server, job_id, ask, poll_s=0).state == "F"
    assert len(asked) == 1
    assert sum(line.endswith("/answer") for line in world.requests) == 3


def test_bad_bundle_is_not_sent(tmp_path: Path) -> None:
    with EcotaxaStandIn() as world:
        with pytest.raises(EcotaxaServerError, match="would refuse it"):
            imported(EcotaxaServer(world.url, TOKEN), bundle(tmp_path, objects=0))
        assert not world.requests


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ecotaxa.example/api", "without encryption"),
        ("ftp://x", "no address"),
        ("https://u:p@x/api", "no address"),
        ("nonsense", "no address"),
    ],
)
def test_addresses_that_would_leak_are_refused(url: str, words: str) -> None:
    with pytest.raises(EcotaxaServerError, match=words):
        EcotaxaServer(url, TOKEN)


def test_wrong_password_and_no_server() -> None:
    with EcotaxaStandIn() as world, pytest.raises(EcotaxaServerError, match="user and password"):
        EcotaxaServer.sign_in(world.url, USER, "wrong")
    with pytest.raises(EcotaxaServerError, match="cannot be reached"):
        EcotaxaServer(world.url, TOKEN).job(1)
    with pytest.raises(EcotaxaServerError, match="token"):
        EcotaxaServer(world.url, "two words")
    assert TOKEN not in repr(EcotaxaServer(world.url, TOKEN))


def test_comparison_counts_doubles() -> None:
    result = compare({"a": {"1", "2"}}, {"a": ["1", "1", "2"]})
    assert not result.agrees
    assert result.doubled == ("a: 1",)


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle(tmp_path, category="Sea Elephant")
    with EcotaxaStandIn() as world:
        monkeypatch.setenv("TIDELAB_ECOTAXA_URL", world.url)
        monkeypatch.delenv("TIDELAB_ECOTAXA_TOKEN", raising=False)
        monkeypatch.setattr("tidelab.exports.ecotaxa_import.POLL_S", 0)
        monkeypatch.setattr("time.sleep", lambda _: None)
        assert cli(["ecotaxa", "import", str(path), "--project", "12"]) == 1
        assert "TIDELAB_ECOTAXA_TOKEN" in capsys.readouterr().err
        monkeypatch.setenv("TIDELAB_ECOTAXA_TOKEN", TOKEN)
        assert cli(["ecotaxa", "check", str(path), "--project", "12"]) == 1
        assert "Missing" in capsys.readouterr().out
        assert cli(["ecotaxa", "import", str(path), "--project", "12", "--taxon", "sea elephant=45"]) == 0
        said = capsys.readouterr()
        assert "All 7 objects" in said.out
        assert TOKEN not in said.out + said.err
        assert cli(["ecotaxa", "import", str(path), "--project", "12", "--taxon", "oops"]) == 2


def test_an_import_is_followed_again_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle(tmp_path, category="Sea Elephant")
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("TIDELAB_ECOTAXA_TOKEN", TOKEN)
    with EcotaxaStandIn() as world:
        monkeypatch.setenv("TIDELAB_ECOTAXA_URL", world.url)
        world.fail_with["/jobs"] = (502, b"")
        assert cli(["ecotaxa", "import", str(path), "--project", "12"]) == 1
        said = capsys.readouterr()
        assert f"tidelab ecotaxa follow 1 {path} --project 12" in said.err
        assert "answered 502" in said.err
        world.fail_with.clear()
        again = ["ecotaxa", "follow", "1", str(path), "--project", "12", "--taxon", "sea elephant=45"]
        assert cli(again) == 0
        assert "All 7 objects" in capsys.readouterr().out
        assert cli(["ecotaxa", "follow", "1", "--project", "12"]) == 0
        assert "Nothing was compared" in capsys.readouterr().out
        world.projects[12].pop()
        assert cli(again) == 1
        assert "Missing" in capsys.readouterr().out
        assert cli(["ecotaxa", "follow", "9", str(path), "--project", "12"]) == 1
        assert "does not know job 9" in capsys.readouterr().err
