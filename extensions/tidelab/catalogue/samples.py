"""Which facts about a sample a use case asks for, and what its effort is."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from tidelab.catalogue._base import Part

SampleFieldName = Literal[
    "time", "station", "latitude", "longitude", "depth_min_m", "depth_max_m", "platform", "instrument", "camera",
    "volume_imaged_ml", "dilution_factor", "um_per_px", "area_m2", "duration_s",
]  # fmt: skip
"""The fields of `tidelab.domain.sample.Sample`, which this layer may not import; a test holds the two lists together."""

Effort = Literal["volume", "area", "duration", "none"]

EFFORT_FIELDS: Final[dict[Effort, tuple[SampleFieldName, ...]]] = {
    "volume": ("volume_imaged_ml", "dilution_factor"),
    "area": ("area_m2",),
    "duration": ("duration_s",),
    "none": (),
}
"""What must be known of a sample before a count becomes a density."""


class Samples(Part):
    """What is asked about the samples of a run. What is not asked for is kept all the same when an input gives it."""

    fields: tuple[SampleFieldName, ...] = Field(
        ("time", "station"),
        title="Fields",
        description="Facts that matter here: each is read from the input or a side file, or asked for; one that stays unknown is "
        "said to be unknown, with what is not computed for want of it.",
    )
    effort: Effort = Field(
        "none",
        title="Effort",
        description="How much was looked at: `volume` (counts per mL; needs volume_imaged_ml and dilution_factor), `area` (needs "
        "area_m2), `duration` (needs duration_s), or `none`: counts only.",
    )

    @property
    def effort_fields(self) -> tuple[SampleFieldName, ...]:
        """The fields that the effort is made of."""
        return EFFORT_FIELDS[self.effort]

    @property
    def measures_sizes(self) -> bool:
        """Whether particles are measured: a use case that asks for the size of a pixel wants sizes."""
        return "um_per_px" in self.fields

    @model_validator(mode="after")
    def _complete(self) -> Self:
        twice = sorted({name for name in self.fields if self.fields.count(name) > 1})
        if twice:
            raise ValueError(f"fields names {twice[0]} twice")
        missing = [name for name in self.effort_fields if name not in self.fields]
        if missing:
            raise ValueError(f"effort is {self.effort}, so fields must name {' and '.join(missing)}")
        return self
