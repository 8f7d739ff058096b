"""Which environments a use case runs in and how much machine a server of it gets."""

from pydantic import Field

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

    @property
    def names(self) -> tuple[str, ...]:
        """Every stack once, the one for analysis first."""
        return tuple(dict.fromkeys(name for name in (self.analyse, self.train) if name))


class Flavour(Part):
    """One choice on the start page of a server."""

    title: Line = Field(title="Title", description="What the person chooses, in words.")
    cpu: float = Field(title="CPU cores", description="Cores that the server may use.", gt=0, le=256)
    memory_gb: float = Field(title="Memory", description="Memory limit, GB.", gt=0, le=4096)
    gpu: int = Field(0, title="GPUs", description="Number of GPUs that the server leases.", ge=0, le=16)
    stacks: tuple[StackName, ...] = Field(
        title="Stacks", description="Stacks whose kernels the server offers.", min_length=1
    )


class Resources(Part):
    """The sizes of server that a person may choose."""

    default: Identifier = Field(title="Default", description="Name of the flavour that is chosen first.")
    flavours: dict[Identifier, Flavour] = Field(
        title="Flavours", description="Name -> size of server.", min_length=1
    )
