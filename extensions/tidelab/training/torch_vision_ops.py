"""torchvision's box operators where its compiled ones do not load.

Package registries carry torchvision built for CUDA. Beside a CPU build of torch its compiled library does not load, and
``import torchvision`` ends with "operator torchvision::nms does not exist": no detector trains or predicts. Every interpreter of
the stack ``torch`` imports this module when it starts (``startup`` in ``images/torch/stack.toml``). It waits for torchvision to be
imported; only where the operators are absent it declares them and gives non-maximum suppression a kernel in NumPy. The installed
files stay as they are, and where the operators load nothing is changed.

Imported at each start, so it imports nothing heavy itself.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

EXTENSION = "torchvision.extension"
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Return the indices of the boxes that stay, best score first, as ``torchvision.ops.nms``.

    Parameters
    ----------
    boxes
        Tensor ``(n, 4)``: x_min, y_min, x_max, y_max.
    scores
        Tensor ``(n,)``. Of equal scores the earlier one comes first.
    iou_threshold
        A box goes when a better one overlaps it more than this (intersection over union).

    Returns
    -------
    torch.Tensor
        int64 of shape ``(m,)`` on the device of `boxes`.
    """
    import numpy as np
    import torch

    corners = boxes.detach().cpu().numpy().astype(np.float64)
    order = (-scores.detach().cpu().numpy().astype(np.float64)).argsort(kind="stable")
    left, top, right, bottom = corners.T
    area = (right - left) * (bottom - top)
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        width = (np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])).clip(0)
        height = (np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])).clip(0)
        common = width * height
        # As a product: boxes without area have no quotient, and overlap nothing.
        order = rest[common <= iou_threshold * (area[best] + area[rest] - common)]
    return torch.as_tensor(np.array(kept, dtype=np.int64), device=boxes.device)


def repair(extension: ModuleType) -> bool:
    """Declare the operators that ``torchvision.extension`` found absent; return whether anything was done."""
    if extension._has_ops():
        return False
    import torch

    library = torch.library.Library("torchvision", "DEF")
    # qnms (quantised) is declared because torchvision names it at import; it has no kernel and says so when it is called.
    for name in ("nms", "qnms"):
        library.define(name + _SIGNATURE)
    library.impl("nms", nms, "CompositeExplicitAutograd")
    # The registration lasts as long as the object.
    vars(extension)["_tidelab_library"] = library
    vars(extension)["_assert_has_ops"] = lambda: None
    return True


class _Loader:
    """Loads ``torchvision.extension`` as it is, then repairs it."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._own.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._own.exec_module(module)
        repair(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


class _Finder:
    """Stands before Python's own finders for one module's sake."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != EXTENSION:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


def watch() -> None:
    """Wait for torchvision to be imported. Called at every start of an interpreter of the stack; again changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


watch()
