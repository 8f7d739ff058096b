"""Counts of a run, raw and corrected, with what may and may not be said of them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EstimateMethod = Literal["PACC", "EMQ", "audit-stratified", "audit-ppi", "validated", ""]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Range(_Part):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class ClassEstimate(_Part):
    """One class in one sample, or in the whole run (``sample_id`` empty)."""

    sample_id: str = ""
    label: str = Field(description="Empty: unidentified")
    kind: str = Field(
        "", description="taxon, life-stage, morphotype, non-living, artefact, or empty where not declared"
    )
    raw: int = Field(
        description="Images that carry this name now: a person's word where there is one, else the model's"
    )
    validated: int = Field(0, description="Of these, named by a person")
    corrected: Range | None = Field(None, description="Images; None where withheld")
    method: EstimateMethod = ""
    check: float | None = Field(
        None,
        description="The same count by EMQ, beside PACC: two methods that disagree widely are a warning. None where only one was used",
    )
    withheld: str = Field(
        "", description="Why there is no corrected count, in words; empty where there is one"
    )
    concentration_per_ml: Range | None = Field(
        None,
        description="Of the corrected count where there is one, else of the raw; None without effort or for a non-biological class",
    )
    concentration_of: Literal["corrected", "raw", ""] = ""


class Estimates(_Part):
    """All counts of a run."""

    schema_version: Literal[1] = 1
    key: str = Field(description="Digest of everything the estimates depend on; equal keys, equal estimates")
    classes: list[ClassEstimate]
    withheld: list[str] = Field(
        default_factory=list, description="Why corrected counts are withheld for the whole run"
    )
    notes: list[str] = Field(
        default_factory=list,
        description="What must be read with the counts: a demo model, an own model, an unfinished audit",
    )
    beyond: int = Field(
        0,
        ge=0,
        description="Images further from the training classes than the threshold: counted as unidentified",
    )
    beyond_threshold: float | None = None
    labelled_images: int = Field(0, description="Held-out labelled images behind the correction")
    seed: int
    replicates: int
    not_covered: str = Field(description="One paragraph: what the intervals do not cover")
    method_words: str = Field("", description="How it was computed, for the methods section, with citations")
