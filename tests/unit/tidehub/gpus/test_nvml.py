"""What NVML answers, errors included, is read as it is meant; nothing it answers ends the service."""

import pynvml
import pytest

from tests.support.fake_nvml import MIB, FakeLibrary, Part
from tidehub.gpus.driver import DeviceUse, ProcessUse
from tidehub.gpus.nvml import NvmlDriver

CARD = "GPU-11111111-2222-3333-4444-555555555555"
OTHER = "GPU-99999999-2222-3333-4444-555555555555"


def test_a_card_with_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [(10, 1_000, 40), (10, 2_000, 60), (11, 2_000, 5)]
    card = Part(CARD, used=3000 * MIB, gpu=55, processes=[(10, 2000 * MIB), (11, None)], samples=samples)
    FakeLibrary(card).install(monkeypatch)
    driver = NvmlDriver()
    (use,) = driver.look()
    assert use == DeviceUse(
        CARD, "NVIDIA H200", 0, 0.55, 3000, (ProcessUse(10, 2000, 0.5), ProcessUse(11, None, 0.05))
    )
    assert driver.problem == ""
    # Samples are counted once; a process without a new one used nothing since.
    (use,) = driver.look()
    assert use.processes == (ProcessUse(10, 2000, 0.0), ProcessUse(11, None, 0.0))
    driver.close()


def test_no_process_is_not_an_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLibrary(Part(CARD)).install(monkeypatch)
    (use,) = NvmlDriver().look()
    assert use.processes == ()
    assert use.busy == 0.0


def test_what_a_card_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    unsupported = pynvml.NVML_ERROR_NOT_SUPPORTED
    card = Part(
        CARD,
        processes=[(10, 5)],
        samples=None,
        errors={"GetUtilizationRates": unsupported, "GetMemoryInfo": unsupported},
    )
    silent = Part(OTHER, errors={"GetComputeRunningProcesses_v3": pynvml.NVML_ERROR_NO_PERMISSION})
    FakeLibrary(card, silent).install(monkeypatch)
    first, second = NvmlDriver().look()
    assert (first.busy, first.used_mb, first.lost) == (None, None, "")
    assert first.processes == (ProcessUse(10, 0, None),)
    assert second.processes is None


def test_slices_stand_for_their_card_and_their_use_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Part("MIG-a", processes=[(7, 100 * MIB)], used=100 * MIB), Part("MIG-b")
    FakeLibrary(Part(CARD, slices=[one, None, two]), Part(OTHER, gpu=3)).install(monkeypatch)
    found = NvmlDriver().look()
    assert [use.id for use in found] == ["MIG-a", "MIG-b", OTHER]
    assert found[0].busy is None
    assert found[0].processes == (ProcessUse(7, 100, None),)
    assert found[2].busy == 0.03


@pytest.mark.parametrize(
    "function", ["GetUtilizationRates", "GetMemoryInfo", "GetName", "GetProcessUtilization"]
)
def test_a_card_that_fell_off_the_bus_is_lost_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    card = Part(CARD, processes=[(1, MIB)])
    library = FakeLibrary(card, Part(OTHER)).install(monkeypatch)
    driver = NvmlDriver()
    assert [use.lost for use in driver.look()] == ["", ""]
    card.errors[function] = pynvml.NVML_ERROR_GPU_IS_LOST
    lost, well = sorted(driver.look(), key=lambda use: use.id)
    assert "fell off the bus" in lost.lost
    assert (lost.busy, lost.processes) == (None, None)
    assert well.lost == ""
    card.errors.clear()
    assert [use.lost for use in driver.look()] == ["", ""], "it may come back"
    library.cards.remove(card)
    found = {use.id: use.lost for use in driver.look()}
    assert found == {OTHER: "", CARD: "the driver does not list it any more"}


def test_a_card_without_a_handle_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Part(CARD)
    FakeLibrary(card, Part(OTHER)).install(monkeypatch)
    driver = NvmlDriver()
    driver.look()
    card.errors["GetHandleByIndex"] = pynvml.NVML_ERROR_GPU_IS_LOST
    found = {use.id: use.lost for use in driver.look()}
    assert found[OTHER] == ""
    assert found[CARD]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "installed but not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the machine"),
        (pynvml.NVML_ERROR_UNKNOWN, "the NVIDIA driver answers"),
    ],
)
def test_a_driver_that_does_not_start_has_no_devices_and_says_why(
    monkeypatch: pytest.MonkeyPatch, error: int, words: str
) -> None:
    library = FakeLibrary(Part(CARD)).install(monkeypatch)
    library.init = error
    driver = NvmlDriver()
    assert driver.look() == []
    assert words in driver.problem
    library.init = pynvml.NVML_SUCCESS
    assert [use.id for use in driver.look()] == [CARD], "it is tried again"
    assert driver.problem == ""
    library.init = error
    driver.close()
    (gone,) = driver.look()
    assert words in gone.lost


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.setattr(pynvml, "CDLL", missing)
    driver = NvmlDriver()
    assert driver.look() == []
    assert "no NVIDIA driver is installed" in driver.problem
