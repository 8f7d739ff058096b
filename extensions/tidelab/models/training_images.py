"""``training_images.txt`` of a bundle: the sha256 of every image that the model learned from or that decided about it.

Two models are compared fairly on images that neither has seen. A digest says nothing of an image to anybody who does not have it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tidelab.models.errors import BundleError

TRAINING_IMAGES: Final = "training_images.txt"
_LINE: Final = re.compile(r"[0-9a-f]{64}")
_MAXIMUM_BYTES: Final = 200 * 2**20
"""Three million images."""


@dataclass(frozen=True)
class TrainingImages:
    """What a model has seen.

    Parameters
    ----------
    digests
        sha256 hex of each file: training and validation images, and those of the model it started from.
    """

    digests: frozenset[str] = frozenset()

    def to_bytes(self) -> bytes:
        """Return the file: one digest a line, sorted."""
        return "".join(f"{one}\n" for one in sorted(self.digests)).encode("ascii")

    @classmethod
    def load(cls, folder: Path | str) -> Self | None:
        """Read the list of a bundle folder, whose digests were checked before; None where the bundle carries none.

        Raises
        ------
        BundleError
            Names file and line where it is not such a list.
        """
        path = Path(folder) / TRAINING_IMAGES
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise BundleError(f"{path} is not a plain file. Copy the model again.")
        if not path.exists():
            return None
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise BundleError(
                f"{path} is larger than {_MAXIMUM_BYTES // 2**20} MB; a line a training image is expected."
            )
        lines = path.read_bytes().decode("ascii", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            if not _LINE.fullmatch(line):
                raise BundleError(
                    f"{path}, line {number}: {line[:80]!r}. Expected the sha256 of a training image, 64 hexadecimal digits. "
                    "Export the model again."
                )
        return cls(frozenset(lines))
