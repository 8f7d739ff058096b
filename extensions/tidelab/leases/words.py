"""Sentences about leases, said the same way everywhere."""

from typing import Final

from tidelab.leases.model import Request

PROMISE: Final = "This is a promise and not isolation: nothing keeps a program that ignores CUDA_VISIBLE_DEVICES off the other GPUs."
SHARED_PROMISE: Final = "A shared GPU is a promise among those who share it and not isolation: one program can use up its memory for all."


def of_request(request: Request) -> str:
    """Say what is asked for.

    >>> of_request(Request("whole", 2)), of_request(Request("mig", 1, "1g.10gb"))
    ('2 whole GPUs', '1 GPU slice 1g.10gb')
    """
    one = {"whole": "whole GPU", "mig": f"GPU slice {request.profile}", "shared": "shared GPU"}.get(
        request.kind, request.kind
    )
    if request.count == 1:
        return f"1 {one}"
    plural = f"GPU slices {request.profile}" if request.kind == "mig" else f"{one}s"
    return f"{request.count} {plural}"


def of_seconds(seconds: float) -> str:
    """Say a duration roughly.

    >>> of_seconds(40), of_seconds(600), of_seconds(9000), of_seconds(400_000)
    ('less than a minute', '10 minutes', '2.5 hours', '4.6 days')
    """
    if seconds < 60:
        return "less than a minute"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86_400:.1f} days"
