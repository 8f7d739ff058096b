"""What every part of a declaration has in common: strict, frozen, no unknown field, and the small types of text."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

SLUG_PATTERN = r"^[a-z](-?[a-z0-9])+$"
"""Single hyphens: ``--`` parts slug from person in the names of registered models."""
SLUG_LENGTHS = (3, 30)
"""JupyterHub 6 takes at most 30 characters for the name of a named server, and a slug is one."""


class Part(BaseModel):
    """One mapping of ``usecase.yaml``: an unknown field is an error, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in value
        or "\0" in value
        or value.strip() in ("", ".")
    ):
        raise ValueError("must name something inside the use case's folder: relative, with /, without ..")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True, pattern=r"^[^\r\n\t]*$")
]
Slug = Annotated[
    str, StringConstraints(pattern=SLUG_PATTERN, min_length=SLUG_LENGTHS[0], max_length=SLUG_LENGTHS[1])
]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"']+$", max_length=500)]
Doi = Annotated[str, StringConstraints(pattern=r"^10\.[0-9]{4,9}/[^\s<>\"']+$", max_length=200)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
InsidePath = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_inside)]
StackName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$")]
