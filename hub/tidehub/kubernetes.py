"""The catalogue for a cluster: values for Zero to JupyterHub, profiles for KubeSpawner. Nothing here schedules: Kubernetes does.

``python -m tidehub kubernetes --registry registry.example.org/tidelab > values.yaml``

One profile a use case, its sizes of server as the profile's options. GPUs are asked for by the names of NVIDIA's device plugin
(https://github.com/NVIDIA/k8s-device-plugin): ``nvidia.com/gpu``, ``nvidia.com/mig-1g.10gb`` and, where the plugin shares cards under a
name of its own, ``nvidia.com/gpu.shared``. Leases, queue and fairness of docker mode are then the cluster's business, and the
pages about GPUs are not there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tidelab.catalogue import UseCase
from tidelab.catalogue.resources import Flavour, Gpu
from tidelab.containers.names import Variant, use_case_image

HOME = "/home/tidelab"
"""Where the claim of a person's home is mounted; the path of docker mode belongs to one host and means nothing in a cluster."""
_ROOT, _ENVS = "/opt/tidelab", "/opt/tidelab-envs"
_UID = 1000


def gpu_resources(gpu: Gpu | None) -> dict[str, str]:
    """Return the extended resources of a size of server, as limits.

    >>> gpu_resources(Gpu(kind="mig", profile="1g.10gb"))
    {'nvidia.com/mig-1g.10gb': '1'}
    """
    if gpu is None:
        return {}
    name = {"whole": "gpu", "mig": f"mig-{gpu.profile}", "shared": "gpu.shared"}[gpu.kind]
    return {f"nvidia.com/{name}": str(gpu.count)}


def profile_list(
    catalogue: Mapping[str, UseCase], registry: str, groups: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return KubeSpawner's ``profile_list``: one profile a use case, its sizes as choices of the option ``resources``.

    Parameters
    ----------
    catalogue
        Slug -> use case.
    registry
        Prefix of the images' names.
    groups
        Groups of the person, who is offered what their groups may have; None: every size, whoever it is for.
    """
    found = []
    for slug, use_case in catalogue.items():
        choices = {
            name: _choice(use_case, name, flavour, registry)
            for name, flavour in use_case.resources.flavours.items()
            if groups is None or not flavour.groups or set(flavour.groups) & set(groups)
        }
        if choices and not any(choice["default"] for choice in choices.values()):
            next(iter(choices.values()))["default"] = True
        if choices:
            found.append(
                {
                    "slug": slug,
                    "display_name": use_case.title,
                    "description": use_case.summary,
                    "profile_options": {"resources": {"display_name": "Size of server", "choices": choices}},
                    "kubespawner_override": {
                        "cmd": _command(use_case),
                        "environment": _environment(use_case),
                    },
                }
            )
    return found


def values(catalogue: Mapping[str, UseCase], registry: str) -> dict[str, Any]:
    """Return values for the chart Zero to JupyterHub (https://z2jh.jupyter.org), without any secret.

    The chart's list is the same for everyone, so sizes that are for some groups are left out (`withheld` names them). To offer them, call
    `profile_list` with the person's groups from a callable in ``hub.extraConfig``.
    """
    open_to_all = profile_list(catalogue, registry, groups=())
    return {
        "hub": {
            "allowNamedServers": True,
            "config": {"JupyterHub": {"admin_access": False}},
            "networkPolicy": {"enabled": True},
        },
        "singleuser": {
            "profileList": open_to_all,
            "uid": _UID,
            "fsGid": _UID,
            "allowPrivilegeEscalation": False,
            "cloudMetadata": {"blockWithIptables": True},
            "networkPolicy": {"enabled": True},
            "storage": {"type": "dynamic", "homeMountPath": HOME},
            "startTimeout": 600,
        },
        "cull": {"enabled": True, "timeout": 7200},
    }


def withheld(catalogue: Mapping[str, UseCase]) -> list[str]:
    """Return ``use case/size`` of the sizes that `values` leaves out because they are for some groups alone."""
    return [
        f"{slug}/{name}"
        for slug, use_case in catalogue.items()
        for name, flavour in use_case.resources.flavours.items()
        if flavour.groups
    ]


def _choice(use_case: UseCase, name: str, flavour: Flavour, registry: str) -> dict[str, Any]:
    variant: Variant = "cuda" if flavour.gpu else "cpu"
    resources = gpu_resources(flavour.gpu)
    return {
        "display_name": flavour.title,
        "default": name == use_case.resources.default,
        "kubespawner_override": {
            "image": use_case_image(use_case.slug, flavour.stacks, variant, registry),
            "cpu_limit": flavour.cpu,
            "mem_limit": int(flavour.memory_gb * 1e9),
            # A GPU is never shared by asking for less: the request of an extended resource equals its limit.
            "extra_resource_limits": resources,
            "extra_resource_guarantees": resources,
        },
    }


def _command(use_case: UseCase) -> list[str]:
    python = f"{_ENVS}/lab/bin/python"
    notebook = use_case.notebook("analyse").file
    return [python, "-m", "tidelab.workspace", "start", "--use-case", use_case.slug, "--open", notebook]


def _environment(use_case: UseCase) -> dict[str, str]:
    return {
        "HOME": HOME,
        "TIDELAB_ROOT": _ROOT,
        "TIDELAB_ENVS": _ENVS,
        "TIDELAB_DATA": f"{HOME}/.tidelab/data",
        "TIDELAB_RUNS": f"{HOME}/runs",
        "TIDELAB_USECASE": use_case.slug,
        "TIDELAB_ACCESS": "virtual",
    }
