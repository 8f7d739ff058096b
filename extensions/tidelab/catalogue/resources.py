"""Which environments a use case runs in and how much machine a server of it gets."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from tidelab.catalogue._base import Identifier, Line, Part, StackName


class Stacks(Part):
    """The kernel environments (``images/<stack>``) of a use case."""

    analyse: StackName = Field(
        title="Analyse", description="Stack of analyse and drift, of apps and reports, e.g. `analyse`."
    )
    train: StackName | None = Field(
        None,
        title="Train",
        description="Stack that retrains the model, e.g. `tensorflow`; leave out if none does.",
    )
    more: tuple[StackName, ...] = Field(
        (),
        title="More",
        description="Further stacks that notebooks of it run in, e.g. `torch` to bring published weights in.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Every stack once, the one for analysis first."""
        return tuple(dict.fromkeys(name for name in (self.analyse, self.train, *self.more) if name))


class Gpu(Part):
    """What a server leases of the machine's GPUs."""

    kind: Literal["whole", "mig", "shared"] = Field(
        "whole",
        title="Kind",
        description="`whole`: the card alone; `mig`: a hardware slice of it; `shared`: a place on a card that others use too, which is "
        "a promise among its users and not isolation.",
    )
    count: int = Field(1, title="Number", description="How many of them.", ge=1, le=16)
    profile: Annotated[str, StringConstraints(pattern=r"^([1-9]g\.[1-9][0-9]{0,2}gb)?$")] = Field(
        "", title="MIG profile", description="Which slice, e.g. `1g.10gb`; only for `mig`."
    )

    @model_validator(mode="after")
    def _profile_is_of_a_slice(self) -> Self:
        if (self.kind == "mig") != bool(self.profile):
            raise ValueError("a MIG slice needs its profile (e.g. 1g.10gb), and nothing else has one")
        return self

    @property
    def words(self) -> str:
        """Say it, e.g. ``1 GPU``, ``GPU slice 1g.10gb``, ``shared GPU``."""
        if self.kind == "whole":
            return f"{self.count} GPU{'' if self.count == 1 else 's'}"
        one = f"GPU slice {self.profile}" if self.kind == "mig" else "shared GPU"
        return one if self.count == 1 else f"{self.count} × {one}"


def _gpu(value: Any) -> Any:
    """Read the short form: a number of whole GPUs, 0 for none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"kind": "whole", "count": value} if value else None
    return value


class Flavour(Part):
    """One choice on the start page of a server."""

    title: Line = Field(title="Title", description="What the person chooses, in words.")
    cpu: float = Field(title="CPU cores", description="Cores that the server may use.", gt=0, le=256)
    memory_gb: float = Field(title="Memory", description="Memory limit, GB.", gt=0, le=4096)
    gpu: Annotated[Gpu | None, BeforeValidator(_gpu, json_schema_input_type=int | Gpu | None)] = Field(
        None,
        title="GPUs",
        description="What the server leases: a number of whole GPUs (0: none), or `kind`, `count` and `profile`.",
    )
    groups: tuple[Identifier | StackName, ...] = Field(
        (), title="Groups", description="Hub groups whose members may choose it; empty: everyone."
    )
    idle_minutes: float | None = Field(
        None,
        title="Idle time",
        description="A GPU that does nothing for so long is given back, minutes; default: the hub's rule.",
        gt=0,
        le=10_080,
    )
    max_hours: float | None = Field(
        None,
        title="Longest time",
        description="A GPU is held for at most so long, hours; default: the hub's rule.",
        gt=0,
        le=8_760,
    )
    stacks: tuple[StackName, ...] = Field(
        title="Stacks", description="Stacks whose kernels the server offers.", min_length=1
    )


class Resources(Part):
    """The sizes of server that a person may choose."""

    default: Identifier = Field(title="Default", description="Name of the flavour that is chosen first.")
    flavours: dict[Identifier, Flavour] = Field(
        title="Flavours", description="Name -> size of server.", min_length=1
    )
