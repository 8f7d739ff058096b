"""What every module of unit tests leaves as it found it."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _pillow_limit() -> Iterator[None]:
    """Pillow's own limit is one number for the whole process, which a run sets for its use case."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    yield
    Image.MAX_IMAGE_PIXELS = before
