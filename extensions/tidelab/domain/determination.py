"""Who named an image what: the model's prediction, and a person's word on it."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DeterminationStatus = Literal["predicted", "validated", "unknown"]
"""``predicted``: nobody looked. ``validated``: a person gave the label. ``unknown``: a person looked and could not say."""

ECOTAXA_STATUS: Final[dict[str, str]] = {
    "predicted": "predicted",
    "validated": "validated",
    "unknown": "dubious",
}

DETERMINATION_COLUMNS: Final = (
    "image_id", "sample_id", "image", "predicted_label", "score", "label", "status", "validated_by", "validated_at", "audit",
)  # fmt: skip
"""One row an image, in the order of the results. ``label`` is the name in force: a person's where there is one, else the model's
(empty: unidentified, or unknown to the person). ``validated_at`` is ISO 8601 UTC, ``audit`` the audit that asked for the look.
Identical copies of an image share their ``image_id`` and follow together."""


class ValidationEvent(BaseModel):
    """One act of a person on one or more images; the log of a run only grows, so nothing is lost by an undo."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: str
    time: AwareDatetime
    person: str
    action: Literal["validate", "unknown", "undo"]
    image_ids: tuple[str, ...] = ()
    label: str = Field("", description="The name given; empty for `unknown` and `undo`")
    undoes: str = Field("", description="event_id of the act that an `undo` takes back")
    audit: str = Field("", description="audit_id, where an audit asked for the look")
    adopted_from: str = Field(
        "", description="run_id of the earlier run of the same images in which it was said"
    )


Probability = Annotated[float, Field(gt=0, le=1)]


class Audit(BaseModel):
    """A random choice of images that a person is asked to check, with the probability each image had of being chosen.

    Without these probabilities a count corrected by the checks could not be unbiased (Horvitz and Thompson 1952).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    audit_id: str
    time: AwareDatetime
    person: str
    design: Literal["simple", "stratified"] = Field(
        description="simple random sample, or stratified by predicted class, both without replacement"
    )
    seed: int
    image_ids: tuple[str, ...]
    strata: dict[str, tuple[int, int]] = Field(
        description="Stratum -> (images in it, images drawn); the predicted class, empty for unidentified; `all` in a simple sample"
    )
    inclusion_probability: dict[str, Probability] = Field(
        description="image_id -> probability, all of the run"
    )
    adopted_from: str = Field(
        "", description="run_id of the earlier run of the same images that it was drawn in"
    )
