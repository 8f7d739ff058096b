"""What every test has, those of the use cases too.

Fixtures
--------
shared_data
    Folder of the real data beside the checkout; skips, saying so, where there is none.
embedded
    Tidelab as `make run` starts it, once per session, with data of its own (`tests.support.embedded.Embedded`).
chromium
    Path of a Chromium for Playwright's ``executable_path``; skips where there is none.

Folders give the markers: ``tests/integration`` is `integration`, ``tests/docker`` is `docker`, ``tests/browser`` is `browser`. Units run
first, browsers last.

What lies in ``tests/browser`` is tried a second time when it fails, as JupyterLab's own browser tests are: between a click and its effect lie a
browser, a proxy, a hub and a kernel that all share this machine. Each such test is named (``RERUN``) and counted in the last line;
whoever sees one twice looks for the cause. No other test has a second try.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent
IMAGES_S = 1200
BROWSER_TRIES = 2
_TIERS = ("integration", "docker", "browser")

# A busy machine is no failure: time limits are pytest's. The same examples every time, so that a green commit stays green.
settings.register_profile(
    "tidelab", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tidelab")


def pytest_configure(config: pytest.Config) -> None:
    """Keep every test away from the data of the person who runs them."""
    folder = tempfile.mkdtemp(prefix="tidelab-tests-")
    config.stash[_SCRATCH] = folder
    os.environ["TIDELAB_DATA"] = f"{folder}/data"
    os.environ["TIDELAB_RUNS"] = f"{folder}/runs"
    os.environ["TIDELAB_PURPOSE"] = "test"
    for name in ("TIDELAB_CACHE", "TIDELAB_CHAMPIONS", "TIDELAB_MOUNTS", "TIDELAB_USECASES", "TIDELAB_FACE"):
        os.environ.pop(name, None)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the tests wrote."""
    shutil.rmtree(config.stash[_SCRATCH], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder and put the slow tiers last."""
    for item in items:
        for tier in _TIERS:
            if (ROOT / "tests" / tier) in item.path.parents:
                item.add_marker(tier)
        # Whichever of them comes first builds the images, which takes minutes where nothing is there yet.
        if item.get_closest_marker("docker") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(IMAGES_S))
        # TensorFlow's and PyTorch's environments lack the plugin, and have no browser.
        if "chromium" in getattr(item, "fixturenames", ()) and item.config.pluginmanager.hasplugin(
            "rerunfailures"
        ):
            item.add_marker(pytest.mark.flaky(reruns=BROWSER_TRIES - 1))
    items.sort(
        key=lambda item: max(
            (n for n, tier in enumerate(_TIERS, 1) if item.get_closest_marker(tier)), default=0
        )
    )


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Undo what a hub prepared within a test does to the process: what later tests write is for others to read."""
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data (``../shared/data``, or ``TIDELAB_SHARED``)."""
    folder = Path(os.environ.get("TIDELAB_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data at {folder}, which is not part of the project")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("needs a Chromium on PATH (Debian: apt-get install chromium)")


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Return a running Tidelab, as `make run` starts it."""
    from tests.support.embedded import Embedded

    with Embedded(tmp_path_factory.mktemp("embedded")) as running:
        yield running


_SCRATCH = pytest.StashKey[str]()
