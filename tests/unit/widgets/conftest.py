"""A use case of its own for each test, and every place inside the test's folder."""

import sys

import pytest

from tests.support.brightness import make_use_case


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    monkeypatch.delitem(sys.modules, "brightness", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def use_case(tmp_path):
    return make_use_case(tmp_path / "usecases")
