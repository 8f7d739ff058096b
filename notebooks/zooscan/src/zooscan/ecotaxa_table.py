"""The columns of ZooProcess' EcoTaxa table, filled from the scan's header, its log and its processing.

Names and rounding are those of tables that ZooProcess itself wrote (``ecotaxa_<scan>.tsv`` of the APERO project): ``object_`` and the
lower-case measurement, ``acq_sub_part``, ``sample_tot_vol``, ``process_particle_pixel_size_mm`` and so on. What is not known has no value.
`ADDED` and `NOT_WRITTEN` list where the names differ; times are written ``HHMMSS``, there ``HH:MM:SS.000``, and both mean the same to EcoTaxa.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tidelab.formats.ecotaxa.rules import NUMBER, TEXT
from tidelab.formats.ecotaxa.write import Value
from zooscan.counted import Part
from zooscan.features import FEATURES
from zooscan.header import ScanHeader, decimal_degrees, moment, sample_facts
from zooscan.store import StoredScan

HALF: Final = 0.5

ADDED: Final = frozenset({"object_separation", "object_cut_from", "object_multiple_score"})
"""Columns that ZooProcess' table does not have: how an object was cut, from what, and its score as a multiple."""

NOT_WRITTEN: Final = frozenset(
    {
        # Ours would say when and with what version of another program it was processed.
        "process_date", "process_time", "process_img_software_version", "process_particle_version",
        # Optical density of a reference disc, which is not measured here.
        "process_img_od_grey", "process_img_od_std",
        # Settings of the scanning program, which change no number; they stand in the log of the raw scan.
        "acq_quality", "acq_bitpixel", "acq_greyfrom", "acq_scan_resolution", "acq_rotation", "acq_miror", "acq_xsize", "acq_ysize",
        "acq_xoffset", "acq_yoffset", "acq_lut_color_balance", "acq_lut_filter",
        # No value in the legacy rows, or a link to ZooProcess' own site.
        "object_link", "sample_dataportal_descriptor", "sample_open",
    }
)  # fmt: skip
"""Columns of ZooProcess' table that are left out here."""

_SAMPLE: Final = {
    "sample_scan_operator": "scanop", "sample_ship": "ship", "sample_program": "scientificprog", "sample_stationid": "stationid",
    "sample_bottomdepth": "depth", "sample_ctdrosettefilename": "ctdref", "sample_other_ref": "otherref", "sample_tow_nb": "townb",
    "sample_tow_type": "towtype", "sample_net_type": "nettype", "sample_net_mesh": "netmesh", "sample_net_surf": "netsurf",
    "sample_zmax": "zmax", "sample_zmin": "zmin", "sample_tot_vol": "vol", "sample_comment": "sample_comment",
    "sample_tot_vol_qc": "vol_qc", "sample_depth_qc": "depth_qc", "sample_sample_qc": "sample_qc", "sample_barcode": "barcode",
    "sample_duration": "net_duration", "sample_ship_speed": "ship_speed_knots", "sample_cable_length": "cable_length",
    "sample_cable_angle": "cable_angle", "sample_cable_speed": "cable_speed", "sample_nb_jar": "nb_jar",
}  # fmt: skip
"""Column -> key of the header; values travel as they were written, ZooProcess' 99999 for *not known* included."""

_ACQ: Final = {
    "acq_min_mesh": "fracmin",
    "acq_max_mesh": "fracsup",
    "acq_sub_part": "fracnb",
    "acq_sub_method": "submethod",
    "acq_scan_comment": "observation",
}


def acquisition(scan: StoredScan) -> str:
    """Return ``<fraction>_<sample>``, ZooProcess' acquisition: of one sample, and of one scan where a fraction has several (``d2_1_sur_2``)."""
    return f"{scan.fraction or 'tot'}_{scan.sample_id}"


def row(part: Part, scan: StoredScan, picture: str) -> dict[str, Value]:
    """Return the line of one object.

    Parameters
    ----------
    part
        The object.
    scan
        Its scan.
    picture
        Path of its vignette in the zip.
    """
    values: dict[str, Value] = {
        "img_file_name": picture, "img_rank": 0, "object_id": part.object_id,
        "object_separation": str(part.row["separation"]), "object_cut_from": str(part.row["image_id"]) if part.row["parts"] > 1 else "",
        "object_multiple_score": float(part.row["multi_score"]),
    }  # fmt: skip
    for feature in FEATURES:
        value = part.features.get(feature.name)
        if value is not None:
            values[f"object_{feature.name.lower()}"] = rounded(value, feature.ecotaxa_decimals)
    return {**values, **of_scan(scan)}


def of_scan(scan: StoredScan) -> dict[str, Value]:
    """Return what is the same for all objects of a scan."""
    header = ScanHeader(scan.scan_id, scan.sample_id, scan.header, "")
    return {**_where(header), **_sample(header), **_acquisition(scan), **_process(scan)}


def columns(rows: list[dict[str, Value]]) -> dict[str, str]:
    """Return column -> type of a table, in EcoTaxa's usual order; columns without any value are left out."""
    used = {name for one in rows for name, value in one.items() if value not in (None, "")} | {
        "img_file_name",
        "img_rank",
        "object_id",
    }
    order = list(dict.fromkeys(name for one in rows for name in one if name in used))
    order.sort(key=lambda name: ("img", "object", "process", "acq", "sample").index(name.partition("_")[0]))
    for prefix in (
        "process",
        "acq",
        "sample",
    ):  # EcoTaxa wants the name of each where one of its columns is there
        place = next((n for n, name in enumerate(order) if name.startswith(f"{prefix}_")), None)
        if place is not None and f"{prefix}_id" in order:
            order.remove(f"{prefix}_id")
            order.insert(place, f"{prefix}_id")
    numbers = {name for one in rows for name, value in one.items() if isinstance(value, int | float)}
    return {name: NUMBER if name in numbers else TEXT for name in order}


def rounded(value: float, decimals: int | None) -> float | int:
    """Return a number with so many decimals, halves towards plus infinity as Java's ``Math.round``; None: as it is.

    >>> rounded(0.125, 2), rounded(2.5, 0), rounded(1.23456, None)
    (0.13, 3, 1.23456)
    >>> rounded(-0.125, 2), rounded(-2.5, 0), rounded(-0.05, 1)
    (-0.12, -2, 0.0)
    """
    if decimals is None or not math.isfinite(value):
        return value
    scaled: int = math.floor(value * 10**decimals + HALF)
    return scaled if decimals == 0 else scaled / float(10**decimals)


def _where(header: ScanHeader) -> dict[str, Value]:
    facts, _ = sample_facts(header)
    values: dict[str, Value] = {}
    for column, name in (
        ("object_lat", "latitude"), ("object_lon", "longitude"), ("object_depth_min", "depth_min_m"), ("object_depth_max", "depth_max_m"),
    ):  # fmt: skip
        value = facts.get(name)
        if isinstance(value, int | float):
            values[column] = float(value)
    time = facts.get("time")
    if isinstance(time, datetime):
        values["object_date"], values["object_time"] = f"{time:%Y%m%d}", f"{time:%H%M%S}"
    for column, key, sign in (("object_lat_end", "latitude_end", 1), ("object_lon_end", "longitude_end", -1)):
        end = decimal_degrees(header.values.get(key, "")) if header.number(key) is not None else None
        if end is not None:
            values[column] = sign * end
    return values


def _sample(header: ScanHeader) -> dict[str, Value]:
    found: dict[str, Value] = {"sample_id": header.sample_id}
    return found | {column: header.values[key] for column, key in _SAMPLE.items() if header.values.get(key)}


def _acquisition(scan: StoredScan) -> dict[str, Value]:
    found: dict[str, Value] = {"acq_id": acquisition(scan), "acq_instrument": "zooscan"}
    found |= {column: scan.header[key] for column, key in _ACQ.items() if scan.header.get(key)}
    taken = scan.log.get("image", {}).get("scanning_date", "")
    when = moment(taken)
    if when is not None:
        found["acq_scan_date"], found["acq_scan_time"] = f"{when:%Y%m%d}", f"{when:%H%M%S}"
    info = scan.log.get("info", {})
    for column, key in (
        ("acq_hardware", "hardware"),
        ("acq_software", "software"),
        ("acq_author", "author"),
        ("acq_imgtype", "imagetype"),
    ):
        if info.get(key):
            found[column] = info[key]
    settings, facts = scan.settings, scan.facts
    levels = {
        "min": facts["level_min"], "max": facts["level_max"], "odrange": settings["od_range"], "ratio": settings["ratio"],
        "16b_median": facts["median_16bit"],
    }  # fmt: skip
    return found | {f"acq_lut_{name}": _text(value) for name, value in levels.items()}


def _text(value: float | int | str) -> str:
    """Return a value as text (EcoTaxa keeps what is not of the object as text): a number with all its digits, whole ones without a point.

    >>> _text(43516.45), _text(100.0), _text(54921), _text(0.1 + 0.2)
    ('43516.45', '100', '54921', '0.3')
    """
    if isinstance(value, str):
        return value
    full = round(float(value), 9)  # sums of medians carry a last digit that nobody measured
    return str(int(full)) if full.is_integer() else repr(full)


def _process(scan: StoredScan) -> dict[str, Value]:
    settings, facts = scan.settings, scan.facts
    values: dict[str, Any] = {
        "process_id": f"zooprocess_{scan.sample_id}", "process_software": "tidelab zooscan", "process_img_resolution": settings["dpi"],
        "process_img_background_img": facts.get("blank", ""), "process_particle_threshold": settings["upper_threshold"],
        "process_particle_pixel_size_mm": f"{scan.pixel_mm:.4f}", "process_particle_min_size_mm": settings["min_esd_mm"],
        "process_particle_max_size_mm": settings["max_esd_mm"], "process_particle_sep_mask": "include",
        "process_particle_bw_ratio": "" if facts["bw_ratio"] is None else f"{float(facts['bw_ratio']):.4f}",
    }  # fmt: skip
    return {name: _text(value) for name, value in values.items()}


def quality_of(scan: StoredScan) -> Mapping[str, Any]:
    """Return name -> value of the legacy quality words."""
    return {str(word["name"]): word["value"] for word in scan.quality}
