"""Drift, products, annotation, app and sample: the smaller parts of a declaration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tidelab.catalogue._base import InsidePath, Line, Part, Text, Url


class Drift(Part):
    """How the fitness verdict is reached; read by ``tidelab.drift``."""

    minimum_images: int = Field(
        30,
        title="Minimum images",
        description="Below this number the verdict is grey: cannot tell.",
        ge=5,
        le=100_000,
    )
    p_value: float = Field(
        0.01, title="p value", description="Significance level of the permutation test and of the corrected KS tests.",
        gt=0, lt=1,
    )  # fmt: skip
    permutations: int = Field(
        1000, title="Permutations", description="Permutations of the MMD test.", ge=99, le=100_000
    )
    seed: int = Field(
        20240501, title="Seed", description="Seed of permutations and subsampling.", ge=0, le=2**32 - 1
    )
    minimum_reference: int = Field(
        20,
        title="Minimum reference",
        description="Below this number of reference images the verdict is grey.",
        ge=2,
        le=500,
    )
    minimum_samples: int = Field(
        10, title="Minimum samples", ge=3, le=500,
        description="Below this number of reference samples with at least 5 images each the verdict is grey: nobody can tell how "
        "much normal samples differ.",
    )  # fmt: skip
    false_alarms: float = Field(
        0.08, title="False alarms", gt=0, le=0.5,
        description="Chance that a normal new sample is called amber or red: three fifths of it for the share of unlike images, "
        "one fifth each for the discrepancy as the model sees it and for the image statistics.",
    )  # fmt: skip
    false_alarms_per_year: float = Field(
        1.0, title="False alarms a year", gt=0, le=365,
        description="How often the chart over time may raise an alarm although nothing changes, for each site, camera and instrument.",
    )  # fmt: skip
    runs_per_year: float = Field(
        0.0, title="Runs a year", ge=0, le=1_000_000,
        description="Analyses of one site, camera and instrument in a year; 0: as observed, or one a week until 8 runs over 30 days "
        "were seen.",
    )  # fmt: skip
    maximum_images: int = Field(
        2000,
        title="Maximum images",
        description="Images of the MMD test; of more, a random choice is used.",
        ge=100,
        le=10_000,
    )
    neighbour_quantile: float = Field(
        0.99, title="Neighbour quantile", ge=0.5, lt=1,
        description="An image counts as unlike the reference when its nearest reference image is further away than this share "
        "of the reference images are from their own nearest one.",
    )  # fmt: skip
    amber_share: float = Field(
        0.05,
        title="Amber share",
        description="Share of images unlike the reference from which the verdict is amber.",
        gt=0,
        le=1,
    )
    red_share: float = Field(
        0.25,
        title="Red share",
        description="Share of images unlike the reference from which the verdict is red.",
        gt=0,
        le=1,
    )
    ks_distance: float = Field(
        0.1,
        title="KS distance",
        description="Smallest Kolmogorov-Smirnov distance that is named as a cause.",
        ge=0,
        lt=1,
    )
    appearance_distance: float = Field(
        0.2, title="Appearance distance",
        description="Kolmogorov-Smirnov distance of one image statistic, at equal class shares, from which the verdict is amber; "
        "it also has to go beyond what the reference samples show.",
        gt=0, le=1,
    )  # fmt: skip
    class_distance: float = Field(
        0.2, title="Class distance", description="Smallest change of class shares (half the sum of absolute differences) that is named.",
        ge=0, lt=1,
    )  # fmt: skip

    @model_validator(mode="after")
    def _red_above_amber(self) -> Self:
        if self.red_share < self.amber_share:
            raise ValueError(
                f"red_share ({self.red_share:g}) must not be below amber_share ({self.amber_share:g})"
            )
        return self


class Product(Part):
    """A file that every run of `analyse` gives."""

    file: InsidePath = Field(title="File", description="Path in the run's folder.")
    title: Line = Field(title="Title", description="What it holds.")
    media_type: str = Field(
        title="Media type", description="E.g. text/csv.", pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$"
    )


class Cvat(Part):
    """Label settings of the CVAT project of a use case."""

    task: Literal["tag", "rectangle", "polygon", "points", "polyline", "mask", "ellipse"] = Field(
        title="Task", description="What an annotator draws; tag: one label for the whole image."
    )
    image_quality: int = Field(
        95,
        title="Image quality",
        description="JPEG quality of the images that CVAT shows, percent.",
        ge=1,
        le=100,
    )
    segment_size: int = Field(
        200, title="Segment size", description="Images in one annotation job.", ge=1, le=100_000
    )


class Annotation(Part):
    """How images of a use case are annotated."""

    cvat: Cvat = Field(title="CVAT", description="Settings of the project in CVAT.")


class AppLimits(Part):
    """What the app accepts in one analysis."""

    upload_mb: int = Field(
        200, title="Upload", description="Most MB that a person may upload at once.", ge=1, le=100_000
    )
    images: int = Field(
        20_000, title="Images", description="Most images in one analysis.", ge=1, le=10_000_000
    )


class App(Part):
    """Texts and limits of the app and of the use case's card."""

    inputs: Text = Field(title="Inputs", description="What goes in, one sentence.")
    outputs: Text = Field(title="Outputs", description="What comes out, one sentence.")
    button: Line = Field("Analyse", title="Button", description="Word on the button that starts an analysis.")
    limits: AppLimits = Field(
        default_factory=AppLimits, title="Limits", description="What one analysis may take."
    )


class Sample(Part):
    """Images to try the use case with."""

    folder: InsidePath = Field(title="Folder", description="Folder of the images, e.g. `sample`.")
    title: Line = Field(title="Title", description="What the images are, in words.")
    licence: Line = Field(title="Licence", description="Licence of the images.")
    generated_by: Line | None = Field(
        None, title="Generated by", description="Command that made them, where they are generated, not taken."
    )
    source: Url | None = Field(None, title="Source", description="Where they come from, where they are real.")
    truth: InsidePath | None = Field(
        None, title="Truth", description="CSV with the known class of each image, columns image and label."
    )
