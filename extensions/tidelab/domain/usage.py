"""Usage events: what was computed, for whom and from where, without a name, an address, a file name or an image.

What each number means, and how to add them up, stands in ``docs/statistics.md``.
"""

import uuid
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

PersonKind = Literal["person", "service", "guest", "vessel"]
"""A person with an account; a program that works for an institute; somebody without an account of their own; a ship."""

Access = Literal["local", "virtual", "remote"]
"""``local``: on one's own computer. ``virtual``: over a network, for everybody who may sign in, without a selection of projects
(virtual access, VA). ``remote``: over a network, for people whose project was selected (trans-national access, TNA)."""

Purpose = Literal["real", "demo", "test"]
"""``demo``: a demonstration model or generated sample images. ``test``: software tests. Only ``real`` ones are ever counted."""

Activity = Literal["analysis", "training"]

Face = Literal["lab", "app", "report"]

_NAMESPACE: Final = uuid.UUID("6a7e1c7e-3f0b-5c1b-9d0a-7d1f2f6e8c55")

Count = Annotated[int, Field(ge=0)]


class UsageContext(BaseModel):
    """What is settled about a run's person before it starts, so that nothing has to be asked later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person_kind: PersonKind = "person"
    institution: str = Field("", max_length=200, description="As the person gave it; empty: not given")
    country: str = Field("", pattern=r"^([A-Z]{2})?$", description="ISO 3166-1 alpha-2; empty: not given")
    access: Access = "local"
    purpose: Purpose = "real"


class UsageEvent(BaseModel):
    """One finished run or training. It is written once; a second line with the same `event_id` is the same event."""

    # A newer Tidelab may add a field: an older one still reads what it knows.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    schema_version: Literal[2] = 2
    event_id: uuid.UUID = Field(description="The same for every attempt of one run")
    activity: Activity = "analysis"
    person: str = Field(pattern=r"^[0-9a-f]{32}$", description="Pseudonym: keyed digest of the person's name")
    person_kind: PersonKind = "person"
    institution: str = Field("", max_length=200)
    country: str = Field("", pattern=r"^([A-Z]{2})?$")
    use_case: str = Field(min_length=1, max_length=100)
    face: Face
    access: Access = "local"
    purpose: Purpose = "real"
    model: str = Field("", description="Name of the model")
    model_version: str = ""
    model_digest: str = ""
    images_ingested: Count | None = Field(
        None, description="Contents that were new to this installation; None: not known"
    )
    images_processed: Count | None = Field(
        None, description="Images the model was asked about; None: not known"
    )
    images_from_cache: Count = Field(0, description="Images whose result was known already")
    files_failed: Count = Field(0, description="Files that could not be used")
    start: AwareDatetime
    end: AwareDatetime
    seconds: float = Field(ge=0, description="Wall time, waiting for a place not included")
    peak_mb: Count | None = Field(None, description="Most memory the process held, MiB")


def event_id(use_case: str, run: str) -> uuid.UUID:
    """Return the id of the event of a run: the same however often the run is executed.

    >>> event_id("x", "r1") == event_id("x", "r1"), event_id("x", "r1") == event_id("y", "r1")
    (True, False)
    """
    return uuid.uuid5(_NAMESPACE, f"{use_case}/{run}")
