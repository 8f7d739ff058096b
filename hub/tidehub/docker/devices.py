"""Which GPUs a container is given: always by id, never by number, which would be the first card for everyone."""

from collections.abc import Sequence

from docker.types import DeviceRequest

from tidehub.docker.engine import Abilities
from tidelab.containers.names import Variant
from tidelab.leases import Device

CDI_KIND = "nvidia.com/gpu"


def device_requests(devices: Sequence[Device], engine: Abilities) -> list[DeviceRequest]:
    """Return what is asked of the engine for some devices: the real ones of them, by their ids.

    Parameters
    ----------
    devices
        Devices of a lease. A simulated one is nothing that an engine could give.
    engine
        CDI where the engine has it (Engine 25, ``features.cdi``), else the driver ``nvidia`` of the container toolkit. Never the
        runtime ``nvidia``: as a default it hands every GPU to whoever sets a variable.
    """
    real = [device for device in devices if not device.simulated]
    if not real:
        return []
    if engine.cdi:
        names = [device.cdi or f"{CDI_KIND}={device.id}" for device in real]
        return [DeviceRequest(driver="cdi", device_ids=names)]
    return [DeviceRequest(driver="nvidia", device_ids=[device.id for device in real], capabilities=[["gpu"]])]


def variant(devices: Sequence[Device]) -> Variant:
    """Return which build of the image a server with these devices needs."""
    return "cuda" if any(not device.simulated for device in devices) else "cpu"
