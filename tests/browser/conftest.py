"""A person at a real browser, in front of a Tidelab that was started as `make run` starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import Embedded
from tests.support.pages import Person, person, pictures_folder


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    return pictures_folder(tmp_path_factory.mktemp("screenshots"))


@pytest.fixture
def ada(chromium: str, embedded: Embedded, screenshots: Path) -> Iterator[Person]:
    """Someone who has just signed in; at the end no page may have met a fault of the server or of a script."""
    assert embedded.user, "the data folder was not fresh"
    assert embedded.password
    with person(chromium, embedded.address, screenshots) as someone:
        someone.sign_in(embedded.user, embedded.password)
        yield someone
        assert someone.faults == []
