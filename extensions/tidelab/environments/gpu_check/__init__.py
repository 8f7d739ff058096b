"""Start-up test of a GPU server: the leased GPU is there, and the frameworks of its kernels compute on it, or why not.

``python -m tidelab.environments.gpu_check --kernel NAME=PYTHON ... --out FILE`` compares three views: the lease
(``TIDELAB_LEASE``, written by the hub), the driver (``nvidia-smi``), and TensorFlow or PyTorch in the interpreter of each kernel. It
writes one JSON object with a verdict in plain sentences. Standard library only; each look is a process with a time limit,
so that a card or a driver that hangs costs a minute and no server.
"""

from tidelab.environments.gpu_check.driver import DriverDevice, DriverError, driver_devices
from tidelab.environments.gpu_check.frameworks import FrameworkView, look_in
from tidelab.environments.gpu_check.lease import Expected, ExpectedDevice, LeaseUnreadableError, expected
from tidelab.environments.gpu_check.verdict import Result, judge

__all__ = [
    "DriverDevice",
    "DriverError",
    "Expected",
    "ExpectedDevice",
    "FrameworkView",
    "LeaseUnreadableError",
    "Result",
    "driver_devices",
    "expected",
    "judge",
    "look_in",
]
