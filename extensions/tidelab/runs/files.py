"""Writing so that a reader never sees half a file, and a power cut never leaves one."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its place when the block ends without an error.

    Parameters
    ----------
    path
        The file to replace.
    durable
        Wait until the disk has it; not needed for what is rewritten twice a second.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            # The file itself: what lies at its name may be a link by now.
            os.fchmod(stream.fileno(), 0o644)
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file by `content` in one step."""
    with replacing(path, durable=durable) as stream:
        stream.write(content)


def write_text(path: Path, content: str, *, durable: bool = True) -> None:
    """Replace a file by `content` (UTF-8) in one step."""
    write_bytes(path, content.encode("utf-8"), durable=durable)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file in one step; equal values give equal bytes."""
    write_text(path, json_text(value), durable=durable)


def json_text(value: Any) -> str:
    """Return JSON as `write_json` writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
