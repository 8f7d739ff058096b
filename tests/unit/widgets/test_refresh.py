"""Numbers follow what a person says at the grid: after a pause, without stopping the kernel, never of another run."""

import asyncio
import threading
import time

import pytest
from markupsafe import Markup

from tidelab.reports import views
from tidelab.reports.display import Displayable
from tidelab.widgets import refresh
from tidelab.widgets.refresh import Refresher


class Output:
    """What ipywidgets.Output is to a refresher."""

    def __init__(self):
        self.outputs, self.written = (), 0

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "outputs" and hasattr(self, "written"):
            self.written += 1


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(refresh, "QUIET_S", 0.02)


def text(output):
    return output.outputs[0]["data"]["text/plain"] if output.outputs else ""


def test_many_acts_are_one_refresh_and_the_loop_goes_on_meanwhile():
    seen = []

    def slow(run):
        seen.append((run, threading.current_thread() is threading.main_thread()))
        time.sleep(0.05)
        return Displayable(Markup("<p>x</p>"), f"numbers of {run} {len(seen)}")

    async def play():
        output, ticks = Output(), 0
        refresher = Refresher([(output, slow)], lambda: "run")
        for _ in range(20):
            refresher.soon()
            await asyncio.sleep(0.001)
        assert seen == []
        while not output.outputs:
            ticks += 1
            await asyncio.sleep(0.005)
        assert ticks > 5
        return output

    output = asyncio.run(play())
    assert seen == [("run", False)]
    assert text(output) == "numbers of run 1"


def test_what_did_not_change_is_not_written_again_and_a_view_that_fails_hides_no_other():
    same = Displayable(Markup("<p>same</p>"), "same")

    def broken(run):
        raise ValueError("no")

    async def play():
        outputs = [Output(), Output(), Output()]
        downloads = Output()
        shown = [(outputs[0], lambda run: same), (outputs[1], broken), (downloads, views.downloads), (outputs[2], lambda run: same)]  # fmt: skip
        refresher = Refresher(shown, lambda: "run")
        for _ in range(2):
            refresher.soon()
            await asyncio.sleep(0.1)
        return [*outputs, downloads]

    first, failed, last, downloads = asyncio.run(play())
    assert (text(first), text(last), failed.outputs, downloads.outputs) == ("same", "same", (), ())
    assert first.written == last.written == 1


def test_numbers_of_a_run_that_is_no_longer_shown_never_arrive():
    def slow(run):
        time.sleep(0.05)
        return Displayable(Markup("<p>x</p>"), run)

    async def play():
        output = Output()
        refresher = Refresher([(output, slow)], lambda: "old run")
        refresher.soon()
        await asyncio.sleep(0.04)
        refresher.stop()
        await asyncio.sleep(0.15)
        assert output.outputs == ()
        nothing = Refresher([(output, slow)], lambda: None)
        nothing.soon()
        await asyncio.sleep(0.06)
        assert output.outputs == ()

    asyncio.run(play())
