"""There and back through a real restic repository."""

import shutil
from pathlib import Path

import pytest

from tests.support.backup_data import make_data, rows, write
from tidehub.backup.__main__ import main
from tidehub.backup.repository import Repository
from tidehub.embedded.instance import Instance

pytestmark = pytest.mark.skipif(
    shutil.which("restic") is None, reason="needs restic (Debian: apt-get install restic)"
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder."""
    return make_data(tmp_path, monkeypatch)


@pytest.fixture
def repository(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    (tmp_path / "password").write_text("prove")
    monkeypatch.setenv("RESTIC_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", str(tmp_path / "password"))
    return Repository()


def test_there_and_back(
    data: Path, repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", "--tag", "first"]) == 0
    write(data / "hub/accounts.sqlite", 40)
    (data / "homes/ada/runs/r1/results.csv").unlink()
    assert main(["restore"]) == 1
    assert "is not empty. With --replace" in capsys.readouterr().err
    held = Instance(data / "hub").claim()
    assert main(["restore", "--replace"]) == 1
    assert "The hub is running" in capsys.readouterr().err
    held.release()
    assert main(["restore", "latest", "--replace"]) == 0
    said = capsys.readouterr().out
    assert "2 databases, homes of 1 people" in said
    assert rows(data / "hub/accounts.sqlite") == 3
    assert (data / "homes/ada/runs/r1/results.csv").read_text() == "image,label\n"
    assert (data / "hub/cookie-secret").read_text() == "secret"
    assert not (data / "logs").exists()
    assert not (data / "homes/ada/runs/.cache").exists()
    [aside] = tmp_path.glob("data.before-*")
    assert rows(aside / "hub/accounts.sqlite") == 43
    assert not list(tmp_path.glob(".data.restore"))


def test_a_backup_that_is_not_whole_changes_nothing(
    data: Path, repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["make"]) == 0
    (data / "backup/manifest.json").write_text("{}")
    repository.store(data, [], ["spoiled"])
    before = sorted(data.rglob("*"))
    assert main(["restore", "--replace"]) == 1
    assert "is not the list of a backup's databases" in capsys.readouterr().err
    assert [file for file in sorted(data.rglob("*")) if file.name != "instance.lock"] == before
    assert main(["restore", "ffffffff", "--replace"]) == 1
    assert "There is no backup 'ffffffff'" in capsys.readouterr().err
    monkeypatch.setenv("TIDEHUB_DB_URL", "postgresql:///hub")
    first = repository.snapshots()[0]
    assert main(["restore", first.id, "--replace"]) == 1
    assert "Make TIDEHUB_DB_URL agree" in capsys.readouterr().err


def test_one_backup_a_day_stays(
    data: Path, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["make", "--keep-daily", "1", "--keep-weekly", "0", "--keep-monthly", "0"]) == 0
    assert len(repository.snapshots()) == 1
    assert main(["check"]) == 0
    assert main(["list"]) == 0
    assert "tidelab" in capsys.readouterr().out
