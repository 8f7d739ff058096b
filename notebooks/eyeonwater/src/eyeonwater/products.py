"""``accept_reject.csv``: for each photo whether it can be used, why not, and the colour of the water."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from eyeonwater.judging import Judgement, judge
from tidelab.runs.finished import FinishedRun, ProductFile

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "image", "image_id", "time", "station", "label", "score", "verdict", "reason", "hue_angle_deg", "hue_angle_sd_deg", "forel_ule",
    "forel_ule_low", "forel_ule_high", "usable_share",
)  # fmt: skip
"""Colour is given for accepted photos only; an empty cell is *not determined*. ``forel_ule_low`` and ``_high`` hold one standard deviation
of the hue within the photo; the white balance of the camera is not in it."""


def accept_reject(run: FinishedRun) -> Sequence[ProductFile]:
    """Write the table as the model alone says it; what persons say afterwards is in the package and on the page."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, judgement in judged(run.results, run.statistics):
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
        In the same order: brightness and the numbers of `eyeonwater.colour.measure`.
    """
    numbers = statistics.reset_index(drop=True)
    for position, row in enumerate(names.to_dict("records")):
        measured = {str(key): value for key, value in numbers.iloc[position].items()}
        label = str(row.get("label") or "")
        yield (
            {**measured, **{str(key): value for key, value in row.items()}},
            judge(label, {name: float(measured[name]) for name in _NEEDED}),
        )


_NEEDED: Final = ("brightness", "usable_share", "hue_angle_sd_deg", "forel_ule")


def _cells(row: dict[str, object], judgement: Judgement) -> list[object]:
    coloured = judgement.verdict == "accepted" and int(float(str(row["forel_ule"]))) > 0
    colour = [
        f"{float(str(row['hue_angle_deg'])):.1f}",
        f"{float(str(row['hue_angle_sd_deg'])):.1f}",
        *(int(float(str(row[name]))) for name in ("forel_ule", "forel_ule_low", "forel_ule_high")),
    ]
    return [
        *(row.get(name, "") for name in ("image", "image_id", "time", "station", "label", "score")),
        judgement.verdict, judgement.reason, *(colour if coloured else [""] * len(colour)), f"{float(str(row['usable_share'])):.3f}",
    ]  # fmt: skip
