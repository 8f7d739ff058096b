"""Files of a run: the series as tables and NetCDF, its effort, its version, and pictures to count by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from obsea_fish import audits, hand_counts, versions
from obsea_fish.completeness import Completeness, completeness, span_iso
from obsea_fish.series import Series, of_run
from tidelab.formats import cf_timeseries, timeseries
from tidelab.runs.finished import FinishedRun, ProductFile
from tidelab.science.abundance_intervals import LIMITS_COMMENT
from tidelab.science.outages import outage_table
from tidelab.science.series_versions import by_taxon

CSV: Final = "text/csv"
_INSTRUMENT: Final = "underwater camera"


def time_series(run: FinishedRun) -> Sequence[ProductFile]:
    """Write the series of a run; the names are those in force when the run ended."""
    run.progress("Counting over time", 0, 0)
    series = of_run(run.run)
    before = versions.earlier(series.settings.previous)
    version = versions.this_version(run.run, series, before)
    about = about_series(run, series, version)
    whole = completeness(series)
    files = [*_tables(run, series, about), *_outages(run, whole), *_netcdf(run, series, about, whole)]
    files.append(
        ProductFile(
            run.write("series.json", versions.as_json(version, _whole_json(whole))),
            "Version, model, settings and completeness of the series",
            "application/json",
        )
    )
    if before:
        changed = versions.changes(series, version, before)
        files.append(
            _csv(run, "changes.csv", _stamped(changed), f"What changed since version {before.version.number}")
        )
        files.append(
            _csv(
                run,
                "changes_by_taxon.csv",
                pd.DataFrame([one.__dict__ for one in by_taxon(changed)]),
                "What changed, by taxon",
            )
        )
    files += _audit(run, series)
    for remark in (*(whole.reasons if whole.state != "whole" else ()), *series.remarks):
        run.log.write(remark)
    return files


def about_series(run: FinishedRun, series: Series, version: versions.Version) -> timeseries.SeriesAbout:
    """Return what belongs to the series beside its numbers."""
    case, settings = run.use_case, series.settings
    demo = (
        " The model is a demonstration model trained on drawings: the numbers say nothing about fish."
        if run.run.request.model.demo
        else ""
    )
    return timeseries.SeriesAbout(
        title=f"Detections of fish per picture at {settings.platform or 'an underwater camera'}",
        summary=(
            "Detections of fish in pictures of a fixed underwater camera, by taxon: mean per picture, most in one picture (MaxN) and sum, with the "
            f"effort behind them. Only good pictures by day count. Cadence: {series.cadence_words}. Good pictures: {settings.rules.words()}. Day: the sun at "
            f"{settings.daylight_from_deg:g} degrees or higher. Detections are no individuals.{demo}"
        ),
        licence=case.data_policy.results_licence or "",
        platform=settings.platform,
        latitude=settings.latitude,
        longitude=settings.longitude,
        depth_m=settings.depth_m,
        model=version.model,
        thresholds=version.thresholds,
        interval=settings.interval_iso,
        version=version.number,
        # Where hand counts lie changes nothing in the series.
        settings={name: value for name, value in version.settings.items() if name != "hand_counts"},
        history=version.history,
        limits_comment=LIMITS_COMMENT,
        creator=run.run.request.person,
        references=case.citation.url or "",
    )  # fmt: skip


def _tables(run: FinishedRun, series: Series, about: timeseries.SeriesAbout) -> list[ProductFile]:
    every = series.settings.interval
    looked = series.pictures.assign(time=_iso_or_empty(series.pictures["time"]))
    return [
        _csv(
            run,
            "counts_per_picture.csv",
            timeseries.tidy(series.counts, series.taxa, about),
            "Counts per picture, one row a picture and taxon",
        ),
        _csv(
            run,
            "counts_per_picture_wide.csv",
            timeseries.wide(series.counts, series.taxa, about),
            "Counts per picture, one column a taxon",
        ),
        _csv(
            run, versions.TABLE_FILE, _stamped(series.table), f"Counts per {every} with intervals and effort"
        ),
        _csv(run, "abundance_daily.csv", _stamped(series.daily()), "Counts per day, without intervals"),
        _csv(
            run,
            "effort.csv",
            _stamped(series.effort),
            f"Pictures expected, received, by day, good and outside, per {every}",
        ),
        _csv(
            run,
            "pictures_effort.csv",
            looked,
            "Each picture: time, day or night, why it is not good, whether it counts",
        ),
    ]


def _outages(run: FinishedRun, whole: Completeness) -> list[ProductFile]:
    table = outage_table(list(whole.outages))
    stamped = table.assign(**{name: timeseries.iso(table[name]) for name in ("outage_start", "outage_end")})
    title = "Times in which pictures were expected and none came, and cameras that sent nothing"
    return [_csv(run, "outages.csv", stamped, title)]


def _whole_json(whole: Completeness) -> dict[str, object]:
    return {
        "completeness": {
            "state": whole.state,
            "headline": whole.headline,
            "silent_cameras": list(whole.silent_cameras),
            "outages": len(whole.outages),
        }
    }


def _netcdf(
    run: FinishedRun, series: Series, about: timeseries.SeriesAbout, whole: Completeness
) -> list[ProductFile]:
    files = []
    for number, camera in enumerate(series.cameras, start=1):
        run.stop_if_cancelled()
        rows = series.table[series.table["camera"] == camera]
        looked = series.effort[series.effort["camera"] == camera]
        gaps = span_iso([one for one in whole.outages if one.camera == camera])
        own = replace(about, extra={**about.extra, "outages": gaps or "none"})
        made = cf_timeseries.dataset(
            rows, looked, series.taxa, own, camera=camera or _INSTRUMENT, every=series.settings.every
        )
        # A camera's name may hold what a file's may not.
        path = run.write(f"abundance_{_file_part(camera) or f'camera{number}'}.nc")
        cf_timeseries.write(made, path)
        files.append(
            ProductFile(
                path,
                f"Time series as CF NetCDF{f', camera {camera}' if camera else ''}",
                "application/x-netcdf",
            )
        )
    return files


def _audit(run: FinishedRun, series: Series) -> list[ProductFile]:
    order = hand_counts.draw_order(series.counts["picture"].unique().tolist(), series.settings.bootstrap.seed)
    names = [one.name for one in series.taxa]
    listed = pd.DataFrame({"picture": order[: hand_counts.PROPOSED]}).reindex(columns=["picture", *names])
    files = [
        _csv(
            run,
            "pictures_to_count.csv",
            listed,
            "Pictures drawn at random, to be counted by hand from the top",
        )
    ]
    if series.settings.hand_counts:
        found = audits.of_pictures(run.run, series)
        files.append(
            _csv(
                run,
                "corrected_by_hand_counts.csv",
                found,
                "Mean counts per picture, corrected by pictures counted by hand",
            )
        )
    return files


def _csv(run: FinishedRun, name: str, table: pd.DataFrame, title: str) -> ProductFile:
    path: Path = run.write(name)
    timeseries.write_csv(table, path)
    return ProductFile(path, title, CSV)


def _stamped(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(interval_start=timeseries.iso(table["interval_start"]))


def _iso_or_empty(times: pd.Series) -> pd.Series:
    written = timeseries.iso(times.dropna())
    return written.reindex(times.index).fillna("")


def _file_part(name: str) -> str:
    keep: Callable[[str], bool] = lambda char: char.isascii() and (char.isalnum() or char in "-_")  # noqa: E731
    return "".join(char if keep(char) else "-" for char in name)[:60].strip("-")
