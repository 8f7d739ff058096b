"""A small checkout that `tidelab.paths` points to, with a registry that is a folder."""

import os
from pathlib import Path

import pytest

from tests.support.small_checkout import Checkout, quick_venv
from tidelab.environments import build


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the virtual environments of this process quickly."""
    monkeypatch.setattr(build, "create_venv", quick_venv)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Return a small checkout that `tidelab.paths` points to, with a registry that is a folder."""
    made = Checkout(tmp_path / "checkout")
    for name in [name for name in os.environ if name.startswith(("PIP_", "TIDELAB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TIDELAB_ROOT", str(made.root))
    monkeypatch.setenv("TIDELAB_VARIANT", "cpu")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.wheels))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    return made
