"""A sample: where, when and how much of the sea was looked at.

Everything is optional but its name. What is not known stays ``None`` and is said to be unknown: no default stands in for an effort
that nobody measured.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ORIGINS: Final = ("input", "side-file", "given", "")
"""Where a value comes from: the instrument's own files, a table beside the images, a person who was asked; empty when unknown."""


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, e.g. 2024-05-03T10:20:00Z")
    return moment.astimezone(datetime.UTC)


Utc = Annotated[datetime.datetime, AfterValidator(_in_utc)]


class Sample(BaseModel):
    """One sample and its effort.

    Depths are metres below the surface, positive downwards. ``volume_imaged_ml`` is the volume of (diluted or concentrated) fluid whose
    particles were imaged; ``dilution_factor`` is the volume after preparation divided by the volume of sea water it was made of: 1 is
    untouched, 2 is diluted to double, 0.1 is concentrated tenfold. The volume of sea water that was looked at is therefore
    ``volume_imaged_ml / dilution_factor``, and a missing factor is not 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sample_id: str = Field(max_length=255, description="Empty: images that belong to no named sample")
    time: Utc | None = Field(None, description="Start of sampling, ISO 8601 with zone")
    station: str | None = Field(None, max_length=255)
    latitude: float | None = Field(None, ge=-90, le=90, description="Decimal degrees north, WGS84")
    longitude: float | None = Field(None, ge=-180, le=180, description="Decimal degrees east, WGS84")
    depth_min_m: float | None = Field(None, ge=-100, le=12_000)
    depth_max_m: float | None = Field(None, ge=-100, le=12_000)
    platform: str | None = Field(None, max_length=255)
    instrument: str | None = Field(None, max_length=255)
    camera: str | None = Field(None, max_length=255)
    volume_imaged_ml: float | None = Field(None, gt=0, le=1e9)
    dilution_factor: float | None = Field(None, gt=0, le=1e6)
    um_per_px: float | None = Field(None, gt=0, le=1e6, description="Side of a pixel, micrometres")
    area_m2: float | None = Field(None, gt=0, le=1e12, description="Area of ground that was looked at")
    duration_s: float | None = Field(None, gt=0, le=1e9, description="How long was looked or listened")

    @model_validator(mode="after")
    def _deeper_is_deeper(self) -> Self:
        if (
            self.depth_min_m is not None
            and self.depth_max_m is not None
            and self.depth_max_m < self.depth_min_m
        ):
            raise ValueError(
                f"depth_max_m ({self.depth_max_m:g}) is above depth_min_m ({self.depth_min_m:g})"
            )
        return self

    @property
    def water_ml(self) -> float | None:
        """Volume of sea water that was looked at, mL; None unless both the volume imaged and the dilution are known."""
        if self.volume_imaged_ml is None or self.dilution_factor is None:
            return None
        return self.volume_imaged_ml / self.dilution_factor

    def known(self) -> Iterator[str]:
        """Yield the names of the fields that are known, `sample_id` left out."""
        return (name for name in SAMPLE_FIELDS if getattr(self, name) is not None)


@dataclass(frozen=True)
class SampleField:
    """How one field is shown and what others call it.

    Parameters
    ----------
    title, unit
        For people; the unit is empty where there is none.
    darwin_core
        Darwin Core term, or empty.
    ecotaxa
        Columns of an EcoTaxa table that hold it, the most usual first.
    """

    title: str
    unit: str = ""
    darwin_core: str = ""
    ecotaxa: tuple[str, ...] = ()


SAMPLE_FIELDS: Final[dict[str, SampleField]] = {
    "time": SampleField("Time (UTC)", "", "eventDate", ("object_date+object_time",)),
    "station": SampleField("Station", "", "locationID", ("sample_stationid", "sample_station")),
    "latitude": SampleField("Latitude", "°N", "decimalLatitude", ("object_lat",)),
    "longitude": SampleField("Longitude", "°E", "decimalLongitude", ("object_lon",)),
    "depth_min_m": SampleField("Least depth", "m", "minimumDepthInMeters", ("object_depth_min",)),
    "depth_max_m": SampleField("Greatest depth", "m", "maximumDepthInMeters", ("object_depth_max",)),
    "platform": SampleField("Platform", "", "", ("sample_ship", "sample_platform")),
    "instrument": SampleField("Instrument", "", "", ("acq_instrument",)),
    "camera": SampleField("Camera", "", "", ("acq_camera",)),
    "volume_imaged_ml": SampleField("Volume imaged", "mL", "sampleSizeValue", ("acq_fluid_volume_imaged", "acq_imaged_volume")),
    "dilution_factor": SampleField("Dilution factor", "", "", ("sample_dilution_factor", "sample_dilution")),
    "um_per_px": SampleField("Pixel size", "µm/px", "", ("process_pixel", "process_pixel_um", "acq_pixel_um")),
    "area_m2": SampleField("Area", "m²", "sampleSizeValue"),
    "duration_s": SampleField("Duration", "s", "sampleSizeValue"),
}  # fmt: skip
"""Every field of a sample but its name, in the order of ``samples.csv``."""

SAMPLE_COLUMNS: Final = ("sample_id", "images", *SAMPLE_FIELDS, "origins")
"""Columns of ``samples.csv`` of a run: one row for each sample of the run, empty cells for what is not known. ``origins`` holds
``field=origin`` joined by ``;`` (one of `ORIGINS`)."""
