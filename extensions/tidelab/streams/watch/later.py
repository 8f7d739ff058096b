"""Files that could not be read just now, and when they are tried again: a right that is set later, a network drive that hangs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tidelab.streams.watch.journal import Seen

_CALLED_AGAIN_S: Final = 60.0


@dataclass
class _Try:
    size: int
    mtime_ns: int
    begun: float
    wait_s: float
    at: float
    failures: int
    called: float = float("-inf")


@dataclass
class Later:
    """A timetable of tries; all moments are seconds of one clock that never goes back.

    Parameters
    ----------
    first_s, longest_s
        Wait after the first failure, which doubles with each further one, up to the longest.
    patience_s, most_failures
        So long after the first failure, or after so many, a file is given up for now.
    most
        Files that may be on the timetable; further ones are given up at once.
    """

    first_s: float
    longest_s: float
    patience_s: float
    most_failures: int = sys.maxsize
    most: int = 50_000
    _tries: dict[str, _Try] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._tries)

    def __contains__(self, name: object) -> bool:
        return name in self._tries

    def failed(self, file: Seen, now: float) -> bool:
        """Note that a file could not be read; False: it is given up for now, and is not on the timetable any more."""
        known = self._tries.pop(file.name, None)
        begun, wait_s, failures = now, self.first_s, 1
        if known and (known.size, known.mtime_ns) == (file.size, file.mtime_ns):
            begun, wait_s = known.begun, min(2 * known.wait_s, self.longest_s)
            failures = known.failures + 1
        over = now - begun >= self.patience_s or failures >= self.most_failures
        if over or len(self._tries) >= self.most:
            return False
        self._tries[file.name] = _Try(file.size, file.mtime_ns, begun, wait_s, now + wait_s, failures)
        return True

    def due(self, now: float) -> list[str]:
        """Return the names of the files whose time has come; each once a minute, until it is tried or taken off."""
        found = [
            (name, one)
            for name, one in self._tries.items()
            if one.at <= now and now - one.called >= _CALLED_AGAIN_S
        ]
        for _, one in found:
            one.called = now
        return [name for name, _ in found]

    def ready(self, files: Sequence[Seen], now: float) -> list[Seen]:
        """Return the files without those whose time has not come; a file that changed is another one."""
        return [one for one in files if not self._waits(one, now)]

    def done(self, name: str) -> None:
        """Take a file that was settled or vanished off the timetable."""
        self._tries.pop(name, None)

    def _waits(self, file: Seen, now: float) -> bool:
        known = self._tries.get(file.name)
        return (
            known is not None
            and known.at > now
            and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        )
