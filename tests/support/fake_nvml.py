"""A pretended ``libnvidia-ml.so.1`` below the real `pynvml`: its functions fill the real structures and return real error codes.

So what is tested is how our code, and pynvml's own wrappers, deal with what a driver answers.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pynvml
import pytest

MIB = 1024 * 1024


@dataclass
class Part:
    """One card or MIG slice, as the driver answers for it.

    Parameters
    ----------
    processes
        (process id, bytes of memory or None where the driver does not say).
    samples
        (process id, time stamp in µs, SM utilisation in per cent); None: the card does not tell.
    errors
        Function name without ``nvmlDevice`` -> error code that it returns.
    """

    uuid: str
    name: str = "NVIDIA H200"
    used: int = 0
    total: int = 143_771 * MIB
    gpu: int = 0
    processes: list[tuple[int, int | None]] = field(default_factory=list)
    samples: list[tuple[int, int, int]] | None = field(default_factory=list)
    slices: "list[Part | None] | None" = None
    errors: dict[str, int] = field(default_factory=dict)


class FakeLibrary:
    """What `pynvml` finds in place of the loaded library."""

    def __init__(self, *cards: Part) -> None:
        self.cards = list(cards)
        self.init = pynvml.NVML_SUCCESS
        self._handles: dict[int, Part] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeLibrary":
        """Put it in place for one test."""
        monkeypatch.setattr(pynvml, "nvmlLib", self)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return self

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name.startswith("_") or not hasattr(type(self), f"do_{name}"):
            raise AttributeError(name)  # as a library of an older driver
        function: Callable[..., int] = getattr(self, f"do_{name}")
        if not name.startswith("nvmlDevice"):
            return function

        def answer(handle: Any, *rest: Any) -> int:
            part = self._handles.get(_address(handle))
            error = part.errors.get(name.removeprefix("nvmlDevice")) if part else None
            return error if error is not None else function(handle, *rest)

        return answer

    def part(self, handle: Any) -> Part:
        """Return what a handle stands for."""
        return self._handles[_address(handle)]

    def do_nvmlInitWithFlags(self, flags: int) -> int:
        return self.init

    def do_nvmlShutdown(self) -> int:
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.cards)
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        card = self.cards[index.value]
        if "GetHandleByIndex" in card.errors:
            return card.errors["GetHandleByIndex"]
        self._point(device._obj, card)
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetUUID(self, handle: Any, buffer: Any, size: Any) -> int:
        buffer.value = self.part(handle).uuid.encode()
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetName(self, handle: Any, buffer: Any, size: Any) -> int:
        buffer.value = self.part(handle).name.encode()
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        part = self.part(handle)
        memory._obj.total, memory._obj.used, memory._obj.free = part.total, part.used, part.total - part.used
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:
        if self.part(handle).slices is not None or self.part(handle).uuid.startswith("MIG"):
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        rates._obj.gpu = self.part(handle).gpu
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:
        if self.part(handle).slices is None:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        current._obj.value = pending._obj.value = pynvml.NVML_DEVICE_MIG_ENABLE
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetMaxMigDeviceCount(self, handle: Any, count: Any) -> int:
        count._obj.value = len(self.part(handle).slices or [])
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: Any, device: Any) -> int:
        found = (self.part(handle).slices or [])[index.value]
        if found is None:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        self._point(device._obj, found)
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, infos: Any) -> int:
        running = self.part(handle).processes
        if infos is None:
            count._obj.value = len(running)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE if running else pynvml.NVML_SUCCESS)
        for number, (pid, memory) in enumerate(running):
            infos[number].pid = pid
            infos[number].usedGpuMemory = (
                pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value if memory is None else memory
            )
        count._obj.value = len(running)
        return int(pynvml.NVML_SUCCESS)

    def do_nvmlDeviceGetProcessUtilization(self, handle: Any, samples: Any, count: Any, since: Any) -> int:
        known = self.part(handle).samples
        if known is None:
            return int(pynvml.NVML_ERROR_NOT_SUPPORTED)
        fresh = [sample for sample in known if sample[1] > since.value]
        if not fresh:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        if samples is None:
            count._obj.value = len(fresh)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for number, (pid, stamp, share) in enumerate(fresh):
            samples[number].pid, samples[number].timeStamp, samples[number].smUtil = pid, stamp, share
        return int(pynvml.NVML_SUCCESS)

    def _point(self, device: Any, part: Part) -> None:
        address = 0x1000 + len(self._handles)
        self._handles[address] = part
        device.contents = type(device)._type_.from_address(address)


def _address(handle: Any) -> int:
    """Return what tells handles apart; 0 of an argument that is none (functions of all cards have no handle)."""
    try:
        return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)
    except ctypes.ArgumentError:
        return 0
