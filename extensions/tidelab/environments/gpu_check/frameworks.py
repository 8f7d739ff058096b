"""What TensorFlow and PyTorch of one interpreter see, and whether they compute on it.

Run as a file by that interpreter, it looks itself and prints JSON; imported, it only starts such processes.
"""

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FRAMEWORKS = {"tensorflow": "TensorFlow", "torch": "PyTorch"}
SECONDS = 180.0
"""TensorFlow with CUDA needs 10 s to import from a warm disk, and a minute or more from a cold one."""
_MARK = "tidelab-gpu-check:"


@dataclass(frozen=True)
class FrameworkView:
    """One framework in one kernel.

    Parameters
    ----------
    name
        ``TensorFlow`` or ``PyTorch``.
    kernel
        The kernel's name.
    devices
        Names of the GPUs it sees.
    computed
        Whether a sum on each of them came out right.
    problem
        What went wrong, in words that go on after its name; empty: nothing.
    """

    name: str
    kernel: str
    version: str = ""
    devices: tuple[str, ...] = ()
    computed: bool = False
    problem: str = ""


def look_in(kernel: str, python: str, seconds: float = SECONDS) -> list[FrameworkView]:
    """Let each framework of an interpreter look; frameworks that it does not have are left out."""
    views = (_look(kernel, python, framework, seconds) for framework in FRAMEWORKS)
    return [view for view in views if view is not None]


def _look(kernel: str, python: str, framework: str, seconds: float) -> FrameworkView | None:
    from tidelab.environments.gpu_check.driver import first_line
    from tidelab.environments.gpu_check.running import run

    name = FRAMEWORKS[framework]
    try:
        # -P: this file's folder stays off the import path, where modules of ours would stand in for others'.
        done = run([python, "-P", __file__, framework], seconds, {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"})
    except OSError as error:
        return FrameworkView(name, kernel, problem=f"cannot be started ({error.strerror})")
    if done.status is None:
        return FrameworkView(name, kernel, problem=f"did not answer within {seconds:g} s")
    said = [line for line in done.output.splitlines() if line.startswith(_MARK)]
    try:
        answer = json.loads(said[-1].removeprefix(_MARK))
        if not answer["installed"]:
            return None
        devices = tuple(str(device)[:120] for device in answer["devices"][:64])
        problem = first_line(str(answer["problem"])) if answer["problem"] else ""
        return FrameworkView(
            name, kernel, str(answer["version"])[:40], devices, answer["computed"] is True, problem
        )
    except (IndexError, KeyError, TypeError, ValueError):
        why = first_line("\n".join(reversed(done.errors.splitlines())))
        return FrameworkView(name, kernel, problem=f"ended with status {done.status}: {why}")


def _torch() -> dict[str, Any]:
    torch = importlib.import_module("torch")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    sums = [float((torch.ones(64, device=f"cuda:{n}") * 2).sum()) for n in range(count)]
    return {
        "version": torch.__version__,
        "devices": [torch.cuda.get_device_name(n) for n in range(count)],
        "computed": bool(sums) and all(total == 128.0 for total in sums),
    }


def _tensorflow() -> dict[str, Any]:
    tf = importlib.import_module("tensorflow")
    devices = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in devices
    ]
    for device in devices:  # without this the test alone would take all memory of the card
        tf.config.experimental.set_memory_growth(device, True)
    sums = []
    for number in range(len(devices)):
        with tf.device(f"/GPU:{number}"):
            sums.append(float(tf.reduce_sum(tf.ones(64) * 2.0)))
    computed = bool(sums) and all(total == 128.0 for total in sums)
    return {"version": tf.__version__, "devices": names, "computed": computed}


_LOOKS: dict[str, Callable[[], dict[str, Any]]] = {"tensorflow": _tensorflow, "torch": _torch}


def _main(framework: str) -> None:
    answer: dict[str, Any] = {
        "installed": False,
        "version": "",
        "devices": [],
        "computed": False,
        "problem": "",
    }
    if importlib.util.find_spec(framework) is not None:
        answer["installed"] = True
        try:
            answer |= _LOOKS[framework]()
        except (
            Exception
        ) as error:  # whatever a framework raises on a broken card is what the person must read
            answer["problem"] = f"{type(error).__name__}: {error}"
    print(_MARK + json.dumps(answer), flush=True)
    # A framework on a broken card may hang while it is taken down; everything is said by now.
    os._exit(0)


if __name__ == "__main__":
    _main(sys.argv[1])
