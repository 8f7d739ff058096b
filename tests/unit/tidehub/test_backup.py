"""Backups: copies that are whole while others write, a list that is checked, and a way back that harms nothing."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.backup_data import make_data, rows, write
from tidehub.backup import databases, staged
from tidehub.backup.__main__ import main
from tidehub.backup.errors import BackupError
from tidehub.backup.programs import run


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder."""
    return make_data(tmp_path, monkeypatch)


def test_only_databases_that_change_in_place_are_copied(data: Path) -> None:
    (data / "hub/not-a-database.sqlite").write_text("SQLite format 2")
    (data / "hub/link.sqlite").symlink_to(data / "gpus/leases.sqlite")
    write(data / "mlflow/artifacts/model.sqlite", 1)
    found = [file.relative_to(data).as_posix() for file in databases.sqlite_files(data)]
    assert found == ["gpus/leases.sqlite", "hub/accounts.sqlite"]


def test_a_copy_is_one_moment_while_others_write(tmp_path: Path) -> None:
    """Each transaction writes ten rows: a copy that holds a part of one is torn."""
    source, stop = tmp_path / "book.sqlite", threading.Event()
    write(source, 10)

    def writer() -> None:
        while not stop.is_set():
            write(source, 10)

    writing = threading.Thread(target=writer)
    writing.start()
    try:
        for number in range(5):
            databases.copy_sqlite(source, tmp_path / f"{number}.sqlite")
    finally:
        stop.set()
        writing.join()
    counts = [rows(tmp_path / f"{number}.sqlite") for number in range(5)]
    assert all(count % 10 == 0 and count for count in counts)
    assert not list(tmp_path.glob("?.sqlite-*"))


def test_a_damaged_database_stops_the_backup(data: Path) -> None:
    write(data / "hub/accounts.sqlite", 5000)
    content = bytearray((data / "hub/accounts.sqlite").read_bytes())
    content[4096:12288] = b"\xff" * 8192
    (data / "hub/accounts.sqlite").write_bytes(content)
    with pytest.raises(BackupError, match=r"hub/accounts\.sqlite"):
        staged.make(data, {})
    assert not (data / "backup/manifest.json").exists()


def test_the_list_says_what_there_is(data: Path) -> None:
    made = staged.make(data, {})
    assert staged.read(data) == made
    assert [(copy.name, copy.kind) for copy in made.copies] == [
        ("gpus/leases.sqlite", "sqlite"),
        ("hub/accounts.sqlite", "sqlite"),
    ]
    assert rows(data / "backup" / made.copies[0].file) == 5
    assert (data / "backup").stat().st_mode & 0o777 == 0o700
    assert staged.live_files(data)[:2] == [data / "gpus/leases.sqlite", data / "hub/accounts.sqlite"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"copies": None},
        {"copies": [{"name": "x"}]},
        {"name": "../../etc/cron.d/x"},
        {"name": "/etc/passwd"},
        {"file": "../hub/cookie-secret"},
        {"file": "gone.sqlite"},
        {"sha256": "0" * 64},
        {"bytes": 1},
        {"kind": "mysql"},
    ],
)
def test_a_list_that_was_changed_is_refused(data: Path, change: dict[str, object]) -> None:
    staged.make(data, {})
    file = data / "backup/manifest.json"
    content = json.loads(file.read_text())
    (content if change.keys() & content.keys() else content["copies"][0]).update(change)
    file.write_text(json.dumps(content))
    with pytest.raises(BackupError, match=r"backup|differs|format"):
        staged.read(data)


@settings(max_examples=60)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda of: (
            st.lists(of, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "copies", "made_at", "name"]), of)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_list_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("data")
    (folder / "backup").mkdir()
    (folder / "backup/manifest.json").write_bytes(content)
    with pytest.raises(BackupError):
        staged.read(folder)


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        (
            "postgresql+psycopg2:///hub?host=/var/run/postgresql",
            "postgresql:///hub?host=/var/run/postgresql",
            None,
        ),
        (
            "postgresql://ada:p%40ss@db.example:5433/hub?sslmode=require",
            "postgresql://ada@db.example:5433/hub?sslmode=require",
            "p@ss",
        ),
        ("postgresql://ada@db.example/hub", "postgresql://ada@db.example/hub", None),
    ],
)
def test_a_password_is_no_argument(url: str, place: str, password: str | None) -> None:
    assert databases.libpq(url) == (place, {"PGPASSWORD": password} if password else {})
    assert "p%40ss" not in databases.shown(url)


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(BackupError, match="Could not try it: sh ended with status 3 and said: no space"):
        run(["sh", "-c", "echo no space >&2; exit 3"], doing="try it")
    with pytest.raises(BackupError, match="Install the package tidelab-no-such"):
        run(["tidelab-no-such"], doing="try it")


def test_where_is_asked_for(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make"]) == 1
    assert "RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE not set" in capsys.readouterr().err
