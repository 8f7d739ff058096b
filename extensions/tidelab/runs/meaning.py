"""What a class of a run means: taxon, life stage, morphotype, non-living, artefact, or unknown.

The declaration of the use case comes first, then the card of the model, which may know classes that the use case does not declare.
A class that neither tells is of unknown kind: it is counted, but never as something that lives.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from tidelab.catalogue import CatalogueError, UseCase, load_usecase
from tidelab.catalogue.load import usecase_candidates
from tidelab.catalogue.task import BIOLOGICAL, NO_OBJECT, NOT_LIVING
from tidelab.domain.card import ModelCard
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.owner import acts_for_others

Group = Literal["biological", "not-living", "unknown-kind", "unidentified"]
_MAX_CARD_BYTES: Final = 2 * 2**20


@dataclass(frozen=True)
class LabelMeaning:
    """One class of a run.

    Parameters
    ----------
    label
        As the tables of the run write it (`names.spreadsheet_safe`).
    title
        What people read.
    kind
        One of the kinds of a declaration, or empty: unknown.
    rank, life_stage
        As declared, or empty.
    aphia_id
        Identifier in the World Register of Marine Species, or None.
    aphia_checked
        Day on which a person compared it with the register (ISO 8601), or empty.
    origin
        ``declaration``, ``card`` or empty: where the kind comes from.
    scientific_name
        As the register writes it; the class's own name for a taxon, empty for a life stage or morphotype that does not declare one.
    """

    label: str
    title: str = ""
    kind: str = ""
    rank: str = ""
    life_stage: str = ""
    aphia_id: int | None = None
    aphia_checked: str = ""
    origin: str = ""
    scientific_name: str = ""

    @property
    def is_biological(self) -> bool:
        """Whether it counts in biological totals and may become an occurrence; a class of unknown kind does not."""
        return self.kind in BIOLOGICAL

    @property
    def group(self) -> Group:
        """The total it belongs to."""
        if not self.label:
            return "unidentified"
        if self.is_biological:
            return "biological"
        return "not-living" if self.kind in NOT_LIVING else "unknown-kind"

    @property
    def aphia_words(self) -> str:
        """Whether a person compared the AphiaID with WoRMS; empty where there is none."""
        if self.aphia_id is None:
            return ""
        return f"AphiaID checked on {self.aphia_checked}" if self.aphia_checked else "AphiaID not checked"


class Meanings(Mapping[str, LabelMeaning]):
    """The classes of a run by name, both as the tables write it and as the model's card does.

    Iteration yields the spelling of the tables, the card's order first. :meth:`of` answers for every name.
    """

    def __init__(self, labels: Iterable[str], meanings: Iterable[LabelMeaning]) -> None:
        self._known = {one.label: one for one in meanings}
        self._card = dict.fromkeys(spreadsheet_safe(label) for label in labels)

    def __getitem__(self, label: str) -> LabelMeaning:
        found = self._known.get(label)
        return found if found is not None else self._known[spreadsheet_safe(label)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, label: str) -> LabelMeaning:
        """Return what a name means; a name that nobody declares is of unknown kind, the empty one is unidentified."""
        return self.get(label) or LabelMeaning(label, label)

    @property
    def model_labels(self) -> tuple[str, ...]:
        """The classes that the model knows, in its order, as the tables write them; only these can have been looked for."""
        return tuple(self._card)

    @property
    def of_unknown_kind(self) -> tuple[str, ...]:
        """The model's classes of which nobody says whether they live."""
        return tuple(label for label in self._card if self.of(label).group == "unknown-kind")


def label_meaning(run: RunFolder) -> Meanings:
    """Return what the classes of a run mean.

    A use case or a model that is no longer where it was costs the meaning of its classes, never an error: they become of unknown
    kind, which keeps them out of biological totals.
    """
    try:
        request = run.request
    except RunError:
        return Meanings((), ())
    card = _card(Path(request.model.folder))
    labels = card.labels if card else _labels_of_manifest(run)
    return meanings(use_case_of(run), labels, card, finds_objects=run.finds_objects)


def use_case_of(run: RunFolder) -> UseCase | None:
    """Return the declaration that a run was made with, as it reads now; None when it has gone or no longer reads.

    In the app and in the runs that it starts only that of a use case of this place: the run's folder belongs to the visitor, and code of a
    folder that it names would run in the service of all.
    """
    try:
        folder = Path(run.request.use_case_folder)
        if acts_for_others():
            known = {one.resolve() for one in usecase_candidates()}
            if folder.resolve() not in known:
                return None
        return load_usecase(folder)
    except (CatalogueError, RunError, OSError, ValueError):
        return None


def meanings(
    use_case: UseCase | None, labels: Iterable[str], card: ModelCard | None, *, finds_objects: bool = False
) -> Meanings:
    """Return what classes mean.

    Parameters
    ----------
    use_case
        The declaration, or None where it can no longer be read.
    labels
        The model's classes, in its order.
    card
        Its card, or None.
    finds_objects
        Whether a person may call a box of the run no object.
    """
    order = tuple(labels)
    declared = {label.name: label for label in use_case.labels} if use_case else {}
    found = [_meaning(name, use_case, card) for name in dict.fromkeys((*order, *declared))]
    if finds_objects:
        found.append(
            LabelMeaning(NO_OBJECT, "No object (a false detection)", "artefact", origin="declaration")
        )
    return Meanings(order, found)


def _meaning(name: str, use_case: UseCase | None, card: ModelCard | None) -> LabelMeaning:
    shown = spreadsheet_safe(name)
    declared = use_case.label(name) if use_case else None
    if declared is not None:
        checked = declared.aphia_checked.isoformat() if declared.aphia_checked else ""
        return LabelMeaning(
            *(shown, declared.shown, declared.kind, declared.rank or "", declared.life_stage or ""),
            *(declared.aphia_id, checked, "declaration", spreadsheet_safe(declared.taxon_name)),
        )
    kind = card.label_kinds.get(name, "") if card else ""
    aphia = card.aphia_ids.get(name) if card else None
    taxon = shown if kind == "taxon" else ""
    return LabelMeaning(
        shown, name, kind, aphia_id=aphia, origin="card" if kind else "", scientific_name=taxon
    )


def _card(folder: Path) -> ModelCard | None:
    try:
        file = folder / "card.json"
        return (
            ModelCard.model_validate_json(file.read_bytes())
            if file.stat().st_size <= _MAX_CARD_BYTES
            else None
        )
    except (OSError, ValidationError):
        return None


def _labels_of_manifest(run: RunFolder) -> tuple[str, ...]:
    try:
        found = run.manifest()["model"]["labels"]
    except (RunError, KeyError, TypeError):
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()
