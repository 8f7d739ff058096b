"""``weights.npz`` of a bundle: a network's weights as plain arrays, so that a retraining can start where the champion stands.

Arrays of numbers and text only, never a pickle or a Keras file: the bundle may come from someone else, and loading it must not run
anything. Sizes are checked before anything is unpacked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from tidelab.formats.arrays import Arrays, names_of, read_arrays, to_bytes
from tidelab.models import BundleError

WEIGHTS: Final = "weights.npz"
_MAXIMUM_BYTES: Final = 400 * 2**20
_TEXTS: Final = ("architecture", "labels", "names")

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of one network.

    Parameters
    ----------
    architecture
        Name, version and width of the network, for example ``small_xception:1/network/24``; equal names have equal shapes but for the
        head.
    labels
        Class names in the order of the head's columns.
    names, arrays
        Name and float32 values of each array, in the network's own order; the last two are the head: kernel ``(d, k)`` and bias
        ``(k,)``.
    """

    architecture: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    arrays: tuple[Array, ...]

    def to_bytes(self) -> bytes:
        """Return the file; equal weights give equal bytes."""
        found: dict[str, npt.NDArray[Any]] = {
            "architecture": np.array(self.architecture),
            "labels": np.array(self.labels),
            "names": np.array(self.names),
        }
        found |= {f"w{number:04d}": array for number, array in enumerate(self.arrays)}
        return to_bytes(found)

    @classmethod
    def load(cls, folder: Path | str) -> Self | None:
        """Read the weights of a bundle folder, whose digests were checked before; None where it carries none.

        Raises
        ------
        BundleError
            When the file is too large, damaged, or holds anything but the arrays it should.
        """
        path = Path(folder) / WEIGHTS
        if not path.exists():
            return None
        try:
            found = _arrays(path)
            numbers = [f"w{number:04d}" for number in range(len(found) - len(_TEXTS))]
            if set(found) != {*_TEXTS, *numbers}:
                raise ValueError(f"it holds {sorted(found)[:4]}")
            labels, names = (tuple(str(one) for one in found[name].ravel()) for name in ("labels", "names"))
            made = cls(str(found["architecture"]), labels, names, tuple(found[name] for name in numbers))
            _check(made)
        except ValueError as error:
            raise BundleError(
                f"{path} holds no weights that can be used ({error}). Retrain from scratch (start: scratch), or export the model again."
            ) from None
        return made


def merged(current: Sequence[Array], start: Weights, labels: Sequence[str]) -> tuple[list[Array], str]:
    """Put known weights into a freshly made network.

    The head is kept where the class list is the same in names and order. Otherwise it is made anew, with the columns of the classes that
    both know copied: each column answers for one class alone, so what was learned about it stays true beside other classes.

    Parameters
    ----------
    current
        The fresh network's arrays, head last.
    start
        Weights of the same architecture.
    labels
        Its class names in order.

    Returns
    -------
    tuple
        The arrays to set, and in words what became of the head.

    Raises
    ------
    ValueError
        When a shape differs.
    """
    body, head = list(start.arrays[:-2]), start.arrays[-2:]
    shapes = [one.shape for one in current[:-2]]
    if shapes != [one.shape for one in body] or current[-2].shape[0] != head[0].shape[0]:
        raise ValueError("its layers have other shapes")
    if tuple(labels) == start.labels:
        return [*body, *head], "The class list is the same, so its last layer is kept too."
    kernel, bias = np.array(current[-2]), np.array(current[-1])
    common = [label for label in labels if label in start.labels]
    for label in common:
        new, old = list(labels).index(label), start.labels.index(label)
        kernel[:, new], bias[new] = head[0][:, old], head[1][old]
    words = f"The class list differs, so its last layer is made anew; {len(common)} of {len(labels)} classes are taken over"
    return [*body, kernel, bias], words + (f" ({', '.join(common[:8])})." if common else ".")


def _arrays(path: Path) -> Arrays:
    names = names_of(path, _MAXIMUM_BYTES)
    return read_arrays(path, _MAXIMUM_BYTES, {name: "U" if name in _TEXTS else "f" for name in names})


def _check(found: Weights) -> None:
    if len(found.arrays) != len(found.names) or len(found.arrays) < 2:
        raise ValueError(f"{len(found.names)} names for {len(found.arrays)} arrays")
    if not all(one.dtype == np.float32 and np.isfinite(one).all() for one in found.arrays):
        raise ValueError("it holds something else than finite float32 numbers")
    kernel, bias = found.arrays[-2:]
    if kernel.ndim != 2 or bias.shape != (len(found.labels),) or kernel.shape[1] != len(found.labels):
        raise ValueError(f"its last layer does not fit its {len(found.labels)} classes")
