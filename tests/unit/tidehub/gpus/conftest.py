"""A data folder of its own, and leases to speak of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tidelab.leases import Device, Held, Lease, Owner, Request
from tidelab.leases.book import Book


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    monkeypatch.delenv("TIDELAB_LEASES", raising=False)
    return tmp_path


@pytest.fixture
def book(data: Path) -> Book:
    made = Book(data / "gpus" / "leases.sqlite")
    made.set_inventory(
        [Device(f"SIM-{n}", "whole", "Simulated GPU", n, 16_384, simulated=True) for n in range(2)]
    )
    return made


MakeLease = Callable[..., Lease]


@pytest.fixture
def lease() -> MakeLease:
    """Make a lease that is in no book."""

    def make(
        identifier: str = "a", *devices: str, place: str = "docker:" + "ab" * 32, kind: str = "whole"
    ) -> Lease:
        held = tuple(Held(device, 0) for device in devices or ("G0",))
        return Lease(
            id=identifier,
            owner=Owner(identifier, "case", "case"),
            request=Request(kind, len(held)),  # type: ignore[arg-type]
            held=held,
            state="active",
            pool="interactive",
            place=place,
            started=0.0,
            ended=None,
            deadline=None,
            why="",
        )

    return make
