"""How much of a run is validated, by whom and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidelab.domain.determination import Audit, ValidationEvent
from tidelab.runs.validation.replay import Replay

if TYPE_CHECKING:
    import datetime

    import pandas as pd


@dataclass(frozen=True)
class PersonSummary:
    """What one person's word is in force on: images named and images called unknown, and from when to when."""

    person: str
    validated: int
    unknown: int
    first: "datetime.datetime"
    last: "datetime.datetime"


@dataclass(frozen=True)
class ClassSummary:
    """One class as it was predicted: its images, how many a person looked at, and what they said of them."""

    label: str
    images: int
    validated: int
    unknown: int
    moved: int


@dataclass(frozen=True)
class AuditProgress:
    """One audit, and how many of its images a person has looked at since it was drawn."""

    audit: Audit
    checked: int

    @property
    def asked(self) -> int:
        """Images that it asks for."""
        return len(self.audit.image_ids)


@dataclass(frozen=True)
class ValidationSummary:
    """The validation of a run in numbers; images are counted as the results list them, identical copies each.

    Parameters
    ----------
    images, validated, unknown
        All; those a person named; those a person could not name.
    moved
        Of the validated ones, those that carry another name than the model gave.
    people, classes, audits
        In parts: by person (most images first), by predicted class (most images first), by audit (oldest first).
    adopted
        run_id -> images whose word was given in that earlier run of the same images.
    skipped
        Lines of the log that cannot be read.
    """

    images: int
    validated: int
    unknown: int
    moved: int
    people: tuple[PersonSummary, ...]
    classes: tuple[ClassSummary, ...]
    audits: tuple[AuditProgress, ...]
    adopted: Mapping[str, int]
    skipped: int

    @property
    def looked_at(self) -> int:
        """Images that a person looked at."""
        return self.validated + self.unknown


def is_checked(audit: Audit, word: ValidationEvent) -> bool:
    """Whether a word answers an audit: it was asked for by it, or given since it was drawn."""
    return word.audit == audit.audit_id or word.time >= audit.time


def summarise(
    results: "pd.DataFrame", replay: Replay, audits: Sequence[Audit], skipped: int
) -> ValidationSummary:
    """Return the summary of a run; `results` needs the columns ``image_id`` and ``label``."""
    words = replay.words()
    predicted = results["label"].tolist()
    rows = [words.get(image_id) for image_id in results["image_id"].tolist()]
    said = [(word, name) for word, name in zip(rows, predicted, strict=True) if word]
    adopted: dict[str, int] = {}
    for word, _ in said:
        if word.adopted_from:
            adopted[word.adopted_from] = adopted.get(word.adopted_from, 0) + 1
    unknown = sum(1 for word, _ in said if not word.label)
    return ValidationSummary(
        images=len(rows),
        validated=len(said) - unknown,
        unknown=unknown,
        moved=sum(1 for word, name in said if word.label and word.label != name),
        people=_people([word for word, _ in said]),
        classes=_classes(predicted, rows),
        audits=tuple(_progress(audit, words) for audit in audits),
        adopted=adopted,
        skipped=skipped,
    )


def _people(words: Sequence[ValidationEvent]) -> tuple[PersonSummary, ...]:
    by_person: dict[str, list[ValidationEvent]] = {}
    for word in words:
        by_person.setdefault(word.person, []).append(word)
    found = [
        PersonSummary(
            person,
            sum(1 for word in said if word.label),
            sum(1 for word in said if not word.label),
            min(word.time for word in said),
            max(word.time for word in said),
        )
        for person, said in by_person.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.validated - one.unknown, one.person)))


def _classes(predicted: Sequence[str], rows: Sequence[ValidationEvent | None]) -> tuple[ClassSummary, ...]:
    by_class: dict[str, list[ValidationEvent | None]] = {}
    for name, word in zip(predicted, rows, strict=True):
        by_class.setdefault(name, []).append(word)
    found = [
        ClassSummary(
            name,
            len(words),
            sum(1 for word in words if word and word.label),
            sum(1 for word in words if word and not word.label),
            sum(1 for word in words if word and word.label and word.label != name),
        )
        for name, words in by_class.items()
    ]
    return tuple(sorted(found, key=lambda one: (not one.label, -one.images, one.label)))


def _progress(audit: Audit, words: Mapping[str, ValidationEvent]) -> AuditProgress:
    looked = (words.get(image_id) for image_id in audit.image_ids)
    return AuditProgress(audit, sum(1 for word in looked if word and is_checked(audit, word)))
