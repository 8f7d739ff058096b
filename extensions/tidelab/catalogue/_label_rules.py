"""Rules that join the fields of a class: what lives has a taxon, what does not has none; and advice that is no error."""

import datetime
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tidelab.catalogue._rules import Broken
    from tidelab.catalogue.task import Label
    from tidelab.catalogue.usecase import UseCase

_OF_LIFE: Final = ("aphia_id", "rank", "life_stage", "scientific_name")
"""Fields that only a class of something that lives has."""


def label_rules(use_case: "UseCase") -> "Iterator[Broken]":
    """Yield every joined rule that a class of the declaration breaks."""
    # Whoever is east of here may already have tomorrow's date.
    today = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    for index, label in enumerate(use_case.labels):
        given = [name for name in _OF_LIFE if getattr(label, name) is not None]
        if not label.is_biological and given:
            yield (
                ("labels", index, "kind"),
                f"is {label.kind} for '{label.name}', which has {' and '.join(given)}; only what lives has one.",
            )
        if label.kind == "life-stage" and label.life_stage is None:
            yield (
                ("labels", index, "kind"),
                f"is life-stage for '{label.name}', which names none; add `life_stage`, e.g. nauplius, cyst or egg.",
            )
        if label.aphia_checked and not label.aphia_id:
            yield ("labels", index, "aphia_checked"), "is given without an aphia_id."
        if label.aphia_checked and label.aphia_checked > today:
            yield (
                ("labels", index, "aphia_checked"),
                f"is {label.aphia_checked} for '{label.name}', a day to come; it is the day on which a person compared the AphiaID "
                "with WoRMS.",
            )
    yield from _shared_taxa(use_case)


def _shared_taxa(use_case: "UseCase") -> "Iterator[Broken]":
    """Two classes share a taxon only as different life stages or morphotypes of it: else they would be one class, counted twice."""
    seen: dict[tuple[int, str], Label] = {}
    for index, label in enumerate(use_case.labels):
        if label.aphia_id is None or label.kind == "morphotype":
            continue
        key = (label.aphia_id, (label.life_stage or "").casefold())
        first = seen.setdefault(key, label)
        if first is not label:
            yield (
                ("labels", index, "aphia_id"),
                f"is {label.aphia_id} for '{label.name}', which '{first.name}' has too; classes of one taxon must be different life "
                "stages (`life_stage`) or morphotypes (`kind: morphotype`) of it.",
            )


def label_advice(use_case: "UseCase") -> Iterator[tuple[str, str, str]]:
    """Yield what is no error and stands in the way of publication: (field, what is found, what to do), one a kind of shortcoming."""
    found: dict[str, list[str]] = defaultdict(list)
    for label in use_case.labels:
        if label.aphia_id and not label.aphia_checked:
            found["unchecked"].append(label.name)
        if label.kind == "taxon" and label.aphia_id and not label.rank:
            found["rank"].append(label.name)
        if label.is_biological and label.aphia_id and not label.taxon_name:
            found["name"].append(label.name)
    words = {
        "unchecked": (
            "aphia_checked", "is missing, so nobody is known to have compared the AphiaID with WoRMS",
            "Compare name and AphiaID at https://www.marinespecies.org and add the day.",
        ),
        "rank": ("rank", "is missing beside an AphiaID", "Add the rank that WoRMS gives, e.g. Genus."),
        "name": (
            "scientific_name", "is missing beside an AphiaID of a class that is no taxon itself, so its occurrences have no name",
            "Add the name that WoRMS gives the AphiaID.",
        ),
    }  # fmt: skip
    for kind, (field, rule, step) in words.items():
        names = found[kind]
        if names:
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            yield f"labels.{field}", f"{rule}: {', '.join(names[:10])}{more}.", step
