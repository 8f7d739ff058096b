"""The stop button of Lab, and Ctrl-C, as a wish to end a training in good order."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_button() -> Iterator[Callable[[], bool]]:
    """Remember the first interrupt instead of raising it; a second one raises `KeyboardInterrupt` as ever.

    Raised anywhere, an interrupt would leave a training half-way through a step, with what it had learned lost.

    Yields
    ------
    callable
        Says whether somebody has pressed it. Outside the main thread, where no interrupt arrives, it never says so.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def press(number: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        # None: a handler that was not set from Python, which Python cannot set again.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
