"""Read one training image exactly as an analysis reads it: a model must learn the pixels it will meet."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import decode
from tidelab.runs.inputs.source import FileSource
from tidelab.runs.limits import Limits


class UnreadableError(ValueError):
    """A file that cannot be used as an image; the text says why."""


def read_file(root: Path, name: str) -> tuple[npt.NDArray[np.uint8], str]:
    """Decode the first page of an image.

    Parameters
    ----------
    root
        Folder that the file must not leave.
    name
        Path of the file relative to it.

    Returns
    -------
    tuple
        uint8 ``(height, width, 3)`` RGB, and the sha256 of the file, hexadecimal.

    Raises
    ------
    UnreadableError
        When it is missing, damaged, too large or no image.
    """
    limits, home = Limits(), root.resolve()
    if not (home / name).exists():
        raise UnreadableError("listed, but the file is not there")
    source = FileSource(name=name, key=name, path=(home / name).resolve(), root=home)
    try:
        payload = source.read(limits)
        try:
            return decode(payload, 0, limits), payload.digest
        finally:
            payload.close()
    except InputError as error:
        raise UnreadableError(str(error)) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from None
