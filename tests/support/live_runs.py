"""Live analyses of the tests: until something is so, whatever the machine does beside."""

import csv
import threading
from collections.abc import Callable
from pathlib import Path

from tidelab.streams.live.address import Address
from tidelab.streams.live.health import Health
from tidelab.streams.live.running import LiveOptions, run_live
from tidelab.streams.model import StreamModel


def run(
    model: StreamModel,
    source: str,
    out: Path,
    *,
    until: Callable[[Health], bool],
    wait: float = 0.05,
    **environment: str,
) -> tuple[Health, list[Health]]:
    """Run until it is so; the two minutes after which it ends anyway are for machines that do much else."""
    told: list[Health] = []
    stop = threading.Event()

    def tell(health: Health) -> None:
        told.append(health)
        if until(health):
            stop.set()

    options = LiveOptions(interval_s=1, camera="cam1", seconds=120, first_wait_s=wait)
    return run_live(model, Address.parse(source, environment), out, options, stop=stop, tell=tell), told


def counted(out: Path) -> list[dict[str, str]]:
    """Return the rows of all days."""
    return [row for path in out.glob("counts-*.csv") for row in csv.DictReader(path.open(newline=""))]
