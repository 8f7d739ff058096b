"""Finished runs of the brightness use case, executed in this process."""

import sys

import pytest

from tests.support.brightness import make_use_case
from tidelab.runs import get_executor, prepare


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    monkeypatch.delitem(sys.modules, "brightness", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def use_case(tmp_path):
    return make_use_case(tmp_path / "usecases")


@pytest.fixture
def run(use_case):
    """Execute a run; arguments as those of `prepare`."""

    def start(images="sample", **more):
        folder = prepare(use_case, images=images, person="ada", **more)
        get_executor("inline").submit(folder)
        return folder

    return start
