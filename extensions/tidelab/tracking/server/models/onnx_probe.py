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
CLASSIFIER = ("probabilities", "embedding")
DETECTOR = ("boxes", "scores", "embedding")
"""What a model of each kind answers with."""


def limit() -> None:
    """Bound memory and processor time of this process, and forbid it to write files."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def problem(wanted: dict[str, Any]) -> str:
    """Return what is wrong with the model, or an empty string."""
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
    detector = bool(wanted.get("detector"))
    names, expected = [output.name for output in session.get_outputs()], DETECTOR if detector else CLASSIFIER
    for name in expected:
        if name not in names:
            return f"it has no output {name!r} (its outputs are {', '.join(map(repr, names))})"
    return _detector(session, wanted) if detector else _classifier(session, wanted)


def _classifier(session: Any, wanted: dict[str, Any]) -> str:
    import numpy as np

    rng = np.random.default_rng(0)
    for kind in ("empty", "random"):
        try:
            feed = {one.name: _input(one, kind, int(wanted["size_px"]), rng) for one in session.get_inputs()}
            probabilities, embedding = session.run(list(CLASSIFIER), feed)
        except Exception as error:
            return f"it fails on {kind} input ({_first_line(error)})"
        if found := _wrong(np.asarray(probabilities), np.asarray(embedding), wanted, kind):
            return found
    return ""


def _detector(session: Any, wanted: dict[str, Any]) -> str:
    """Give it pictures as an analysis does: one at a time, in two shapes that are neither square nor alike."""
    import numpy as np

    given = [one.name for one in session.get_inputs()]
    if given != ["image"]:
        return f"it takes {', '.join(map(repr, given))}, a detector takes 'image' alone"
    rng = np.random.default_rng(0)
    for kind, (height, width) in (("empty", (64, 96)), ("random", (96, 64))):
        shape = (1, 3, height, width)
        image = np.zeros(shape, np.float32) if kind == "empty" else rng.random(shape, np.float32)
        try:
            answers = [np.asarray(one) for one in session.run(list(DETECTOR), {"image": image})]
        except Exception as error:
            return f"it fails on {kind} input of {width} x {height} px ({_first_line(error)})"
        if found := _wrong_objects(*answers, wanted=wanted, kind=kind):
            return found
    return ""


def _wrong_objects(boxes: Any, scores: Any, embedding: Any, *, wanted: dict[str, Any], kind: str) -> str:
    import numpy as np

    if boxes.ndim != 3 or boxes.shape[0] != 1 or boxes.shape[2] != 4:
        return f"boxes for one picture have the shape {boxes.shape}, expected (1, candidates, 4)"
    expected = (1, boxes.shape[1], wanted["labels"])
    if scores.shape != expected:
        return f"scores for one picture have the shape {scores.shape}; with {wanted['labels']} labels in the card {expected} was expected"
    if embedding.shape != (1, wanted["embedding_dim"]):
        return f"the embedding of one picture has the shape {embedding.shape}, the card says {wanted['embedding_dim']} numbers"
    if not all(np.isfinite(one).all() for one in (boxes, scores, embedding)):
        return f"{kind} input gives numbers that are not finite"
    if (scores < -1e-6).any() or (scores > 1 + 1e-6).any():
        return f"scores for {kind} input do not lie between 0 and 1"
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
