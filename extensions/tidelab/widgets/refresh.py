"""Shows views again when the names in force have changed, without keeping the person who changes them waiting."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tidelab.reports import views
from tidelab.reports.display import Displayable
from tidelab.runs import RunFolder

QUIET_S: Final = 0.6
"""How long a person at the grid must pause before the numbers follow."""
_log = logging.getLogger(__name__)

View = Callable[[Any], Displayable]


class Refresher:
    """Computes views in a thread of its own, one after the other, and shows those that differ.

    Parameters
    ----------
    shown
        Outputs with their views; the list may grow.
    run
        Returns the run that is shown, None when it is not finished or there is none.
    """

    def __init__(self, shown: list[tuple[Any, View]], run: Callable[[], RunFolder | None]) -> None:
        self._shown, self._run = shown, run
        self._later: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        # One thread: figures are drawn one at a time, also when an earlier round was given up.
        self._worker = ThreadPoolExecutor(1, "views")

    def soon(self) -> None:
        """Begin once there were no further changes for a moment; what is under way is given up, for it is out of date."""
        self.stop()
        self._later = asyncio.get_running_loop().call_later(QUIET_S, self._begin)

    def stop(self) -> None:
        """Show nothing again: another run comes."""
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._again())

    async def _again(self) -> None:
        run = self._run()
        if run is None:
            return
        for output, view in list(self._shown):
            try:
                # The buttons give the files as they are when they are pressed; a download under way must go on.
                if view is views.downloads:
                    await asyncio.get_running_loop().run_in_executor(self._worker, _look_again, run)
                    continue
                fresh = await asyncio.get_running_loop().run_in_executor(self._worker, _data, view, run)
            except Exception:
                _log.exception("A view could not be shown again")
                continue
            shown = output.outputs[0].get("data") if len(output.outputs) == 1 else None
            if fresh is not None and fresh != shown:
                # In one step: the page must not jump under the person's hands.
                output.outputs = ({"output_type": "display_data", "data": fresh, "metadata": {}},)


def _data(view: View, run: RunFolder) -> dict[str, str] | None:
    shown = view(run)
    return shown._repr_mimebundle_() if isinstance(shown, Displayable) else None


def _look_again(run: RunFolder) -> None:
    # Not above: the report needs no widgets, and importing them costs it a quarter of a second.
    from tidelab.widgets.downloads import look_again

    look_again(run)
