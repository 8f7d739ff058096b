"""Run one ONNX file on empty and random input and say on standard output what is wrong with it.

A program of its own (``python -I onnx_probe.py`` with a JSON object on standard input), so that a hostile or damaged model
harms nothing but this process. Standard library, numpy and ONNX Runtime only.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY_BYTES = 8 * 2**30
CPU_SECONDS = 100


def limit() -> None:
    """Bound memory and processor time of this process, and forbid it to write files."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def problem(wanted: dict[str, Any]) -> str:
    """Return what is wrong with the model, or an empty string."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    content = Path(wanted["path"]).read_bytes()
    try:
        # From bytes: then the file cannot name other files as external data.
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return f"ONNX Runtime cannot load it ({_first_line(error)})"
    names = [output.name for output in session.get_outputs()]
    for name in ("probabilities", "embedding"):
        if name not in names:
            return f"it has no output {name!r} (its outputs are {', '.join(map(repr, names))})"
    rng = np.random.default_rng(0)
    for kind in ("empty", "random"):
        try:
            feed = {one.name: _input(one, kind, int(wanted["size_px"]), rng) for one in session.get_inputs()}
            probabilities, embedding = session.run(["probabilities", "embedding"], feed)
        except Exception as error:
            return f"it fails on {kind} input ({_first_line(error)})"
        if found := _wrong(np.asarray(probabilities), np.asarray(embedding), wanted, kind):
            return found
    return ""


def _input(one: Any, kind: str, size: int, rng: Any) -> Any:
    import numpy as np

    if one.type != "tensor(float)":
        raise ValueError(f"input {one.name!r} is {one.type}, expected float32")
    given = [part if isinstance(part, int) and part > 0 else None for part in one.shape]
    fallback = [2, size, size, 3] if len(given) == 4 else [2] * len(given)
    shape = [2, *(part or other for part, other in zip(given[1:], fallback[1:], strict=True))]
    if int(np.prod(shape)) > 64_000_000:
        raise ValueError(f"input {one.name!r} has the shape {shape}")
    values = np.zeros(shape) if kind == "empty" else rng.normal(size=shape)
    return values.astype(np.float32)


def _wrong(probabilities: Any, embedding: Any, wanted: dict[str, Any], kind: str) -> str:
    import numpy as np

    if probabilities.shape != (2, wanted["labels"]):
        return f"probabilities for 2 images have the shape {probabilities.shape}, the card has {wanted['labels']} labels"
    if embedding.shape != (2, wanted["embedding_dim"]):
        return f"embeddings of 2 images have the shape {embedding.shape}, the card says {wanted['embedding_dim']} numbers each"
    if not (np.isfinite(probabilities).all() and np.isfinite(embedding).all()):
        return f"{kind} input gives numbers that are not finite"
    if (probabilities < -1e-6).any() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        return f"probabilities for {kind} input do not sum to 1"
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    limit()
    try:
        answer = problem(json.load(sys.stdin))
    except MemoryError:
        answer = f"it needs more than {MEMORY_BYTES // 2**30} GB of memory"
    sys.stdout.write(json.dumps({"problem": answer}))
