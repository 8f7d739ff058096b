"""What a process is told of its lease where no container keeps it to it."""

from collections.abc import Iterable

from tidelab.leases.model import Device, Lease


def environment_of(lease: Lease, devices: Iterable[Device]) -> dict[str, str]:
    """Return the variables that make CUDA programs see the devices of a lease and no others.

    Parameters
    ----------
    lease
        A live lease.
    devices
        The devices of the book. Simulated ones give an empty ``CUDA_VISIBLE_DEVICES``: a program then finds no GPU, and never one
        that somebody else leased.

    Notes
    -----
    A promise and not isolation (`tidelab.leases.words.PROMISE`). CUDA takes UUIDs of cards and MIG slices
    (https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables).
    """
    real = {device.id for device in devices if not device.simulated}
    visible = [place.device for place in lease.held if place.device in real]
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(visible),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "TIDELAB_GPU_LEASE": lease.id,
    }
