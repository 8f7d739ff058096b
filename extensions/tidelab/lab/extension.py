"""Puts the parts together in one running Jupyter server."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join

from tidelab.lab.gpus import Gpus
from tidelab.lab.handlers import KeepHandler, LeaseHandler, SelfTestHandler, StatusHandler
from tidelab.lab.identity import Identity, identity
from tidelab.lab.panel import Now, panel
from tidelab.lab.selftest import SelfTest, kernel_interpreters
from tidelab.run_states import RecentRun, runs_in_progress

MAX_RUNS = 20


class LabSide:
    """What the handlers share."""

    def __init__(self, who: Identity, gpus: Gpus, selftest: SelfTest) -> None:
        self.who, self.gpus, self.selftest = who, gpus, selftest

    async def status(self) -> dict[str, Any]:
        """Return what the panel draws now."""
        runs, _ = await asyncio.gather(asyncio.to_thread(_runs, self.who.runs), self.gpus.refresh())
        now = Now(
            time.time(),
            self.who,
            self.gpus.state,
            self.gpus.mine,
            self.selftest,
            tuple(self.gpus.readings),
            runs,
        )
        return panel(now)


def load(server: Any) -> None:
    """Add the handlers to a server and start the GPU's test beside it."""
    who = identity()
    side = LabSide(
        who,
        Gpus(who, server.log),
        SelfTest(
            who,
            Path(server.runtime_dir),
            lambda: kernel_interpreters(server.kernel_spec_manager.get_all_specs()),
            server.log,
        ),
    )
    base = url_path_join(server.web_app.settings["base_url"], "tidelab", "api")
    lease = r"leases/([A-Za-z0-9_.:-]{1,80})"
    routes = [
        (r"status", StatusHandler),
        (rf"{lease}/keep", KeepHandler),
        (lease, LeaseHandler),
        (r"selftest", SelfTestHandler),
    ]
    server.web_app.add_handlers(
        ".*$", [(url_path_join(base, path), handler, {"side": side}) for path, handler in routes]
    )
    if who.lease:
        # After the start: the server answers first.
        server.io_loop.add_callback(side.selftest.start)


def _runs(folder: Path) -> list[tuple[RecentRun, str]]:
    now = datetime.now(UTC)
    return [(run, run.words(now)) for run in runs_in_progress(folder, now)[:MAX_RUNS]]
