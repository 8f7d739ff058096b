"""What tests with real containers have.

Fixtures
--------
engine
    Client of the container engine; skips, saying why, where none answers.
images
    The project's own images, built once from this checkout (`tests.support.images.Images`); what is up to date costs nothing.
"""

import shutil
from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException

from tests.support.images import Images, build_images


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """Return a client of the engine."""
    if shutil.which("docker") is None:
        pytest.skip("needs Docker: there is no `docker` on PATH (Debian: apt-get install docker.io)")
    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except (DockerException, OSError) as error:
        pytest.skip(f"needs a container engine that this account may use; none answers: {str(error)[:200]}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return the images, built where they are not up to date."""
    usecases = tmp_path_factory.mktemp("usecases")
    return build_images(usecases)
