"""Curves that grow while the network learns."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from tidelab.training import plots
from tidelab.training.progress import DetectorEpoch, Epoch

AnyEpoch = TypeVar("AnyEpoch", Epoch, DetectorEpoch)


class Live(Generic[AnyEpoch]):
    """Show the learning curves in a notebook while a training runs; in a terminal, print a line now and then.

    Parameters
    ----------
    draw
        Draws the epochs so far, PNG bytes.
    say
        One epoch in words.
    every_s
        Redrawn at most this often, seconds: drawing costs the time of a small epoch.
    """

    def __init__(
        self,
        draw: Callable[[Sequence[AnyEpoch]], bytes],
        say: Callable[[AnyEpoch], str],
        every_s: float = 2.0,
    ) -> None:
        self.history: list[AnyEpoch] = []
        self._plot: Callable[[Sequence[AnyEpoch]], bytes] = draw
        self._say: Callable[[AnyEpoch], str] = say
        self._every, self._drawn = every_s, float("-inf")
        self._handle: Any = None
        self._line: Any = None

    def __call__(self, epoch: AnyEpoch) -> None:
        """Take in one epoch."""
        self.history.append(epoch)
        last = epoch.number == epoch.total
        if not last and time.monotonic() - self._drawn < self._every:
            return
        self._drawn = time.monotonic()
        if _in_notebook():
            self._draw(epoch)
        else:
            print(self._say(epoch), flush=True)

    def tell(self, words: str) -> None:
        """Show a line of words, in a notebook above the curves and instead of the line before."""
        if not _in_notebook():
            print(words, flush=True)
            return
        self._line = _shown(self._line, {"text/plain": words})

    def _draw(self, epoch: AnyEpoch) -> None:
        # A notebook shows of a picture with words the picture alone, so the words are a line of their own.
        self.tell(self._say(epoch))
        content = {"image/png": self._plot(self.history), "text/plain": self._say(epoch)}
        self._handle = _shown(self._handle, content)


class LiveCurves(Live[Epoch]):
    """Curves of a classifier; `every_s` as in `Live`."""

    def __init__(self, every_s: float = 2.0) -> None:
        super().__init__(plots.curves, sentence, every_s)


def sentence(epoch: Epoch) -> str:
    """Return one epoch in words."""
    held = (
        ""
        if epoch.validation_accuracy is None
        else f", {epoch.validation_accuracy:.0%} of the validation images named rightly"
    )
    return f"epoch {epoch.number} of {epoch.total}: loss {epoch.loss:.2f}{held}, {epoch.seconds:.0f} s"


def _shown(handle: Any, content: dict[str, Any]) -> Any:
    """Show something in a notebook in the place of what `handle` shows; return the handle of that place."""
    from IPython import display as shown

    if handle is None:
        show: Any = shown.display
        return show(content, raw=True, display_id=True)
    handle.update(content, raw=True)
    return handle


def _in_notebook() -> bool:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None
