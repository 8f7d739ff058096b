"""What NVIDIA's driver says of its cards, by NVML.

Functions, units and errors: https://docs.nvidia.com/deploy/nvml-api/. Process ids are the host's, also of processes in
containers, because this runs on the host.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from tidehub.gpus.driver import DeviceUse, ProcessUse

T = TypeVar("T")
MIB = 1024 * 1024
_LOST = ("NVMLError_GpuIsLost", "NVMLError_ResetRequired")
log = logging.getLogger("gpus")


class NvmlDriver:
    """Asks NVML; a machine without a driver has no devices, and says why.

    Parameters
    ----------
    library
        The module `pynvml`, or what stands in for it; imported when left out, which needs no driver yet.
    """

    def __init__(self, library: Any = None) -> None:
        if library is None:
            import pynvml

            library = pynvml
        self._nvml = library
        self._ready = False
        self._seen: dict[str, DeviceUse] = {}
        self._timestamps: dict[str, int] = {}
        self.problem = ""

    def look(self) -> list[DeviceUse]:
        """Look at every card and MIG slice; one seen before that answers no more is returned as lost."""
        nvml = self._nvml
        try:
            if not self._ready:
                nvml.nvmlInit()
                self._ready = True
            found = [use for index in range(nvml.nvmlDeviceGetCount()) for use in self._card(index)]
            self.problem = ""
        except nvml.NVMLError as error:
            self.problem = _words(error)
            self.close()  # the driver may have been reloaded; the next look begins anew
            found = []
        return self._with_lost(found)

    def close(self) -> None:
        """Let go of the driver."""
        if self._ready:
            self._ready = False
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError as error:
                log.debug("NVML was not shut down: %s", error)

    def _with_lost(self, found: list[DeviceUse]) -> list[DeviceUse]:
        answering = {use.id for use in found if use.id}
        for use in found:
            if use.id and not use.lost:
                self._seen[use.id] = use
        missing = self.problem or "the driver does not list it any more"
        gone = [
            DeviceUse(use.id, use.name, use.index, None, None, None, missing)
            for use in self._seen.values()
            if use.id not in answering
        ]
        return [use for use in found if use.id] + gone

    def _card(self, index: int) -> Iterator[DeviceUse]:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as error:
            # Which card it was is known from the earlier look: it is missing among those that answer.
            log.warning("GPU %s does not answer: %s", index, _words(error))
            return
        try:
            name = _text(nvml.nvmlDeviceGetName(handle))
            slices = self._slices(handle, name, index)
            if slices is not None:
                yield from slices
            else:
                yield self._use(handle, uuid, name, index)
        except nvml.NVMLError as error:
            yield DeviceUse(uuid, "", index, None, None, None, _words(error))

    def _slices(self, handle: Any, name: str, index: int) -> list[DeviceUse] | None:
        """Return the MIG slices of a card, None of a card that is not in MIG mode."""
        nvml = self._nvml
        mode = self._maybe(lambda: nvml.nvmlDeviceGetMigMode(handle)[0])
        if mode != nvml.NVML_DEVICE_MIG_ENABLE:
            return None
        found = []
        for number in range(self._maybe(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
            part = self._maybe(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number))
            if part is not None:
                uuid = _text(nvml.nvmlDeviceGetUUID(part))
                found.append(self._use(part, uuid, name, index, is_slice=True))
        return found

    def _use(self, handle: Any, uuid: str, name: str, index: int, *, is_slice: bool = False) -> DeviceUse:
        nvml = self._nvml
        memory = self._maybe(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        # NVML does not measure utilisation while MIG is on, neither of the card nor of a slice.
        rates = None if is_slice else self._maybe(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        running = self._maybe(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
        shares = None if is_slice or not running else self._shares(handle, uuid)
        return DeviceUse(
            id=uuid,
            name=name,
            index=index,
            busy=None if rates is None else min(1.0, rates.gpu / 100),
            used_mb=None if memory is None else int(memory.used // MIB),
            processes=None if running is None else tuple(_process(each, shares) for each in running),
        )

    def _shares(self, handle: Any, uuid: str) -> dict[int, float] | None:
        """Return how much of the card each process used since the last look; None where the driver does not tell.

        A process without a sample in that time used nothing; NVML answers ``NOT_FOUND`` when there is no sample at all.
        """
        nvml = self._nvml
        since = self._timestamps.get(uuid, 0)
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(handle, since)
        except nvml.NVMLError_NotFound:
            return {}
        except nvml.NVMLError as error:
            self._raise_if_lost(error)
            # pynvml raises "success" where the driver has no sample at all.
            return {} if error.value == nvml.NVML_SUCCESS else None
        self._timestamps[uuid] = max([since, *(int(sample.timeStamp) for sample in samples)])
        used: dict[int, list[int]] = {}
        for sample in samples:
            if sample.timeStamp > since:
                used.setdefault(int(sample.pid), []).append(int(sample.smUtil))
        return {pid: min(1.0, sum(values) / len(values) / 100) for pid, values in used.items()}

    def _maybe(self, ask: Callable[[], T]) -> T | None:
        """Return an answer, None where the device cannot give it; a lost device is raised."""
        try:
            return ask()
        except self._nvml.NVMLError as error:
            self._raise_if_lost(error)
            return None

    def _raise_if_lost(self, error: Exception) -> None:
        if any(isinstance(error, getattr(self._nvml, name)) for name in _LOST):
            raise error


def _process(info: Any, shares: dict[int, float] | None) -> ProcessUse:
    memory = None if info.usedGpuMemory is None else int(info.usedGpuMemory // MIB)
    busy = None if shares is None else shares.get(int(info.pid), 0.0)
    return ProcessUse(int(info.pid), memory, busy)


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _words(error: Exception) -> str:
    """Return NVML's own words, with what to do where there is something to do."""
    more = {
        "NVMLError_LibraryNotFound": "no NVIDIA driver is installed here (libnvidia-ml.so.1 was not found)",
        "NVMLError_DriverNotLoaded": "the NVIDIA driver is installed but not loaded; `nvidia-smi` says more",
        "NVMLError_LibRmVersionMismatch": "the NVIDIA driver was updated while it was running; restart the machine",
        "NVMLError_GpuIsLost": "the card fell off the bus; the machine must be restarted, and the card looked after",
        "NVMLError_ResetRequired": "the card must be reset before it can be used again",
    }
    return more.get(type(error).__name__, f"the NVIDIA driver answers: {error}")
