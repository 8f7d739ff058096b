"""How counts are corrected for what the model confuses: the section `estimation` of a declaration."""

from pydantic import Field

from tidelab.catalogue._base import Part


class Estimation(Part):
    """Settings of corrected counts; read by ``tidelab.runs.estimates``."""

    minimum_test_images: int = Field(
        20,
        title="Minimum test images",
        description="A class with fewer held-out labelled images gets no corrected count.",
        ge=2,
        le=10_000,
    )
    rare_share: float = Field(
        0.05,
        title="Rare share",
        description="Largest share of a run that classes with too few test images may hold together before no class is corrected: "
        "what they are confused with is not known.",
        ge=0,
        le=1,
    )
    minimum_images: int = Field(
        30,
        title="Minimum images",
        description="A run, and a sample of it, with fewer images gets no corrected counts.",
        ge=5,
        le=100_000,
    )
    beyond_quantile: float = Field(
        0.99,
        title="Beyond quantile",
        description="An image counts as unidentified when it lies further from the training classes than this share of the held-out "
        "images.",
        ge=0.5,
        lt=1,
    )
    unexplained_share: float = Field(
        0.05,
        title="Unexplained share",
        description="Share of images that no training class can explain, by their distances, above which corrected counts are withheld.",
        gt=0,
        le=1,
    )
    replicates: int = Field(
        500, title="Replicates", description="Bootstrap replicates of an interval.", ge=200, le=10_000
    )
    seed: int = Field(
        20240501,
        title="Seed",
        description="Seed of every random choice of the intervals.",
        ge=0,
        le=2**32 - 1,
    )
    minimum_audit: int = Field(
        20,
        title="Minimum audit",
        description="An audit, and a sample's part of it, with fewer checked images gives no corrected counts.",
        ge=2,
        le=100_000,
    )
