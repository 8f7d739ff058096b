"""Names and labels of the images and containers: one place, read by the builder, the hub and the tests."""

from collections.abc import Sequence
from typing import Final, Literal

Variant = Literal["cpu", "cuda"]

LABEL: Final = "org.tidelab."
"""Prefix of every label of ours."""
USE_CASE: Final = LABEL + "use-case"
STACKS: Final = LABEL + "stacks"
VARIANT: Final = LABEL + "variant"
CONTENT: Final = LABEL + "content"
"""Digest of everything the image was made from, so that a build that changes nothing is skipped."""
PARENT: Final = LABEL + "parent"
"""Engine's id of the image that it lies on: a parent that was built again makes what lies on it stale."""
BUILD: Final = LABEL + "build"
"""On the thrown-away stage of a build: which build it belongs to."""
USER: Final = LABEL + "user"
SERVER: Final = LABEL + "server"
INSTANCE: Final = LABEL + "instance"
"""Which hub a container belongs to: several may share an engine."""
LEASE: Final = LABEL + "lease"
DEVICES: Final = LABEL + "devices"
"""``device/slot`` of each held place, joined by commas."""


def stack_tag(stacks: Sequence[str], variant: Variant = "cpu") -> str:
    """Return the tag of an image with these stacks.

    >>> stack_tag(("analyse", "tensorflow"), "cuda")
    'analyse-tensorflow-cuda'
    """
    return "-".join((*stacks, variant))


def foundation_image(prefix: str = "tidelab") -> str:
    """Return the name of the image that all others lie on."""
    return f"{prefix}/foundation:latest"


def environments_image(tag: str, prefix: str = "tidelab") -> str:
    """Return the name of an image with environments and without the project's code: ``lab``, or a `stack_tag`."""
    return f"{prefix}/environments:{tag}"


def stack_image(stacks: Sequence[str], variant: Variant = "cpu", prefix: str = "tidelab") -> str:
    """Return the name of the image with the kernels of some stacks."""
    return f"{prefix}/stack:{stack_tag(stacks, variant)}"


def use_case_image(
    slug: str, stacks: Sequence[str], variant: Variant = "cpu", prefix: str = "tidelab"
) -> str:
    """Return the name of a use case's image.

    >>> use_case_image("flowcam-plankton", ("analyse",))
    'tidelab/flowcam-plankton:analyse-cpu'
    """
    return f"{prefix}/{slug}:{stack_tag(stacks, variant)}"
