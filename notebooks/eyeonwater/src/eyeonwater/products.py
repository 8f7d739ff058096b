"""``accept_reject.csv``: for each photo whether it can be used, why not, and the colour of the water."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from eyeonwater.judging import Judgement, judge
from eyeonwater.told import COLUMNS as TOLD
from tidelab.runs.finished import FinishedRun, ProductFile

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "image", "image_id", "time", "station", "label", "score", "verdict", "reason", "hue_angle_deg", "hue_angle_sd_deg", "forel_ule",
    "forel_ule_low", "forel_ule_high", "usable_share", *TOLD,
)  # fmt: skip
"""Colour is given for accepted photos only; an empty cell is *not determined*. ``forel_ule_low`` and ``_high`` hold one standard deviation
of the hue within the photo; the white balance of the camera is not in it. The last ones are what the telephone wrote (`eyeonwater.told`)."""


def accept_reject(run: FinishedRun) -> Sequence[ProductFile]:
    """Write the table as the model alone says it; what persons say afterwards is in the package and on the page."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, judgement in judged(with_told(run.results, run.objects), run.statistics):
        writer.writerow(_cells(row, judgement))
    path = run.write("accept_reject.csv", stream.getvalue())
    return [ProductFile(path, "Photos accepted and rejected, with the colour of the water", "text/csv")]


def judged(
    names: "pd.DataFrame", statistics: "pd.DataFrame"
) -> Iterator[tuple[dict[str, object], Judgement]]:
    """Yield each photo with its judgement.

    Parameters
    ----------
    names
        With ``image_id`` and ``label``: results, or determinations.
    statistics
        In the same order: brightness and the numbers of `eyeonwater.colour.measure`; empty where the measurement failed.
    """
    numbers = statistics.reset_index(drop=True)
    for position, row in enumerate(names.to_dict("records")):
        found = {str(key): value for key, value in numbers.iloc[position].items()}
        label = str(row.get("label") or "")
        judgement = judge(label, {name: number(found.get(name)) for name in _NEEDED})
        yield (
            {**found, **{str(key): value for key, value in row.items()}},
            judgement,
        )


def with_told(names: "pd.DataFrame", objects: "pd.DataFrame") -> "pd.DataFrame":
    """Return names with when and where each photo was taken, by the name of its file; empty where the run knows nothing of it."""
    if len(objects) == 0:
        return names.assign(**dict.fromkeys(TOLD, ""))
    told = objects.reindex(columns=["image", *TOLD]).drop_duplicates("image")
    joined = names.merge(told, on="image", how="left", validate="many_to_one")
    return joined.assign(
        **{name: joined[name].astype(object).where(joined[name].notna(), "") for name in TOLD}
    )


def number(value: object) -> float:
    """Return a cell of a table as a number; NaN where it is empty or none: not measured."""
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def measured(row: Mapping[str, object]) -> bool:
    """Return whether the colour of a photo was measured, be it that it has none."""
    return all(math.isfinite(number(row.get(name))) for name in _COLOUR)


def coloured(row: Mapping[str, object], judgement: Judgement) -> bool:
    """Return whether a photo's colour is given: it is accepted, was measured, and has a colour of natural water."""
    return judgement.verdict == "accepted" and measured(row) and number(row["forel_ule"]) > 0


_COLOUR: Final = ("hue_angle_deg", "hue_angle_sd_deg", "forel_ule", "forel_ule_low", "forel_ule_high")
_NEEDED: Final = ("brightness", "usable_share", *_COLOUR)


def _cells(row: dict[str, object], judgement: Judgement) -> list[object]:
    colour: list[object] = [""] * len(_COLOUR)
    if coloured(row, judgement):
        degrees, steps = _COLOUR[:2], _COLOUR[2:]
        colour = [f"{number(row[name]):.1f}" for name in degrees] + [int(number(row[name])) for name in steps]
    share = number(row.get("usable_share"))
    return [
        *(row.get(name, "") for name in ("image", "image_id", "time", "station", "label", "score")),
        judgement.verdict, judgement.reason, *colour, f"{share:.3f}" if math.isfinite(share) else "",
        *(row.get(name, "") for name in TOLD),
    ]  # fmt: skip
