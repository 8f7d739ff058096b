"""A series of counts as CF-1.8 and ACDD-1.3 NetCDF (discrete sampling geometry ``timeSeries``), one file a camera.

The form is that of CF for taxa: a dimension ``taxon`` with names and identifiers as auxiliary coordinates [1]_, counts with ``cell_methods`` over
the interval, and the effort beside them. Where nobody looked the counts hold the fill value; a 0 is an absence that was observed.

References
----------
.. [1] CF conventions 1.8, section 6.1.2, taxon names and identifiers.
   https://cfconventions.org/Data/cf-conventions/cf-conventions-1.8/cf-conventions.html#taxon-names-and-identifiers
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from tidelab.formats.timeseries import SeriesAbout, Taxon, lsid_words

if TYPE_CHECKING:
    import xarray

FILL: Final = -2147483647
"""Fill value of counts: nobody looked."""

# Limits of an interval have no cell_methods: they are no mean over time, and CF has no method for them.
_COUNTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "detections_per_picture_mean": (
        "mean number of detections of the taxon per picture", "time: mean (over good pictures by day)", "float64",
    ),
    "detections_per_picture_low": (
        "lower limit of the 95 % interval of the mean number of detections per picture", "", "float64",
    ),
    "detections_per_picture_high": (
        "upper limit of the 95 % interval of the mean number of detections per picture", "", "float64",
    ),
    "detections": (
        "sum over pictures of the detections of the taxon, no number of individuals", "time: sum", "int32",
    ),
    "max_n": (
        "most detections of the taxon in one picture (MaxN); a lower limit of the number present only if all of them are right",
        "time: maximum", "int32",
    ),
}  # fmt: skip
_LIMITS: Final = ("detections_per_picture_low", "detections_per_picture_high")
_EFFORT: Final[Mapping[str, str]] = {
    "n_pictures": "good pictures by day: the effort behind the counts",
    "n_pictures_expected": "pictures expected from the cadence of the camera",
    "n_pictures_received": "pictures received with a usable time when pictures are expected",
    "n_pictures_daylight": "of the pictures received those taken by day",
    "n_pictures_outside": "pictures with a usable time outside the stated period, or by night where none is expected; no effort",
}
_OF_EFFORT: Final = {
    "n_pictures": "pictures_good",
    "n_pictures_expected": "pictures_expected",
    "n_pictures_received": "pictures_received",
    "n_pictures_daylight": "pictures_daylight",
    "n_pictures_outside": "pictures_outside",
}


def dataset(
    counts: pd.DataFrame,
    effort: pd.DataFrame,
    taxa: Sequence[Taxon],
    about: SeriesAbout,
    *,
    camera: str,
    every: str,
) -> "xarray.Dataset":
    """Return the series of one camera.

    Parameters
    ----------
    counts
        Columns ``interval_start`` (UTC), ``taxon`` and those of `tidelab.science.abundance`, with ``detections_per_picture_low`` and
        ``_high`` where intervals were computed; of this camera alone.
    effort
        `tidelab.science.effort.EFFORT_COLUMNS` of this camera: one time a row, outages included.
    taxa
        In the order of the dimension.
    about
        Place, model, texts.
    camera, every
        Name of the camera, and length of an interval as pandas writes it.
    """
    import xarray

    starts = pd.DatetimeIndex(effort["interval_start"]).tz_convert("UTC")
    if not starts.is_unique or not starts.is_monotonic_increasing:
        raise ValueError("effort has one row an interval, in the order of time, for one camera")
    stray = set(pd.DatetimeIndex(counts["interval_start"])) - set(starts)
    if stray:
        raise ValueError(f"counts of {min(stray)} have no row of effort: nobody looked then")
    step = starts.floor(every) + pd.tseries.frequencies.to_offset(every)
    seconds = _seconds(starts)
    data: dict[str, Any] = {"time_bnds": (("time", "bnds"), np.column_stack([seconds, _seconds(step)]))}
    names = [one.name for one in taxa]
    for name, (long_name, method, kind) in _COUNTS.items():
        if name in counts:
            data[name] = (
                ("time", "taxon"),
                _grid(counts, name, starts, names, kind),
                _count_attributes(name, long_name, method, about.limits_comment),
            )
    for name, long_name in _EFFORT.items():
        values = effort[_OF_EFFORT[name]].to_numpy(np.int32)
        # Only the pictures that the counts are made of are observations behind them.
        standard = {"standard_name": "number_of_observations"} if name == "n_pictures" else {}
        data[name] = ("time", values, {
            "long_name": long_name, **standard, "units": "1", "coordinates": "latitude longitude depth station_name",
            "coverage_content_type": "qualityInformation",
        })  # fmt: skip
    return xarray.Dataset(
        data,
        coords=_coordinates(seconds, taxa, about, camera),
        attrs=_attributes(starts, step, about, camera),
    )


def write(series: "xarray.Dataset", path: Path) -> None:
    """Write a series; the same series gives the same bytes."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in series.variables.items():
        if variable.dtype.kind == "U":
            encoding[str(name)] = {"dtype": "S1", "_FillValue": None, "char_dim_name": f"{name}_strlen"}
        elif name in _COUNTS:
            fill = FILL if variable.dtype.kind == "i" else np.nan
            encoding[str(name)] = {"_FillValue": fill, "zlib": True, "complevel": 4}
        else:
            encoding[str(name)] = {"_FillValue": None}
    series.to_netcdf(path, format="NETCDF4_CLASSIC", engine="netcdf4", encoding=encoding)


def _seconds(times: pd.DatetimeIndex) -> Any:
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)


def _grid(counts: pd.DataFrame, name: str, starts: pd.DatetimeIndex, taxa: list[str], kind: str) -> Any:
    table = counts.pivot(index="interval_start", columns="taxon", values=name).reindex(
        index=starts, columns=taxa
    )
    values = table.to_numpy(dtype=np.float64)
    return values if kind == "float64" else np.where(np.isnan(values), FILL, values).astype(np.int32)


def _count_attributes(name: str, long_name: str, method: str, of_limits: str) -> dict[str, str]:
    methods = {"cell_methods": method} if method else {}
    comment = "Detections in pictures; the same animal may be in several pictures."
    if name in _LIMITS and of_limits:
        comment = f"{of_limits} {comment}"
    return {
        "long_name": long_name, "units": "1", **methods, "ancillary_variables": "n_pictures",
        "coordinates": "latitude longitude depth station_name taxon_name taxon_lsid", "coverage_content_type": "modelResult",
        "comment": comment,
    }  # fmt: skip


def _coordinates(seconds: Any, taxa: Sequence[Taxon], about: SeriesAbout, camera: str) -> dict[str, Any]:
    def texts(values: list[str]) -> Any:
        # One blank instead of nothing: a dimension of length 0 is no valid string.
        return np.array([value or " " for value in values], dtype=np.str_)

    content = {"coverage_content_type": "coordinate"}
    return {
        "time": ("time", seconds, {
            "standard_name": "time", "long_name": "start of the interval", "units": "seconds since 1970-01-01T00:00:00Z",
            "calendar": "standard", "axis": "T", "bounds": "time_bnds", **content,
        }),
        "latitude": ((), about.latitude, {
            "standard_name": "latitude", "long_name": "latitude of the station", "units": "degrees_north", "axis": "Y", **content,
        }),
        "longitude": ((), about.longitude, {
            "standard_name": "longitude", "long_name": "longitude of the station", "units": "degrees_east", "axis": "X", **content,
        }),
        "depth": ((), about.depth_m, {
            "standard_name": "depth", "long_name": "depth of the cameras below the sea surface", "units": "m", "positive": "down",
            "axis": "Z", **content,
        }),
        "station_name": ((), np.array(f"{about.platform} {camera}".strip()), {"long_name": "station and camera", "cf_role": "timeseries_id"}),
        "taxon_name": ("taxon", texts([one.shown for one in taxa]), {
            "standard_name": "biological_taxon_name", "long_name": "name of the taxon or class",
        }),
        "taxon_lsid": ("taxon", texts([one.lsid for one in taxa]), {
            "standard_name": "biological_taxon_lsid", "long_name": "identifier in the World Register of Marine Species, blank where not known",
            **({"comment": said} if (said := lsid_words(taxa)) else {}),
        }),
    }  # fmt: skip


def _attributes(
    starts: pd.DatetimeIndex, ends: pd.DatetimeIndex, about: SeriesAbout, camera: str
) -> dict[str, Any]:
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    first = starts[0].strftime(stamp) if len(starts) else ""
    last = ends[-1].strftime(stamp) if len(ends) else ""
    created = about.history[-1].split(" ", 1)[0] if about.history else ""
    thresholds = ", ".join(f"{name} {value:.3f}" for name, value in sorted(about.thresholds.items()))
    given = {
        "Conventions": "CF-1.8, ACDD-1.3", "featureType": "timeSeries", "title": about.title, "summary": about.summary,
        "keywords": ", ".join(about.keywords), "license": about.licence, "source": about.model, "history": "\n".join(about.history),
        "platform": about.platform, "instrument": camera, "processing_level": "detections counted by a model",
        "comment": f"Score from which an object counts: {thresholds}." if thresholds else "",
        "id": _identifier(about, camera, first, last), "product_version": str(about.version),
        "naming_authority": "org.tidelab", "cdm_data_type": "Station", "standard_name_vocabulary": "CF Standard Name Table v93",
        "creator_name": about.creator, "creator_url": about.creator_url, "institution": about.institution, "project": about.project,
        "references": about.references, "date_created": created,
        "geospatial_lat_min": about.latitude, "geospatial_lat_max": about.latitude, "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": about.longitude, "geospatial_lon_max": about.longitude, "geospatial_lon_units": "degrees_east",
        "geospatial_vertical_min": about.depth_m, "geospatial_vertical_max": about.depth_m, "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "down", "geospatial_bounds": f"POINT ({float(about.latitude)!r} {float(about.longitude)!r})",
        "geospatial_bounds_crs": "EPSG:4326", "time_coverage_start": first, "time_coverage_end": last,
        "time_coverage_duration": _duration(starts, ends), "time_coverage_resolution": about.interval, **about.extra,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value != ""}


def _identifier(about: SeriesAbout, camera: str, first: str, last: str) -> str:
    """Return an identifier that two files share only if they hold the same version of the same series made in the same way."""
    made_of = {
        "platform": about.platform, "camera": camera, "first": first, "last": last, "interval": about.interval, "model": about.model,
        "thresholds": dict(about.thresholds), "version": about.version, "settings": dict(about.settings),
        "place": [float(about.latitude), float(about.longitude), float(about.depth_m)],
    }  # fmt: skip
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(made_of, sort_keys=True, default=str)))


def _duration(starts: pd.DatetimeIndex, ends: pd.DatetimeIndex) -> str:
    return f"PT{round((ends[-1] - starts[0]).total_seconds())}S" if len(starts) else ""
