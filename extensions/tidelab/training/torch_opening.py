"""Open published PyTorch weights, in a process of its own: ``python -m tidelab.training.torch_opening FOLDER``.

Started by `tidelab.training.torch_published` alone, with an environment without tokens. Before it reads anything it gives up the network
(an empty network namespace; where the kernel refuses one, Python's sockets alone, and then it runs no program of a file) and other processes
(Landlock: it can neither read their memory and environment nor send them signals). It runs under the same account: files it can read and
write. It reads `request.json` and the pictures, and leaves `model.onnx` and `answer.json`. Whoever reads those does not trust them.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _NO_NEW_PRIVILEGES = 444, 446, 38
NAMESPACE, PYTHON = "network namespace", "no sockets in Python"
_MOST_BYTES: Final = 4 * 2**30
_MOST_SECONDS: Final = 900


def main(folder: Path) -> None:
    """Open what `request.json` names and write the answer; what goes wrong is an answer too."""
    network = give_up_network()
    isolation = {"network": network, "other_processes": give_up_processes()}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    try:
        request = json.loads((folder / "request.json").read_text("utf-8"))
        if request["trust"] and network != NAMESPACE:
            answer: dict[str, Any] = {"error": "no network namespace", "isolation": isolation}
        else:
            answer = {**_open(folder, request), "isolation": isolation}
    except Exception as error:  # torch and ultralytics raise many kinds
        text = " ".join(str(error).split())[:600] or type(error).__name__
        answer = {"error": text}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def give_up_network() -> str:
    """Leave the machine's network for an empty one; where the kernel refuses that, refuse sockets in Python. Says which."""
    network = Path("/proc/self/ns/net")
    uid, gid, before = os.getuid(), os.getgid(), network.readlink()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    if network.readlink() != before:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            # Without them the process has no name, and the rights that it had.
            with contextlib.suppress(OSError):
                Path("/proc/self", name).write_text(text, encoding="ascii")
        return NAMESPACE
    sys.addaudithook(_refuse_sockets)
    return PYTHON


def give_up_processes() -> bool:
    """Enter a Landlock domain, where the kernel has it; returns whether.

    From inside, processes outside cannot be traced, so that ``/proc/<pid>/environ`` and ``mem`` (tokens, keys) are closed, from version 4 on
    TCP is refused and from 6 on signals (https://docs.kernel.org/userspace-api/landlock.html). A domain has to forbid something about
    files: it is making block devices.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    make_block, tcp, scopes = 1 << 11, 0b11, 0b11
    attributes = (ctypes.c_uint64 * 3)(make_block, tcp if version >= 4 else 0, scopes if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    try:
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _refuse_sockets(event: str, arguments: Any) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        raise PermissionError("this process opens published weights and has no network")


def _open(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    from tidelab.training.yolo_setup import import_yolo
    from tidelab.training.yolo_train import task_of

    ultralytics = import_yolo()
    import torch
    from ultralytics.nn import tasks

    weights, safe = folder / "weights.pt", not request["trust"]
    if not safe:
        tasks.SAFE_LOAD = False  # the person said so
    content, _ = tasks.torch_safe_load(str(weights), safe_only=safe)
    network = content.get("ema") or content["model"]
    network = network.float().eval()
    model = ultralytics.YOLO(str(weights))
    torch.set_num_threads(1)
    size = int(request["image_px"] or (content.get("train_args") or {}).get("imgsz") or 640)
    pictures = _pictures(folder)
    task = task_of(network)
    describe = {
        "task": task,
        "labels": [str(network.names[k]) for k in sorted(network.names)],
        "image_px": size,
        "written_by": str(content.get("version", "")),
        "licence": str(content.get("license", "")),
        "parameters": sum(one.numel() for one in network.parameters()),
    }
    made = _classifier if task == "classify" else _detector
    return {**describe, **made(folder, model, network, pictures, size)}


def _pictures(folder: Path) -> list[Any]:
    with np.load(folder / "pictures.npz", allow_pickle=False) as stored:
        return [stored[name] for name in sorted(stored.files)]


def _classifier(folder: Path, model: Any, network: Any, pictures: list[Any], size: int) -> dict[str, Any]:
    from tidelab.training import torch_export

    mean, scale = _normalisation(getattr(network, "transforms", None))
    # What its authors' own program says of the pictures (ultralytics takes arrays as BGR).
    said = [
        model.predict(one[..., ::-1].copy(), imgsz=size, device="cpu", verbose=False)[0].probs.data
        for one in pictures
    ]
    module = torch_export.classifier_module(network)
    noise = np.random.default_rng(0).random((2, size, size, 3), np.float32)
    exported = torch_export.to_onnx(module, noise, torch_export.CLASSIFIER_OUTPUTS, free_sides=False)
    parity = torch_export.check_classifier(module, exported, [noise])
    (folder / "model.onnx").write_bytes(exported)
    return {
        "mean": mean,
        "scale": scale,
        "said": [[float(value) for value in one.cpu().numpy()] for one in said],
        "parity": {"scores": parity.scores, "embedding": parity.embedding},
    }


def _normalisation(transforms: Any) -> tuple[list[float], list[float]]:
    """Return mean and scale on the 0-255 scale, as the file says; 0 and 255 where it says nothing."""
    for one in getattr(transforms, "transforms", []):
        if type(one).__name__ == "Normalize":
            return [255 * float(value) for value in one.mean], [255 * float(value) for value in one.std]
    return [0.0] * 3, [255.0] * 3


def _detector(folder: Path, model: Any, network: Any, pictures: list[Any], size: int) -> dict[str, Any]:
    from ultralytics.data.augment import LetterBox

    from tidelab.training import torch_export

    module = torch_export.detector_module(network.fuse())
    inputs = [
        np.ascontiguousarray(
            LetterBox((size, size), auto=True, stride=32)(image=one).transpose(2, 0, 1)[None], np.float32
        )
        / 255
        for one in pictures
    ]
    exported = torch_export.to_onnx(module, inputs[0], torch_export.DETECTOR_OUTPUTS, free_sides=True)
    parity = torch_export.check_detector(module, exported, inputs)
    (folder / "model.onnx").write_bytes(exported)
    return {
        "parity": {"scores": parity.scores, "embedding": parity.embedding, "boxes_px": parity.boxes_px},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
