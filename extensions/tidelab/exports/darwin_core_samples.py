"""The samples of a run as Darwin Core needs them: what was named in each, by whom, and what is not known of it."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tidelab.domain.sample import Sample
from tidelab.exports.facts import Facts
from tidelab.runs.meaning import LabelMeaning
from tidelab.science.biovolume import prolate_spheroid_um3

if TYPE_CHECKING:
    import pandas as pd

_NEEDED: Final = {"time": "time", "latitude": "latitude", "longitude": "longitude"}


@dataclass(frozen=True)
class Found:
    """Images of one class in one sample that are all predicted, or all validated.

    Parameters
    ----------
    meaning
        The class.
    validated
        Whether a person named them.
    images
        How many.
    mean_score
        Mean score of the model's own name for them, 0 to 1.
    persons
        Who named them, sorted.
    first, last
        Days of the first and the last look (ISO 8601), empty when predicted.
    biovolume_um3
        Of all these images, cubic micrometres: prolate spheroids of their outlines (Hillebrand et al. 1999). None unless every one was
        measured and the size of a pixel is known.
    """

    meaning: LabelMeaning
    validated: bool
    images: int
    mean_score: float
    persons: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    biovolume_um3: float | None = None


@dataclass(frozen=True)
class SampleFacts:
    """One sample of a run with everything that was named in it; `lost` particles of it are in no count."""

    sample: Sample
    event_id: str
    images: int
    unnamed: int
    looked_at: int
    found: tuple[Found, ...]
    lost: int = 0

    @property
    def lacks(self) -> tuple[str, ...]:
        """What OBIS needs of an event and nobody knows of this one: time, latitude, longitude."""
        return tuple(words for field, words in _NEEDED.items() if getattr(self.sample, field) is None)


def samples_of(facts: Facts) -> list[SampleFacts]:
    """Return the samples of a run that have images, in the order of their ids.

    Images without a sample are one where a person said when and where they were taken, and in none otherwise.
    """
    groups = facts.determinations.groupby("sample_id", sort=True)
    found = [_sample_facts(facts, str(name), group) for name, group in groups]
    return [one for one in found if one.sample.sample_id or not one.lacks]


def sample_size(sample: Sample) -> tuple[float, str] | None:
    """Return how much was looked at and its unit: sea water, else ground, else time; None when none of these is known.

    The volume imaged alone is not it: without the dilution factor nobody knows how much sea water that was.
    """
    if sample.water_ml is not None:
        return sample.water_ml / 1000, "litre"
    if sample.area_m2 is not None:
        return sample.area_m2, "square metre"
    return (sample.duration_s, "second") if sample.duration_s is not None else None


def incomplete(samples: Iterable[SampleFacts]) -> Sequence[str]:
    """Return a sentence for each thing that samples lack, naming them."""
    reasons: dict[str, list[str]] = {}
    for one in samples:
        if one.lacks:
            reasons.setdefault(" and ".join(one.lacks), []).append(one.sample.sample_id)
    return [
        f"no {what} of {', '.join(names[:20])}{' …' if len(names) > 20 else ''}"
        for what, names in reasons.items()
    ]


def id_part(text: str) -> str:
    """Return a text as a part of an id: percent-encoded, so that no two combinations of parts are the same."""
    return quote(text, safe="", errors="backslashreplace")


def _sample_facts(facts: Facts, name: str, group: "pd.DataFrame") -> SampleFacts:
    digest = hashlib.sha256("\n".join(sorted(group["image_id"])).encode()).hexdigest()[:12]
    sample = facts.samples.get(name) or Sample(sample_id=name)
    group = group.assign(biovolume=_biovolumes(facts, group, sample.um_per_px))
    named = group[group["label"] != ""]
    found = [
        _found(facts.meanings.of(str(label)), bool(validated), rows)
        for (label, validated), rows in named.groupby(["label", named["status"] == "validated"], sort=True)
    ]
    return SampleFacts(
        sample=sample,
        event_id=f"{facts.slug}:{id_part(name) or 'images'}:{digest}",
        images=len(group),
        unnamed=len(group) - len(named),
        looked_at=int((group["status"] != "predicted").sum()),
        found=tuple(found),
        lost=facts.lost.get(name, 0),
    )


def _found(meaning: LabelMeaning, validated: bool, rows: "pd.DataFrame") -> Found:
    score = float(rows["score"].astype(float).mean())
    volume = float(rows["biovolume"].sum()) if rows["biovolume"].notna().all() else None
    if not validated:
        return Found(meaning, False, len(rows), score, biovolume_um3=volume)
    days = sorted(str(moment)[:10] for moment in rows["validated_at"] if moment)
    persons = tuple(sorted({str(person) for person in rows["validated_by"] if person}))
    first, last = (days[0], days[-1]) if days else ("", "")
    return Found(meaning, True, len(rows), score, persons, first, last, volume)


def _biovolumes(facts: Facts, group: "pd.DataFrame", um_per_px: float | None) -> list[float]:
    """Return the biovolume of each image, cubic micrometres; NaN where nothing was measured."""
    outlines = facts.outlines
    if outlines is None or um_per_px is None:
        return [math.nan] * len(group)
    axes = outlines[group.index.to_numpy()]
    # No particle was found in an image whose axes are 0: that is not a volume of 0.
    return [float(volume) or math.nan for volume in prolate_spheroid_um3(axes[:, 0], axes[:, 1], um_per_px)]
