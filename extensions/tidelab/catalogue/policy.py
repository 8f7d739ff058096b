"""What happens to the images and results of the people who use a use case: four kinds, each said in one sentence."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from tidelab.catalogue._base import Line, Part, Text

PolicyKind = Literal["private", "shared", "open", "ephemeral"]

OLD_SCOPES: Final = {"person": "private", "shared": "shared"}
"""What `cache_scope` of earlier declarations said -> kind."""

_SENTENCES: Final[dict[PolicyKind, str]] = {
    "private": "Private: images and results stay in your own folder, and nobody else's analysis uses what was computed for yours.",
    "shared": "Shared computing: results per image (scores, features, a small picture) may be used again when another person of this "
    "hub analyses the same image. Your runs and tables stay in your own folder.",
    "open": "Open: results of this use case may be published under {licence}. Results per image may be used again when another "
    "person of this hub analyses the same image. Your runs stay in your own folder until you publish them.",
    "ephemeral": "Not kept: uploads are removed when the analysis ends, and the analysis itself with its pictures and tables "
    "{hours} after its end. Saved reports and notebooks hold no pictures. Download what you want to keep.",
}


class DataPolicy(Part):
    """What happens to the images and results of the people who use it (``docs/explanation/data-policy.md``)."""

    kind: PolicyKind = Field(
        "private",
        title="Kind",
        description="private: everything stays with the person. shared: results per image may be used again for other people of "
        "the hub. open: as shared, and results may be published under `results_licence`. ephemeral: nothing is kept.",
    )
    results_licence: Line | None = Field(
        None,
        title="Licence of the results",
        description="Licence that results are published under (SPDX, e.g. CC-BY-4.0); needed for the kind `open`.",
    )
    ephemeral_hours: int = Field(
        24,
        title="Hours",
        description="Hours after its end for which a run of the kind `ephemeral` can be looked at and downloaded.",
        ge=1,
        le=168,
    )
    note: Text | None = Field(
        None,
        title="Note",
        description="One more sentence, shown with the policy beside the upload field and in the report.",
    )
    cache_scope: Literal["person", "shared"] | None = Field(
        None,
        title="Cache scope",
        description="Name of `kind` in earlier versions: person is now private. Use `kind`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_the_old_name(cls, data: Any) -> Any:
        scope = data.get("cache_scope") if isinstance(data, Mapping) else None
        if isinstance(scope, str) and scope in OLD_SCOPES and "kind" not in data:
            return {**data, "kind": OLD_SCOPES[scope]}
        return data

    @property
    def sentence(self) -> str:
        """What a person reads beside the upload field and in the report."""
        hours = f"{self.ephemeral_hours} hour{'s' if self.ephemeral_hours != 1 else ''}"
        text = _SENTENCES[self.kind].format(licence=self.results_licence, hours=hours)
        return f"{text} {self.note}" if self.note else text

    @property
    def keeps_cache(self) -> bool:
        """Whether results per image are kept for a later run."""
        return self.kind != "ephemeral"

    @property
    def shares_cache(self) -> bool:
        """Whether results per image may be used again for another person of the hub."""
        return self.kind in ("shared", "open")

    @property
    def pictures_may_travel(self) -> bool:
        """Whether pictures of people's images may go where others can see them: MLflow, and a model that is promoted."""
        return self.shares_cache

    @property
    def keeps_pictures(self) -> bool:
        """Whether pictures may be written into files that outlive a run: reports, saved notebooks."""
        return self.kind != "ephemeral"
