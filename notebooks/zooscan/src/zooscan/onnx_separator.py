"""A separator from an ONNX file: any instance-segmentation network whose graph ends in a label image. What the file must hold is below.

=========  =======================  =====================================================================================
Name       Type and shape           Meaning
=========  =======================  =====================================================================================
pixels     float32 (1, C, H, W)     Input. C is 1, or 3 with the same level in each; 0 is black, 1 white; white around the object.
mask       float32 (1, 1, H, W)     Input, may be left out. 1 at the pixels of the object, else 0.
labels     integer (1, H, W) or     Output. 0: nothing is said; any other number: one animal. Of a float output nothing is guessed.
           (1, 1, H, W)
=========  =======================  =====================================================================================

H and W are free, or fixed: then objects are brought to this size, both sides for themselves (pixels bilinear, mask and labels by the nearest
pixel), as the published separator does with its 512 x 512. Where they are free, objects whose longest side is above 1024 px are brought down to
that in proportion in the same way: what a network needs of memory grows with the picture, hundreds of bytes a pixel. Of the file's metadata ``name`` and ``version`` are shown; the digest of the file is what
tells one from another. It is loaded from memory by ONNX Runtime on the processor, with its standard operators alone: an ONNX file holds no
program, and weights in files beside it are not read.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from zooscan.objects import Grey, Mask
from zooscan.separation import Labels, SeparatorError

MAX_BYTES: Final = 1_000_000_000
MAX_SIDE: Final = 4096
"""Of a fixed input."""

MAX_FREE_SIDE: Final = 1024
"""Longest side in pixels with which an object goes into a network whose sides are free."""

MAX_ANIMALS: Final = 1000
"""In one object. More is no separation."""

_CHANNELS: Final = (1, 3)
_INTEGERS: Final = frozenset(
    f"tensor({name})" for name in ("int64", "int32", "int16", "uint8", "uint16", "uint32")
)
_EXPECTED: Final = (
    "Expected the inputs pixels (float32, 1 x 1 or 3 x height x width) and, if it likes, mask (float32, 1 x 1 x height x width), and the output "
    "labels (integer, 1 x height x width); docs/howto/zooscan.md has an example."
)  # fmt: skip


class OnnxSeparator:
    """A network as `zooscan.separation.Separator`.

    Parameters
    ----------
    content
        The ONNX file.
    shown
        What it is called in messages.

    Raises
    ------
    SeparatorError
        When it cannot be loaded, or its inputs and outputs are others than said above.
    """

    def __init__(self, content: bytes, shown: str) -> None:
        import onnxruntime

        self._shown = shown
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_mem_pattern = False  # objects differ in size: a plan of each would be kept for ever
        try:
            self._session: Any = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            about = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise SeparatorError(
                f"{shown} cannot be loaded as an ONNX model ({_line(error)}). {_EXPECTED}"
            ) from None
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        self._check_names()
        self._channels, self._height, self._width = self._size()
        self.digest = hashlib.sha256(content).hexdigest()
        self.runtime = f"onnxruntime {onnxruntime.__version__}"
        named = " ".join(part for part in (about.get("name", ""), about.get("version", "")) if part)
        self.title = named[:100] if named.isprintable() and named else shown
        self.NAME = f"onnx {self.digest}"
        self.VERSION = f"2, {self.runtime}"
        self._try()

    def separate(self, pixels: Grey, mask: Mask) -> Labels:
        """See `zooscan.separation.Separator`."""
        height, width = self._seen(mask.shape[0], mask.shape[1])
        light = np.where(mask, pixels, 255).astype(np.uint8)
        seen = _resized(light, height, width, Image.Resampling.BILINEAR).astype(np.float32) / 255
        feed = {"pixels": np.repeat(seen[None, None], self._channels, axis=1)}
        if "mask" in self._inputs:
            here = _resized(mask.astype(np.uint8), height, width, Image.Resampling.NEAREST)
            feed["mask"] = here.astype(np.float32)[None, None]
        labels = self._numbered(self._answer(feed, (height, width)))
        back = _resized(labels, mask.shape[0], mask.shape[1], Image.Resampling.NEAREST)
        return back.astype(np.int32)

    def about(self) -> dict[str, str]:
        """Return what a manifest says of it."""
        return {"title": self.title, "file": self._shown, "sha256": self.digest, "runtime": self.runtime}

    def _seen(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width with which an object goes into the network."""
        free = [side for side, fixed in ((height, self._height), (width, self._width)) if fixed is None]
        scale = min(1.0, MAX_FREE_SIDE / max(free, default=1))
        return self._height or max(1, round(height * scale)), self._width or max(1, round(width * scale))

    def _answer(self, feed: dict[str, Any], shape: tuple[int, int]) -> np.ndarray[Any, Any]:
        try:
            (found,) = self._session.run(["labels"], feed)
        except MemoryError:
            raise
        except Exception as error:
            raise SeparatorError(f"{self._shown} failed ({_line(error)}). Tell who made it.") from None
        labels = np.asarray(found)
        if labels.shape not in ((1, *shape), (1, 1, *shape)):
            raise SeparatorError(
                f"{self._shown} answered with labels of the shape {labels.shape}; expected {(1, *shape)}. Tell who made it."
            )
        return labels.reshape(shape)

    def _numbered(self, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return labels as 0 and 1, 2, ...: a network may name animals as it likes."""
        numbers, places = np.unique(labels, return_inverse=True)
        if numbers.size > MAX_ANIMALS:
            raise SeparatorError(
                f"{self._shown} says that an object is {numbers.size:,} animals; expected at most {MAX_ANIMALS:,}. Tell who made it."
            )
        ranks = np.cumsum(numbers != 0).astype(np.uint16)
        ranks[numbers == 0] = 0
        found: np.ndarray[Any, Any] = ranks[places].reshape(labels.shape)
        return found

    def _check_names(self) -> None:
        outputs = {one.name: one for one in self._session.get_outputs()}
        wrong = []
        if not {"pixels"} <= set(self._inputs) <= {"pixels", "mask"}:
            wrong.append(f"its inputs are {_names(self._inputs)}")
        wrong += [
            f"its input {name} is {one.type}"
            for name, one in self._inputs.items()
            if one.type != "tensor(float)"
        ]
        if "labels" not in outputs:
            wrong.append(f"its outputs are {_names(outputs)}")
        elif outputs["labels"].type not in _INTEGERS:
            wrong.append(f"its output labels is {outputs['labels'].type}")
        if wrong:
            raise SeparatorError(f"{self._shown} is no separator: {', '.join(wrong)}. {_EXPECTED}")

    def _size(self) -> tuple[int, int | None, int | None]:
        """Return channels, height and width of the input; None: free."""
        shapes = {name: list(one.shape) for name, one in self._inputs.items()}
        free = {
            name: [side if isinstance(side, int) else None for side in shape]
            for name, shape in shapes.items()
        }
        pixels, mask = free["pixels"], free.get("mask")
        fits = len(pixels) == 4 and pixels[0] in (1, None) and pixels[1] in _CHANNELS
        fits = fits and all(side is None or 8 <= side <= MAX_SIDE for side in pixels[2:])
        if mask is not None:
            fits = (
                fits and len(mask) == 4 and mask[0] in (1, None) and mask[1] == 1 and mask[2:] == pixels[2:]
            )
        if not fits:
            raise SeparatorError(
                f"{self._shown} is no separator: its inputs have the shapes {shapes}. {_EXPECTED}"
            )
        return pixels[1] or 1, pixels[2], pixels[3]

    def _try(self) -> None:
        """Run it once: what does not answer at all is refused when it is chosen, not at the first multiple."""
        mask = np.zeros((48, 64), bool)
        mask[8:40, 8:56] = True
        self.separate(np.where(mask, 120, 255).astype(np.uint8), mask)


def read_separator(path: Path) -> tuple[OnnxSeparator, bytes]:
    """Return the separator of a file, and its bytes.

    Raises
    ------
    SeparatorError
        When it cannot be read or is none.
    """
    try:
        if not path.is_file():
            raise SeparatorError(f"{path.name} is no file. {_EXPECTED}")
        if path.stat().st_size > MAX_BYTES:
            raise SeparatorError(
                f"{path.name} is larger than {MAX_BYTES // 10**9} GB, more than a separator may have."
            )
        content = path.read_bytes()
    except OSError as error:
        raise SeparatorError(
            f"{path.name} cannot be read ({error.strerror or type(error).__name__})."
        ) from None
    return OnnxSeparator(content, path.name), content


def _resized(
    picture: np.ndarray[Any, Any], height: int, width: int, how: Image.Resampling
) -> np.ndarray[Any, Any]:
    if picture.shape == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), how))


def _names(given: Any) -> str:
    return ", ".join(sorted(given)) or "none"


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:200]
    return text if text.isprintable() and text else type(error).__name__
