"""What can end a video, a watch or a live analysis, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StreamError(Exception):
    """It cannot start or go on; the text says what happened, what was expected and what to do next."""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about files of `folder` into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full. Free some space and start again"
        else:
            why = f"{error.strerror or type(error).__name__}. Choose another folder with --out, or correct that and start again"
        raise StreamError(
            f"The results in {folder} could not be written: {why}; what is complete there stays."
        ) from None
