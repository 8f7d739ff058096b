"""What computes a network: ONNX Runtime, or OpenVINO held to 32-bit floats. One thread a call, any number of calls at once.

Pictures are spread over threads rather than one picture over several: the throughput is higher, and since each picture is computed
alone by one thread, its result cannot depend on what it is batched with or on how many threads there are.

ONNX Runtime is the default on every machine (docs/explanation/detector.md says why): in 32-bit floats OpenVINO is not faster on
the processors measured, and one runtime everywhere means that the same picture has the same scores everywhere, to the last bit.
"""

import os
import queue
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from tidelab.models.bundle import ModelBundle
from tidelab.models.errors import BundleError, ModelError

Array = npt.NDArray[np.float32]
VARIABLE: Final = "TIDELAB_RUNTIME"
SCORE_TOLERANCE: Final = 1e-5
BOX_TOLERANCE_PX: Final = 1e-2
"""Largest differences between the runtimes that the tests accept."""


class Runtime(Protocol):
    """A network, ready to compute.

    Attributes
    ----------
    name
        Name and version, which enter the cache of results.
    inputs, outputs
        Their names and shapes; None is a side that may vary.
    """

    name: str
    inputs: dict[str, tuple[int | None, ...]]
    outputs: dict[str, tuple[int | None, ...]]

    def run(self, feed: dict[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs; may be called by several threads at once."""
        ...


class OnnxRuntime:
    """ONNX Runtime on the processor."""

    _PROVIDER: ClassVar[str] = "CPUExecutionProvider"

    def __init__(self, bundle: ModelBundle, calls: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = (
            False  # a plan of the memory for each shape of picture would be kept for ever
        )
        try:
            self._session: Any = onnxruntime.InferenceSession(
                bundle.onnx, options, providers=[self._PROVIDER]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise _unloadable(bundle, "ONNX Runtime", error) from None
        self.name = f"onnxruntime {onnxruntime.__version__} {self._PROVIDER}"
        self.inputs = {one.name: _shape(one.shape) for one in self._session.get_inputs()}
        self.outputs = {one.name: _shape(one.shape) for one in self._session.get_outputs()}

    def run(self, feed: dict[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs."""
        return [np.asarray(one, np.float32) for one in self._session.run(list(outputs), feed)]


class OpenVino:
    """OpenVINO on the processor, in 32-bit floats: left alone it computes in bfloat16 where the processor can, and loses boxes."""

    def __init__(self, bundle: ModelBundle, calls: int) -> None:
        openvino = _openvino()
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": calls,
            "NUM_STREAMS": calls,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            model = core.read_model(bundle.onnx)
            compiled = core.compile_model(model, "CPU", settings)
        except Exception as error:  # RuntimeError of several kinds
            raise _unloadable(bundle, "OpenVINO", error) from None
        self.name = f"openvino {openvino.__version__.split('-')[0]} CPU f32"
        self.inputs = {one.any_name: _partial(one) for one in compiled.inputs}
        self.outputs = {one.any_name: _partial(one) for one in compiled.outputs}
        # A request is one call's memory: two threads must not share one. Plain calls, for asynchronous queues were seen to hang.
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(calls):
            self._requests.put(compiled.create_infer_request())

    def run(self, feed: dict[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs."""
        request = self._requests.get()
        try:
            found = request.infer(feed)
            return [np.array(found[name], np.float32) for name in outputs]
        finally:
            self._requests.put(request)


RUNTIMES: Final[dict[str, type[OnnxRuntime] | type[OpenVino]]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
DEFAULT: Final = "onnxruntime"


def open_runtime(bundle: ModelBundle, *, calls: int, name: str | None = None) -> Runtime:
    """Make a bundle's network ready.

    Parameters
    ----------
    bundle
        A checked bundle; the bytes that were checked are loaded, not the file.
    calls
        How many threads may compute at once.
    name
        ``onnxruntime`` or ``openvino``; by default the variable ``TIDELAB_RUNTIME``, else ``onnxruntime``.

    Raises
    ------
    ModelError
        When there is no such runtime.
    BundleError
        When it cannot load the model.
    """
    chosen = name or os.environ.get(VARIABLE, "").strip() or DEFAULT
    if chosen not in RUNTIMES:
        raise ModelError(
            f"The runtime {chosen!r} is not known; expected {' or '.join(RUNTIMES)}. Correct the variable {VARIABLE}."
        )
    return RUNTIMES[chosen](bundle, max(1, calls))


def _openvino() -> Any:
    """Import OpenVINO without its telemetry, which it has a stand-in for."""
    loaded = "openvino_telemetry" in sys.modules
    if not loaded:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            f"OpenVINO cannot be imported ({error}). Unset {VARIABLE}, or install the stack again: ./tidelab env install analyse."
        ) from None
    finally:
        if not loaded:
            del sys.modules["openvino_telemetry"]
    return openvino


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) else None for side in shape)


def _partial(port: Any) -> tuple[int | None, ...]:
    return tuple(None if side.is_dynamic else int(side.get_length()) for side in port.partial_shape)


def _unloadable(bundle: ModelBundle, runtime: str, error: Exception) -> BundleError:
    first = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return BundleError(
        f"{bundle.folder / 'model.onnx'} is not a model that {runtime} can load ({first}). Export the model again."
    )
