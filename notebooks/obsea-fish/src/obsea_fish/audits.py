"""Mean counts of a run corrected by what persons looked at: pictures counted by hand, and detections named in a random audit."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from obsea_fish import hand_counts
from obsea_fish.series import Series, picture_names
from tidelab.runs import RunFolder
from tidelab.runs.validation import Validation
from tidelab.science.abundance import counts_per_picture
from tidelab.science.audited_counts import object_audit, picture_audit

PICTURE_COLUMNS: Final = (
    "taxon", "raw_per_picture", "corrected_per_picture", "low", "high", "at_least_false_per_picture", "at_least_missed_per_picture",
    "pictures_counted_by_hand", "pictures", "remark",
)  # fmt: skip
OBJECT_COLUMNS: Final = (
    "taxon", "raw_per_picture", "confirmed_per_picture", "low", "high", "false_per_picture", "detections_checked", "detections",
)  # fmt: skip


def of_pictures(run: RunFolder, series: Series) -> pd.DataFrame:
    """Return `PICTURE_COLUMNS` from the file of hand counts that the run names, one row a taxon.

    What is corrected are the model's own counts: names that persons gave since stand in the pictures they looked at and in no other, and would
    make the checked pictures better than the rest.

    Raises
    ------
    tidelab.science.audited_counts.ValueError, obsea_fish.hand_counts.HandCountError
        Where the file cannot be used; the text says why.
    """
    names = [one.name for one in series.taxa]
    model = model_counts(run, series).pivot(index="picture", columns="taxon", values="count")[names]
    path = Path(series.settings.hand_counts).expanduser()
    given = hand_counts.read(path, model.index.tolist(), names, series.settings.bootstrap.seed)
    found = picture_audit(given.counts, model.loc[list(given.pictures)].to_numpy(), model.to_numpy())
    columns = (names, found.raw, found.value, found.low, found.high, found.surplus, found.shortfall)
    rows = zip(*columns, found.remarks, strict=True)
    return pd.DataFrame(
        [(*row, found.checked, len(model), remark) for *row, remark in rows], columns=list(PICTURE_COLUMNS)
    )


def model_counts(run: RunFolder, series: Series) -> pd.DataFrame:
    """Return `tidelab.science.abundance.PICTURE_COLUMNS` as the model counted, whatever persons said since."""
    names = [one.name for one in series.taxa]
    found = run.determinations()
    found = found[found["predicted_label"].isin(names)]
    objects = pd.DataFrame(
        {"picture": picture_names(found["image"]), "label": found["predicted_label"], "score": found["score"]}
    )
    return counts_per_picture(series.pictures, objects, names)


def of_objects(run: RunFolder, series: Series) -> pd.DataFrame | None:
    """Return `OBJECT_COLUMNS` from the newest random audit of detections; None where none was checked.

    Detections of pictures that are effort count alone, by the model's own names: what persons changed outside of the audit was not drawn by lot.
    """
    validation = Validation(run)
    audits = validation.audits()
    if not audits:
        return None
    checked = validation.checked(audits[-1])
    names = [one.name for one in series.taxa]
    effort = set(series.counts["picture"])
    found = run.determinations()
    found = found[picture_names(found["image"]).isin(effort) & found["predicted_label"].isin(names)]
    seen = np.zeros((len(names), len(names) + 1))
    for image_id, predicted in zip(found["image_id"], found["predicted_label"], strict=True):
        if image_id in checked:
            said = checked[image_id]
            seen[names.index(predicted), names.index(said) if said in names else len(names)] += 1
    if not seen.any():
        return None
    groups = found.groupby("predicted_label")["score"]
    sizes = groups.size().reindex(names, fill_value=0).to_numpy()
    scores = groups.mean().reindex(names).fillna(0.5).to_numpy()
    made = object_audit(seen, sizes, scores, len(effort), seed=series.settings.bootstrap.seed)
    rows = zip(
        names, made.raw, made.confirmed, made.low, made.high, made.false, made.checked, sizes, strict=True
    )
    return pd.DataFrame(list(rows), columns=list(OBJECT_COLUMNS))
