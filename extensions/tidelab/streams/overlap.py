"""Two ways to let steps overlap with a bounded number of things between them: reading ahead, and writing behind."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LOOK_S: Final = 0.1


class _End:
    """Ends a queue."""


def ahead(items: Iterable[T], depth: int, name: str) -> Generator[T, None, None]:
    """Yield `items`, which are made in a thread of their own, at most `depth` ahead.

    Whatever the thread raises is raised here. When the caller stops early, the thread ends before this returns, and `items` is closed.
    """
    waiting: queue.Queue[T | _End | BaseException] = queue.Queue(depth)
    leave = threading.Event()

    def put(item: T | _End | BaseException) -> bool:
        while not leave.is_set():
            try:
                waiting.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put(item):
                    break
            put(_End())
        except BaseException as error:
            put(error)
        finally:
            close = getattr(iterator, "close", None)
            if close:
                close()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        leave.set()
        thread.join()


class Behind(Generic[T]):
    """Calls `work` for each item in a thread of its own; use as a context manager.

    Parameters
    ----------
    work
        Called for one item after another. What it raises is raised by the next :meth:`put`, or when the block ends.
    depth
        Items that may wait; :meth:`put` waits for a place.
    name
        Of the thread.
    """

    def __init__(self, work: Callable[[T], None], depth: int, name: str) -> None:
        self._work = work
        self._waiting: queue.Queue[T | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> "Behind[T]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(_End())
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def put(self, item: T) -> None:
        """Hand over an item; waits while `depth` items are waiting."""
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def offer(self, item: T) -> bool:
        """Hand over an item if there is a place; never waits."""
        if self._error is not None:
            raise self._error
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, _End):
                return
            if self._error is not None:
                continue  # emptied, so that nobody waits for a place
            try:
                self._work(item)
            except BaseException as error:
                self._error = error
