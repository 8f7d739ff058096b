"""The environments of Tidelab: what there is, what is installed, install it.

Standard library only, so that it runs before anything is installed::

    PYTHONPATH=extensions python3 -m tidelab.environments install hub lab
"""

from tidelab.environments.errors import (
    DeclarationError,
    EnvironmentsError,
    InstallError,
    LockError,
    UnknownEnvironmentError,
)
from tidelab.environments.install import cost, install, missing
from tidelab.environments.kernels import kernel_name, sync_kernels
from tidelab.environments.model import Environment, Variant, get_environment, load_environments, stacks
from tidelab.environments.node import proxy_command
from tidelab.environments.progress import Progress, Report, reporter
from tidelab.environments.state import Stamp, Status, is_installed, status

__all__ = [
    "DeclarationError",
    "Environment",
    "EnvironmentsError",
    "InstallError",
    "LockError",
    "Progress",
    "Report",
    "Stamp",
    "Status",
    "UnknownEnvironmentError",
    "Variant",
    "cost",
    "get_environment",
    "install",
    "is_installed",
    "kernel_name",
    "load_environments",
    "missing",
    "proxy_command",
    "reporter",
    "stacks",
    "status",
    "sync_kernels",
]
