"""Versions of a series: each run is one; a run that names an earlier one is its next version and says what changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from obsea_fish.series import Series
from tidelab.runs import RunFolder
from tidelab.runs.beneath import is_file
from tidelab.science.series_versions import KEYS, difference

SERIES_FILE: Final = "series.json"
TABLE_FILE: Final = "abundance.csv"

_MOST_BYTES: Final = 500 * 2**20


class VersionError(ValueError):
    """An earlier version that cannot be compared with, in words."""


class _Unfit(ValueError):
    """What is wrong with a file, in words that hold nothing of it."""


@dataclass(frozen=True)
class Version:
    """What ``series.json`` says of a version of a series.

    Parameters
    ----------
    number
        From 1 upwards.
    run
        Its run.
    model
        Name, version and digest of the model.
    interval
        Length of an interval, ISO 8601.
    thresholds, settings
        Class -> score from which an object counts; name -> value.
    history
        One line a version, the oldest first.
    """

    number: int
    run: str
    model: str
    interval: str
    thresholds: Mapping[str, float]
    settings: Mapping[str, Any]
    history: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Earlier:
    """An earlier version with its table (`tidelab.science.abundance.ABUNDANCE_COLUMNS`)."""

    version: Version
    table: pd.DataFrame


def earlier(path: str) -> Earlier | None:
    """Read the earlier version that a person named: a run's folder, its ``products/``, or ``series.json``; None for no name.

    Raises
    ------
    VersionError
        Where there is no series that can be read.
    """
    if not path:
        return None
    given = Path(path).expanduser()
    file = next(
        (one for one in (given, given / SERIES_FILE, given / "products" / SERIES_FILE) if is_file(one)), None
    )
    if file is None or file.name != SERIES_FILE:
        raise VersionError(
            f"{Path(path).name[:200]!r} holds no earlier version of the series; expected the folder of an earlier run of this use case (with products/{SERIES_FILE})"
        )
    try:
        return Earlier(_version(_text(file)), _table(file.with_name(TABLE_FILE)))
    except (
        OSError,
        UnicodeDecodeError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        # Never what stands in the file: it may be any file of that name.
        words = str(error) if isinstance(error, _Unfit) else type(error).__name__
        raise VersionError(
            f"The earlier version in {file.parent.name} cannot be read ({words}); expected {SERIES_FILE} and {TABLE_FILE} as a run wrote them"
        ) from None


def this_version(run: RunFolder, series: Series, before: Earlier | None) -> Version:
    """Return the version that a run is."""
    model = run.request.model
    thresholds = thresholds_of(run)
    number = before.version.number + 1 if before else 1
    limits = ", ".join(f"{name} {value:g}" for name, value in sorted(thresholds.items()))
    line = f"{run.request.created} version {number}: {model_words(run)}; thresholds {limits or 'not known'}; good pictures: {series.settings.rules.words()}"
    if before:
        line += f"; re-analysis of version {before.version.number} (run {before.version.run}, {before.version.model})"
    settings = {name: value for name, value in sorted(run.request.parameters.items()) if name != "previous"}
    # The series is published; where a file lay on somebody's disk is not.
    settings["hand_counts"] = Path(str(settings.get("hand_counts") or "")).name
    history = (*(before.version.history if before else ()), line)
    demo = " (demonstration model)" if model.demo else ""
    return Version(
        number,
        run.request.run_id,
        f"{model_words(run)}{demo}",
        series.settings.interval_iso,
        thresholds,
        settings,
        history,
    )


def thresholds_of(run: RunFolder) -> dict[str, float]:
    """Return class -> score from which an object counts in a run; empty where its manifest does not say."""
    found = run.manifest().get("detection", {})
    limits = found.get("thresholds", {}) if isinstance(found, Mapping) else {}
    return {str(name): float(value) for name, value in limits.items()}


def model_words(run: RunFolder) -> str:
    """Return name, version and digest of the model of a run."""
    model = run.request.model
    version = f" version {model.version}" if model.version else ""
    return f"{model.name}{version} ({model.digest[:19]})"


def as_json(version: Version, more: Mapping[str, Any] | None = None) -> str:
    """Return ``series.json``; `more` is what stands there beside the version and is not read back."""
    return (
        json.dumps({**(more or {}), "schema_version": 1, **version.__dict__}, indent=1, sort_keys=True) + "\n"
    )


def changes(series: Series, version: Version, before: Earlier) -> pd.DataFrame:
    """Return what changed since an earlier version; raises `VersionError` where the two have different intervals."""
    if before.version.interval != version.interval:
        raise VersionError(
            f"Version {before.version.number} counts by {before.version.interval} and this one by {version.interval}; choose the same interval to see "
            "what changed"
        )
    return difference(before.table, series.table)


def _text(file: Path) -> str:
    if file.stat().st_size > _MOST_BYTES:
        raise _Unfit(f"{file.name} is larger than {_MOST_BYTES // 2**20} MB")
    return file.read_text(encoding="utf-8")


def _version(text: str) -> Version:
    found = json.loads(text)
    if found["schema_version"] != 1:
        raise _Unfit("its schema_version is not 1")
    number = found["number"]
    if not isinstance(number, int) or number < 1:
        raise _Unfit("its number is not 1, 2 …")
    return Version(
        number, str(found["run"]), str(found["model"]), str(found["interval"]),
        {str(name): float(value) for name, value in found["thresholds"].items()}, dict(found["settings"]),
        tuple(str(line) for line in found["history"]),
    )  # fmt: skip


def _table(file: Path) -> pd.DataFrame:
    if not is_file(file):
        raise _Unfit(f"{file.name} is missing, or is a link")
    if file.stat().st_size > _MOST_BYTES:
        raise _Unfit(f"{file.name} is larger than {_MOST_BYTES // 2**20} MB")
    table = pd.read_csv(
        file,
        dtype={"camera": str, "taxon": str},
        keep_default_na=False,
        na_values={"detections_per_picture_sd": [""]},
    )
    table = table.loc[:, [*KEYS, "n_pictures", "detections", "max_n"]]
    table["interval_start"] = pd.to_datetime(table["interval_start"], utc=True, format="ISO8601").dt.as_unit(
        "ns"
    )
    table = table.astype({"n_pictures": int, "detections": int, "max_n": int})
    if (table["n_pictures"] < 1).any():
        raise _Unfit("n_pictures is below 1 in a row; a row stands for pictures that somebody looked at")
    return table
