"""What an export needs to know of a run, read once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from tidelab.catalogue import UseCase
from tidelab.domain.sample import Sample
from tidelab.domain.verdict import Verdict
from tidelab.runs import RunError, RunFolder
from tidelab.runs.meaning import Meanings, label_meaning, use_case_of
from tidelab.runs.methods import model_reference
from tidelab.runs.not_counted import lost_particles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

DEMO_NOTE: Final = (
    "These names come from a demonstration model that was trained on generated pictures: they show how Tidelab works and must not be "
    "published as data."
)


@dataclass(frozen=True)
class Facts:
    """A finished run, as exports look at it.

    Parameters
    ----------
    run
        Its folder.
    manifest
        Where the results come from.
    determinations
        One row an image (`tidelab.domain.determination.DETERMINATION_COLUMNS`).
    samples
        By sample id.
    meanings
        What its classes mean.
    """

    run: RunFolder
    manifest: Mapping[str, Any]
    determinations: "pd.DataFrame"
    samples: Mapping[str, Sample]
    meanings: Meanings

    @classmethod
    def of(cls, run: RunFolder) -> Self:
        """Read a run; raises `RunError` naming the file that is missing or damaged."""
        return cls(run, run.manifest(), run.determinations(), run.sample_records(), label_meaning(run))

    @property
    def is_demo(self) -> bool:
        """Whether a demonstration model named the images."""
        return bool(self.manifest["model"]["demo"])

    @property
    def slug(self) -> str:
        """Slug of the use case."""
        return str(self.manifest["use_case"]["slug"])

    @property
    def title(self) -> str:
        """Title of the use case."""
        return str(self.manifest["use_case"]["title"])

    @property
    def model_words(self) -> str:
        """Name, version, digest and source of the model, as a publication cites them."""
        return model_reference(self.manifest)

    @cached_property
    def use_case(self) -> UseCase | None:
        """The declaration, or None when it can no longer be read."""
        return use_case_of(self.run)

    @cached_property
    def verdict(self) -> Verdict | None:
        """Whether the model was fit for these images; None when that file is gone."""
        try:
            return self.run.verdict()
        except RunError:
            return None

    @cached_property
    def lost(self) -> Mapping[str, int]:
        """Sample -> particles that are not in its counts, because their pictures could not be used."""
        return lost_particles(self.run)

    @cached_property
    def outlines(self) -> "npt.NDArray[np.float64] | None":
        """Major and minor axis of each image's particle, pixels, float64 ``(n, 2)`` in the order of the determinations.

        None where particles were not measured.
        """
        try:
            table = self.run.statistics()
            axes = table[["major_axis_px", "minor_axis_px"]].to_numpy(float)
        except (RunError, KeyError):
            return None
        return axes if len(axes) == len(self.determinations) and (axes >= 0).all() else None

    def rows(self) -> list[dict[str, Any]]:
        """Return the determinations as one dictionary an image."""
        return [
            {str(name): value for name, value in row.items()}
            for row in self.determinations.to_dict("records")
        ]

    def label_notes(self) -> Iterator[str]:
        """Yield what a person must know of the classes: those of unknown kind, and AphiaIDs that nobody checked."""
        found = set(self.determinations["label"])
        unknown = [label for label in sorted(found) if self.meanings.of(label).group == "unknown-kind"]
        if unknown:
            yield (
                f"Of unknown kind, because neither the use case nor the model's card declares what they are: {listed(unknown)}. "
                "They are in no biological total. Declare their kind in usecase.yaml."
            )
        unchecked = [
            label for label in sorted(found)
            if self.meanings.of(label).is_biological and self.meanings.of(label).aphia_id and not self.meanings.of(label).aphia_checked
        ]  # fmt: skip
        if unchecked:
            yield f"Nobody has compared the AphiaID with WoRMS of: {listed(unchecked)}. Do so before you publish."


def listed(names: list[str], limit: int = 20) -> str:
    """Return names as a sentence shows them, the first `limit` of them."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
