"""EcoTaxa bundles made for a test: one that EcoTaxa takes, and what a test changes in it."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

HEADER = (
    "object_id", "object_lat", "object_lon", "object_date", "object_time", "object_depth_min", "object_depth_max",
    "object_annotation_status", "object_annotation_category", "object_annotation_category_id", "img_file_name", "img_rank",
    "object_area", "object_by", "object_label", "sample_id", "sample_ship", "acq_id", "acq_instrument", "process_id", "process_pixel",
)  # fmt: skip
TYPES = tuple("[f]" if name in ("object_lat", "object_lon", "object_depth_min", "object_depth_max", "object_area", "object_by")
              else "[t]" for name in HEADER)  # fmt: skip


def png(size: tuple[int, int] = (6, 4), grey: int = 128, kind: str = "PNG") -> bytes:
    """Return a small picture."""
    stream = io.BytesIO()
    Image.new("L", size, grey).save(stream, kind)
    return stream.getvalue()


def line(number: int = 1, **changes: str) -> list[str]:
    """Return a good line with the number of its object in it; `changes` by column."""
    values = {
        "object_id": f"tow1_{number}", "object_lat": "-44.72543", "object_lon": "145.5351", "object_date": "20140420", "object_time": "420",
        "object_depth_min": "0", "object_depth_max": "300", "object_annotation_status": "predicted", "object_annotation_category": "Oncaeidae",
        "object_annotation_category_id": "", "img_file_name": f"tow1_{number}.png", "img_rank": "0", "object_area": "516.5", "object_by": "NaN",
        "object_label": "a", "sample_id": "tow1", "sample_ship": "meteor", "acq_id": "acq1", "acq_instrument": "zooscan",
        "process_id": "p1", "process_pixel": "10.6",
    }  # fmt: skip
    unknown = set(changes) - set(values)
    assert not unknown, unknown
    return list((values | changes).values())


def table(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = HEADER,
    types: Sequence[str] | None = TYPES,
    encoding: str = "latin-1",
) -> bytes:
    """Return the bytes of a table; without a line of types where `types` is None."""
    lines = [header, *([types] if types is not None else []), *rows]
    return "\n".join("\t".join(cells) for cells in lines).encode(encoding) + b"\n"


def bundle(folder: Path, content: bytes | None = None, files: Mapping[str, bytes] | None = None) -> Path:
    """Write a good bundle of two images; `content` replaces its table, `files` are added (relative paths)."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {
        "ecotaxa_tow1.tsv": table([line(1), line(2)]) if content is None else content,
        "tow1_1.png": png(), "tow1_2.png": png(grey=20), **(files or {}),
    }  # fmt: skip
    for name, data in everything.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(folder: Path) -> Path:
    """Return a zip of a folder, beside it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path
