"""A use case whose classes live, do not live, or are declared by nobody, and images of three samples of it."""

from pathlib import Path

import yaml

from tests.support.brightness import declaration, grey_png, make_use_case
from tidelab.catalogue import UseCase, load_usecase

GREY = {"dark": 30, "middle": 130, "bright": 225}
"""A grey value that the brightness predictor names so."""

TABLE = """sample_id,time,station,latitude,longitude,depth_min_m,depth_max_m,instrument,volume_imaged_ml,dilution_factor
s1,2024-05-03T10:20:00Z,W01,51.5,-2.75,2,2,FlowCam,5,2
s2,2024-06-03T10:20:00Z,W02,51.25,2.5,1,4,FlowCam,,
s3,2024-07-03T10:20:00Z,W03,,,,,FlowCam,5,2
"""
"""s1 has everything, s2 no volume, s3 no position."""


def meaningful_case(parent: Path, *, labels: list[dict[str, object]] | None = None) -> UseCase:
    """Make a use case: middle is a genus, dark an artefact, bright known to the model alone, cyst declared and never predicted."""
    case = make_use_case(parent)
    content = declaration(case.slug)
    content["labels"] = labels or [
        {"name": "middle", "kind": "taxon", "rank": "Genus", "aphia_id": 148947, "aphia_checked": "2026-01-31"},
        {"name": "dark", "kind": "artefact"},
        {
            "name": "cyst", "kind": "life-stage", "life_stage": "cyst", "aphia_id": 148947,
            "scientific_name": "Actinoptychus", "rank": "Genus",
        },
    ]  # fmt: skip
    (case.folder / "usecase.yaml").write_text(yaml.safe_dump(content))
    return load_usecase(case.folder)


def sample_images(folder: Path, table: str = TABLE) -> Path:
    """Write images: s1 two middle, one dark, one bright; s2 one dark; s3 one middle; and the table of the samples."""
    wanted = {"s1": ("middle", "middle", "dark", "bright"), "s2": ("dark",), "s3": ("middle",)}
    value = 0
    for sample, names in wanted.items():
        for name in names:
            grey_png(folder / sample / f"{value}.png", GREY[name] + value)
            value += 1
    if table:
        (folder / "samples.csv").write_text(table)
    return folder
