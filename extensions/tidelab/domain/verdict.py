"""The drift verdict that stands above every result."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

VerdictState = Literal["green", "amber", "red", "grey"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StatisticTest(_Part):
    """Kolmogorov-Smirnov test of one image statistic against the reference."""

    name: str
    title: str = Field(description="In words, e.g. brightness")
    statistic: float = Field(description="KS distance D, 0 to 1")
    matched: float | None = Field(
        None, ge=0, le=1, description="Distance left when the reference is weighted to the same class shares"
    )
    p_value: float = Field(description="Corrected for the number of statistics tested")
    shift: float | None = Field(
        None,
        description="Within the classes, in standard deviations of what normal samples of that size show",
    )
    known_p_value: float | None = Field(
        None, ge=0, le=1, description="How often a normal sample is as far off, in place or in spread"
    )
    reference_median: float
    median: float
    differs: bool = Field(
        False,
        description="Corrected p-value, distance and the known samples all say so: a cause that may be named",
    )
    plain: str = Field(
        description="In words, e.g. 'your images are darker (median brightness 92 against 141)'"
    )


class DriftedImage(_Part):
    """One of the images that look least like the reference."""

    image_id: str
    image: str
    distance: float = Field(
        description="Distance to the nearest reference embedding, both of length 1 (0 to 2)"
    )
    nearest: int = Field(description="Index of that reference image")


class ShareChange(_Part):
    """Share of one class among these images and among the reference."""

    label: str
    share: float
    reference_share: float


class SampleVerdict(_Part):
    """One sample of a run that holds several."""

    sample_id: str
    state: VerdictState
    n_images: int
    unlike: int | None = None
    unlike_low: float | None = Field(None, description="95 % interval of the share of unlike images, 0 to 1")
    unlike_high: float | None = None
    words: str = Field("", description="What stands out, or why nothing can be said")


class Verdict(_Part):
    """Whether the model is fit for these images: the one interface between drift and everything that shows it."""

    state: VerdictState
    headline: str = Field(
        description="One sentence, e.g. 'These images look like those the model was trained on.'"
    )
    reasons: list[str] = Field(default_factory=list, description="Sentences, most important first")
    method: str = Field("", description="How it was decided, in words, with the parameters")
    n_images: int = 0
    n_reference: int = 0
    mmd: float | None = Field(None, description="Squared maximum mean discrepancy (unbiased)")
    p_value: float | None = Field(None, description="(b + 1) / (P + 1) of the permutation test")
    unlike: int | None = Field(
        None, ge=0, description="Images further from the reference than `unlike_distance`"
    )
    unlike_share: float | None = Field(
        None, description="Their share of all images, 0 to 1: the size of the effect"
    )
    unlike_low: float | None = Field(
        None, ge=0, le=1, description="95 % interval of that share (counting error)"
    )
    unlike_high: float | None = Field(None, ge=0, le=1)
    unlike_distance: float | None = Field(
        None,
        description="Nearest-neighbour distance that few reference images exceed, looked for in other samples",
    )
    known_samples: int = Field(0, ge=0, description="Reference samples that whole samples are judged by")
    known_low: float | None = Field(
        None, description="Share of unlike images that normal samples of this size show: from"
    )
    known_high: float | None = Field(
        None, description="... to; a larger one is rarer than the setting `false_alarms` allows"
    )
    known_p_value: float | None = Field(
        None, description="How often a normal sample shows at least this share of unlike images"
    )
    matched_images: int = Field(
        0,
        ge=0,
        description="Fixed number of images that `matched_mmd` is taken at; 0: not compared",
    )
    matched_mmd: float | None = Field(
        None, description="Squared MMD (unbiased) at that number of images, classes equal on both sides"
    )
    matched_mmd_high: float | None = Field(None, description="What a normal sample rarely exceeds")
    matched_p_value: float | None = Field(None, description="How often a normal sample reaches `matched_mmd`")
    score: float | None = Field(
        None,
        description="How unlike the known ones the images are, in standard deviations of the reference samples",
    )
    samples: list[SampleVerdict] = Field(
        default_factory=list, description="Each sample of a run that holds several"
    )
    statistic_tests: list[StatisticTest] = Field(default_factory=list)
    share_changes: list[ShareChange] = Field(default_factory=list)
    share_distance: float | None = Field(
        None, description="Half the sum of absolute share differences, 0 to 1"
    )
    share_p_value: float | None = Field(None, description="How often re-labelled images reach that distance")
    drifted: list[DriftedImage] = Field(default_factory=list, description="Most drifted first")
