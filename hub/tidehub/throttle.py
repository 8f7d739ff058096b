"""Rate limit of sign-ins: a growing delay per account and per address, kept in memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class _Record:
    failures: int = 0
    blocked_until: float = 0.0
    last: float = 0.0


class Throttle:
    """Count failed attempts per key; after a few, every further one doubles the wait.

    An attempt counts as failed when it begins and is forgiven when it succeeds: many guesses sent at once are not free.

    Parameters
    ----------
    free
        Failures before the first wait.
    longest
        The longest wait, seconds. For an account it bounds how long a stranger's guesses can keep the owner out.
    forget
        A key without an attempt for so long starts afresh, seconds.
    capacity
        Keys remembered; beyond it the oldest are forgotten, so that made-up names cannot fill the memory.
    """

    def __init__(
        self,
        *,
        free: int = 5,
        longest: float = 300.0,
        forget: float = 3600.0,
        capacity: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free, self._longest, self._forget, self._capacity = free, longest, forget, capacity
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return how many seconds this key has to wait, 0 if it may try now."""
        record = self._records.get(key)
        return max(0.0, record.blocked_until - self._clock()) if record else 0.0

    def begin(self, key: str) -> None:
        """Note an attempt."""
        now = self._clock()
        record = self._records.pop(key, None)
        if record is None or now - record.last > self._forget:
            record = _Record()
        record.failures += 1
        self._block(record, now)
        self._records[key] = record
        while len(self._records) > self._capacity:
            self._records.popitem(last=False)

    def fail(self, key: str) -> None:
        """Let the wait begin now: the attempt has failed, and checking it may have taken longer than the wait."""
        record = self._records.get(key)
        if record:
            self._block(record, self._clock())

    def succeed(self, key: str) -> None:
        """Forgive a key whose attempt succeeded."""
        self._records.pop(key, None)

    def undo(self, key: str) -> None:
        """Take one noted attempt back: it succeeded, but others behind the same key may still be guessing."""
        record = self._records.get(key)
        if record:
            record.failures = max(0, record.failures - 1)
            record.blocked_until = 0.0 if record.failures < self._free else record.blocked_until

    def _block(self, record: _Record, now: float) -> None:
        record.last = now
        beyond = record.failures - self._free
        if beyond >= 0:
            record.blocked_until = now + min(self._longest, 2.0 ** min(beyond, 30))


def wait_sentence(seconds: float) -> str:
    """Say how long to wait, in words for the person at the login page."""
    whole = max(1, round(seconds + 0.5))
    unit = "second" if whole == 1 else "seconds"
    return f"Too many sign-in attempts. Please wait {whole} {unit}, then try again."
