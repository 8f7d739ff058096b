"""What a server is told so that its Lab can show it: names, links, and its lease.

Contract with `tidelab.lab` and ``python -m tidelab.environments.gpu_check``; in ``docs/architecture.md``.
"""

import json
from collections.abc import Iterable, Sequence

from tidehub.profiles import APPS_PREFIX, Choice
from tidelab.catalogue import UseCase
from tidelab.leases import Device, Lease
from tidelab.leases.words import PROMISE, SHARED_PROMISE


def panel_variables(
    use_case: UseCase, choice: Choice, public_url: str, services: Iterable[str]
) -> dict[str, str]:
    """Return ``TIDELAB_PANEL`` (what the Lab's panel says of this server) and, where there is one, the address of the service ``gpus``."""
    running = sorted(services)
    panel = {
        "title": use_case.title,
        "flavour": choice.title,
        "detail": choice.detail,
        "app": f"{APPS_PREFIX}/{use_case.slug}/" if use_case.faces("app") and "apps" in running else "",
        "services": running,
    }
    variables = {"TIDELAB_PANEL": json.dumps(panel, ensure_ascii=True)}
    if "gpus" in running:
        variables["TIDELAB_GPUS_URL"] = f"{public_url}services/gpus"
    return variables


def lease_variable(lease: Lease, devices: Sequence[Device], *, in_processes: bool) -> str:
    """Return ``TIDELAB_LEASE``: what the server's start-up test compares with what it sees.

    Parameters
    ----------
    devices
        Those of the lease.
    in_processes
        Whether the server is a process that sees every card, which makes the lease a promise.
    """
    shared = lease.request.kind == "shared"
    return json.dumps(
        {
            "id": lease.id,
            "devices": [
                {"id": device.id, "name": device.name, "memory_mb": device.memory_mb} for device in devices
            ],
            "promise": SHARED_PROMISE if shared else PROMISE if in_processes else "",
            "simulated": any(device.simulated for device in devices),
        }
    )
