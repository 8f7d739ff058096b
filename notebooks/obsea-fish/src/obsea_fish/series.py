"""A run of the detector as a series: pictures with effort, counts, intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from obsea_fish.settings import Settings
from tidelab.formats.timeseries import Taxon
from tidelab.runs import RunFolder
from tidelab.runs.meaning import Meanings, label_meaning
from tidelab.science.abundance import abundance, counts_per_picture
from tidelab.science.abundance_intervals import abundance_with_intervals
from tidelab.science.effort import Cadence, effort, mark_effort
from tidelab.science.picture_quality import quality
from tidelab.science.picture_times import picture_times

LONE_STEP_S: Final = 60.0
"""Step assumed where a camera has a single picture and nobody said how often it takes one: it then expects exactly that picture."""


@dataclass(frozen=True, eq=False)
class Series:
    """What views and files of a run are made of.

    Parameters
    ----------
    settings
        Of the run.
    pictures
        One row a picture: ``picture_id, picture, camera, time`` (UTC, NaT), ``usable, quality, daylight, is_effort, outside``.
    counts
        `tidelab.science.abundance.PICTURE_COLUMNS` of the pictures that are effort.
    table
        `tidelab.science.abundance_intervals.INTERVAL_COLUMNS`.
    effort
        `tidelab.science.effort.EFFORT_COLUMNS`.
    taxa
        Classes of the model, in its order: what it can find, hence what can be absent.
    cadence
        What was expected.
    cadence_words, remarks
        Where the cadence is from; what is wrong with times and names, a sentence each.
    """

    settings: Settings
    pictures: pd.DataFrame
    counts: pd.DataFrame
    table: pd.DataFrame
    effort: pd.DataFrame
    taxa: tuple[Taxon, ...]
    cadence: Cadence
    cadence_words: str
    remarks: tuple[str, ...]

    @property
    def cameras(self) -> list[str]:
        """Cameras with a row of effort, alphabetically; a camera without a name is empty."""
        return list(dict.fromkeys(self.effort["camera"]))

    def daily(self) -> pd.DataFrame:
        """Return counts by day, without intervals (`tidelab.science.abundance.ABUNDANCE_COLUMNS`)."""
        return abundance(self.counts, "D")


def of_run(run: RunFolder) -> Series:
    """Return the series of a run, by the names in force (a person's word before the model's).

    Raises
    ------
    obsea_fish.settings.SettingError
        For a parameter that cannot be used.
    """
    meanings = label_meaning(run)
    names = tuple(meanings.model_labels)
    found, strays = objects_in_force(run, names)
    series = make(
        run.pictures(), run.statistics(), found, taxa_of(names, meanings), Settings.of(run.request.parameters)
    )
    return series if not strays else _with_remark(series, strays)


def make(
    pictures: pd.DataFrame,
    statistics: pd.DataFrame,
    objects: pd.DataFrame,
    taxa: Sequence[Taxon],
    settings: Settings,
) -> Series:
    """Return the series of tables; nothing here depends on the order of their rows.

    Parameters
    ----------
    pictures, statistics
        ``pictures.csv`` and, in the same order, ``statistics.csv``.
    objects
        Objects that count: ``picture``, ``label`` and ``score``.
    taxa
        Classes of the model.
    settings
        Of the run.
    """
    read = picture_times(pictures)
    table = pictures.loc[:, ["picture_id", "picture", "camera"]].assign(time=read.times, usable=read.usable)
    table["quality"] = quality(table, statistics, settings.rules)
    step_s, words = step_of(table, settings.every_minutes)
    cadence = Cadence(step_s, settings.daylight_only, settings.start, settings.end, settings.cameras)
    marked = mark_effort(table, settings.place, cadence)
    counts = counts_per_picture(marked, objects, [one.name for one in taxa])
    return Series(
        settings, marked, counts, abundance_with_intervals(counts, settings.every, step_s, settings.bootstrap),
        effort(marked, cadence, settings.place, settings.every), tuple(taxa), cadence, words, (*read.words(), *unexpected_words(table, settings.cameras)),
    )  # fmt: skip


def unexpected_words(pictures: pd.DataFrame, cameras: Sequence[str]) -> list[str]:
    """Return sentences about pictures of cameras that nobody said to be expected; none where no camera is named as expected."""
    if not cameras:
        return []
    came = pictures["camera"].fillna("").astype(str)
    words = []
    for name, number in came[~came.isin(cameras)].value_counts().sort_index().items():
        who = f"Camera {name} is" if name else "A camera without a name is"
        words.append(
            f"{who} not among the cameras that are expected ({', '.join(cameras)}) and sent {number} pictures; they count, from its first to its last. "
            "If it is one of these under another name, correct the parameter `cameras`."
        )
    return words


def step_of(pictures: pd.DataFrame, every_minutes: float | None) -> tuple[float, str]:
    """Return seconds between two pictures of a camera, and where that is from."""
    if every_minutes:
        return every_minutes * 60.0, f"one picture every {every_minutes:g} min, as given"
    used = pictures[pictures["usable"]].sort_values("time")
    gaps = used.groupby(used["camera"].fillna(""))["time"].diff().dropna().dt.total_seconds()
    if gaps.empty:
        return LONE_STEP_S, "not known, for no camera has two pictures: only what came was expected"
    step = min(max(float(gaps.median()), 1e-3), 86_400.0)
    return (
        step,
        f"one picture every {step / 60:g} min, the usual gap between the pictures themselves; nobody gave it",
    )


def objects_in_force(run: RunFolder, labels: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Return ``picture, label, score`` of the objects that carry a class of the model now, and a sentence about the others."""
    names = run.determinations()
    names = names.assign(picture=picture_names(names["image"]), label=names["label"].fillna(""))
    inside = names["label"].isin(labels)
    outside = names[~inside & (names["label"] != "")]
    nameless = int((names["label"] == "").sum())
    words = []
    if len(outside):
        given = ", ".join(sorted(set(outside["label"])))
        words.append(
            f"{len(outside)} objects were given names that the model does not know ({given}); they are not in the series, for where they "
            "are absent nobody looked for them."
        )
    if nameless:
        words.append(
            f"{nameless} objects have no name in force (a person could not tell); they are not in the series."
        )
    return names.loc[inside, ["picture", "label", "score"]], " ".join(words)


def picture_names(objects: pd.Series) -> pd.Series:
    """Return the pictures that objects are in: an object is called after its picture, with ``@`` and its number."""
    return objects.astype(str).map(lambda name: name.rpartition("@")[0]).astype(object)


def taxa_of(names: Sequence[str], meanings: Meanings) -> tuple[Taxon, ...]:
    """Return what the classes of a model are."""
    found = (meanings.of(name) for name in names)
    return tuple(
        Taxon(name, one.scientific_name, one.aphia_id, one.aphia_checked)
        for name, one in zip(names, found, strict=True)
    )


def _with_remark(series: Series, sentence: str) -> Series:
    from dataclasses import replace

    return replace(series, remarks=(*series.remarks, sentence))
