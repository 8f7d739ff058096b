"""Compares lease, driver and frameworks, and says it in sentences. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tidelab.environments.gpu_check.driver import DriverDevice, DriverError
from tidelab.environments.gpu_check.frameworks import FrameworkView
from tidelab.environments.gpu_check.lease import Expected

Level = Literal["none", "simulated", "ok", "warning", "failed"]
ADVICE = "Tell your admin; your work can go on on CPU."
NONE = "A server without GPU: there is nothing to test."
SIMULATED = "A simulated GPU: no card is used."


@dataclass(frozen=True)
class Result:
    """The verdict: how it stands, one or two sentences, and the details a line each."""

    level: Level
    text: str
    details: tuple[str, ...] = ()


def judge(
    lease: Expected | None, driver: Sequence[DriverDevice] | DriverError, views: Sequence[FrameworkView]
) -> Result:
    """Return the verdict on one server.

    Parameters
    ----------
    lease
        What the hub leased to this server; None: a server without GPU.
    driver
        What the driver shows, or why it shows nothing.
    views
        What each framework of each kernel sees.
    """
    if lease is None:
        return Result("none", NONE)
    if lease.simulated:
        return Result("simulated", SIMULATED)
    details = tuple(_detail(view) for view in views)
    says = f"The lease says {_gpus(lease)}"
    count = len(lease.devices)
    if isinstance(driver, DriverError):
        if driver.absent and views and all(_works(view, count) for view in views):
            return Result("warning", f"{_seen(views)} {_it(count)}, but {driver}, so which card it is was not checked.", details)  # fmt: skip
        return Result("failed", f"{says} and the driver shows none: {driver}. {ADVICE}", details)
    shown = {device.id: device for device in driver}
    if missing := [device for device in lease.devices if device.id not in shown]:
        instead = f"shows {_models(driver)} instead" if driver else "shows none"
        what = "it" if len(missing) == count == 1 else f"{len(missing)} of {count}"
        return Result(
            "failed", f"{says} and the driver does not show {what}: it {instead}. {ADVICE}", details
        )
    if broken := [view for view in views if not _works(view, count, lease.promise != "")]:
        view = broken[0]
        return Result(
            "failed", f"{says}, the driver shows {_it(count)}, and {_wrong(view, count)}. {ADVICE}", details
        )
    there = "Your GPU is there" if count == 1 else f"Your {count} GPUs are there"
    memory = [shown[device.id].memory_mb or device.memory_mb for device in lease.devices]
    text = f"{there}: {_models([shown[device.id] for device in lease.devices])}{_memory(memory)}"
    text += (
        f"; {_seen(views)} {_it(count)}."
        if views
        else "; no kernel here has TensorFlow or PyTorch to use it."
    )
    if len(shown) > count and not lease.promise:
        return Result("warning", f"{text} The driver shows {len(shown)} GPUs and your lease is of {count}: leave the others to their holders, and tell your admin.", details)  # fmt: skip
    return Result("ok", text, details)


def _works(view: FrameworkView, count: int, others_visible: bool = False) -> bool:
    enough = len(view.devices) >= count if others_visible else len(view.devices) == count
    return enough and view.computed and not view.problem


def _wrong(view: FrameworkView, count: int) -> str:
    if view.problem:
        return f"{view.name} cannot use {_it(count)}: {view.problem.rstrip('.')}"
    if not view.devices:
        return f"{view.name} sees none"
    if len(view.devices) != count:
        return f"{view.name} sees {len(view.devices)}"
    return f"{view.name} computed something wrong on {_it(count)}"


def _detail(view: FrameworkView) -> str:
    what = f"{view.name} {view.version}".strip()
    if view.problem:
        return f"{view.kernel}: {what}: {view.problem}"
    seen = ", ".join(view.devices) or "no GPU"
    return f"{view.kernel}: {what} sees {seen}{' and computed on it' if view.computed else ''}"


def _seen(views: Sequence[FrameworkView]) -> str:
    names = list(dict.fromkeys(view.name for view in views))
    return f"{' and '.join(names)} {'sees' if len(names) == 1 else 'see'}"


def _gpus(lease: Expected) -> str:
    count = len(lease.devices)
    names = ", ".join(dict.fromkeys(device.name for device in lease.devices if device.name))
    return f"{count} GPU{'' if count == 1 else 's'}{f' ({names})' if names else ''}"


def _models(devices: Sequence[DriverDevice]) -> str:
    counted = Counter(device.name for device in devices)
    return ", ".join(name if number == 1 else f"{number} × {name}" for name, number in counted.items())


def _memory(memory_mb: Sequence[int]) -> str:
    sizes = {round(size / 1024) for size in memory_mb}
    if len(sizes) != 1 or 0 in sizes:
        return ""
    return f", {sizes.pop()} GiB{'' if len(memory_mb) == 1 else ' each'}"


def _it(count: int) -> str:
    return "it" if count == 1 else "them"
