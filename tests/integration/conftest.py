"""Real services, started once for all tests that share them."""

from collections.abc import Iterator

import pytest

from tests.support.hub import RunningHub
from tests.support.tracking import Tracking


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    """Return hub, MLflow and model service with a few people."""
    with RunningHub(tmp_path_factory.mktemp("tracking"), services=("mlflow", "models")) as hub:
        yield Tracking(hub)
