"""Take lines out of a file that only grows, without a moment in which another line could be lost."""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def forget_lines(path: Path, wanted: Mapping[str, str]) -> int:
    """Blank the JSON lines that hold all of the wanted values, and cut what is blank at the end; return how many there were.

    Overwritten in place, under the lock that writers take: no line moves, so whoever appends or reads meanwhile sees whole lines. A
    file that is not there, or may not be written, stays as it is.

    Parameters
    ----------
    path
        A file of JSON objects, one a line; blank lines are passed over by its readers.
    wanted
        Key -> value.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(OSError), os.fdopen(os.open(path, flags), "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        place, forgotten = 0, 0
        content = stream.read()
        for line in content.split(b"\n"):
            if _holds(line, wanted):
                stream.seek(place)
                stream.write(b" " * len(line))
                forgotten += 1
            place += len(line) + 1
        if forgotten:
            stream.flush()
            stream.seek(0)
            end = len(stream.read().rstrip(b" \n"))
            stream.truncate(end + 1 if end else 0)
            os.fsync(stream.fileno())
        return forgotten
    return 0


def _holds(line: bytes, wanted: Mapping[str, str]) -> bool:
    try:
        values = json.loads(line)
    except ValueError:
        return False
    return isinstance(values, dict) and all(values.get(name) == value for name, value in wanted.items())
