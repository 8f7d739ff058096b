"""``tidelab`` runs one command in this process and returns its exit code and what it said."""

from typing import NamedTuple

import pytest

from tidelab.cli import run


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def tidelab(capsys):
    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err or arguments[0] == "--debug"
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder of use cases that the catalogue reads."""
    folder = tmp_path / "cases"
    folder.mkdir()
    monkeypatch.setenv("TIDELAB_USECASES", str(folder))
    return folder
