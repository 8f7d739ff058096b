"""A book in an empty folder with a clock that stands still until a test moves it."""

import pytest

from tests.support.leases import FakeClock, simulated
from tidelab.leases import Book, Policy


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def book(tmp_path, clock):
    """Return a book with two whole GPUs; a person may hold any number of them."""
    made = Book(tmp_path / "gpus" / "leases.sqlite", clock=clock)
    made.set_inventory(simulated(2))
    made.set_policy(Policy(per_person=None))
    yield made
    made.close()
