"""The state of a run, as it stands in ``state.json``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["queued", "running", "done", "failed", "cancelled"]


class RunState(BaseModel):
    """How far a run is; replaced atomically, so a reader never sees half of it. At the end ``done + failed == total``."""

    model_config = ConfigDict(extra="forbid")

    status: Status = Field(description="queued, running, done, failed or cancelled")
    step: str = Field("", description="What is happening now, in words for the person who waits")
    done: int = Field(0, ge=0, description="Images finished (predicted now or found in the cache)")
    total: int = Field(
        0, ge=0, description="Images found in the input, usable or not; a page of a TIFF counts as one"
    )
    failed: int = Field(0, ge=0, description="Files that could not be used")
    cached: int = Field(
        0,
        ge=0,
        description="Images whose result was known: from the cache, or from the same picture in this run",
    )
    predicted: int = Field(0, ge=0, description="Images the model was called for")
    message: str = Field("", description="For a failed run: what happened and what to do next")
    pid: int | None = Field(None, description="Process that executes the run")
    process: str | None = Field(
        None,
        description="Identity of that process (boot, pid, start), so that a reused pid is not taken for it",
    )
    own_process: bool = Field(
        False, description="Whether that process does nothing but this run, so it may be ended"
    )
    started: str | None = Field(None, description="ISO 8601 UTC")
    updated: str | None = Field(
        None, description="ISO 8601 UTC; the executing process refreshes it every few seconds"
    )
    finished: str | None = Field(None, description="ISO 8601 UTC")

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in this run."""
        return self.status in ("done", "failed", "cancelled")
