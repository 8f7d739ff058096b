"""Counts per picture of a detector's run, by the names in force; pictures without an object count as zero."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidelab.catalogue.task import NO_OBJECT
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import label_meaning

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ClassPerPicture:
    """One class over all pictures of a run.

    Parameters
    ----------
    label
        The name in force; empty: objects that a person could not name.
    objects
        Boxes that carry it: of one animal in ten pictures, ten.
    pictures_with
        Pictures with at least one.
    pictures
        Pictures that were searched, zeros included: the effort.
    most
        Most in one picture (MaxN of the pictures).
    """

    label: str
    objects: int
    pictures_with: int
    pictures: int
    most: int

    @property
    def mean(self) -> float:
        """Objects per picture, zeros included."""
        return self.objects / self.pictures if self.pictures else 0.0


def counts_per_picture(run: RunFolder) -> "pd.DataFrame":
    """Return objects by picture and class, by the names in force: one row a picture in the order of ``pictures.csv``.

    Boxes that a person called no object are left out. Columns are the model's classes in the card's order, then names that people gave,
    then, where there are any, the empty one: objects a person could not name. The index is the picture's name.

    Raises
    ------
    RunError
        When the run is not of a detector, or has no results.
    """
    import pandas as pd

    pictures, names = run.pictures(), run.determinations()
    shown = names[names["label"] != NO_OBJECT]
    known = list(label_meaning(run).model_labels)
    extra = [*sorted(set(shown["label"]) - {"", *known}), *([""] if (shown["label"] == "").any() else [])]
    of_picture = shown["image"].str.rpartition("@")[0] if len(shown) else shown["image"]
    table = (
        pd.crosstab(of_picture.to_numpy(str), shown["label"].to_numpy(str)) if len(shown) else pd.DataFrame()
    )
    order = pd.Index(pictures["picture"], name="picture")
    counted: pd.DataFrame = table.reindex(index=order, columns=[*known, *extra], fill_value=0).astype(int)
    return counted


def per_class(table: "pd.DataFrame") -> list[ClassPerPicture]:
    """Return each class of `counts_per_picture`, most objects first; classes of which none was found are there too, with zeros."""
    found = [
        ClassPerPicture(
            str(label),
            int(column.sum()),
            int((column > 0).sum()),
            len(column),
            int(column.max() if len(column) else 0),
        )
        for label, column in table.items()
    ]
    return sorted(found, key=lambda one: (not one.label, -one.objects, one.label))
