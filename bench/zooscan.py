"""A generated scan with known objects through the processing of scans: minutes, peak memory, objects found, and a peer.

    .tidelab/envs/analyse/bin/python bench/zooscan.py                # full size: 14,500 x 24,300 px, 16 bits
    .tidelab/envs/analyse/bin/python bench/zooscan.py --small --peer # a tenth of the pixels, and whole arrays with scikit-image

Prints one JSON object. Each way runs in a process of its own; its peak is what the operating system saw (`ru_maxrss`, mapped
files included). The peer does the same steps on whole arrays: `tifffile.imread`, `scipy.ndimage.correlate`, `skimage.transform.resize`,
`skimage.measure.label` and `regionprops`.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks" / "zooscan" / "src"))

from zooscan import synthetic  # noqa: E402
from zooscan.objects import Grey, ScanObject  # noqa: E402
from zooscan.separation import propose  # noqa: E402
from zooscan.settings import ProcessSettings  # noqa: E402

FULL, SMALL = (14_500, 24_300), (4_600, 7_700)
SETTINGS = ProcessSettings()
NEAR_PX = 3


def counts(pixels: int) -> dict[synthetic.Kind, int]:
    """Return how many of each kind: some 2,000 objects on a full scan."""
    share = pixels / (FULL[0] * FULL[1])
    every: dict[synthetic.Kind, int] = {"single": 1500, "holed": 200, "pair": 300, "speck": 1500, "edge": 40}
    return {kind: max(4, round(count * share)) for kind, count in every.items()}


def generate(folder: Path, size: tuple[int, int]) -> synthetic.ScanPlan:
    """Write a scan and two blanks of half its resolution."""
    plan = synthetic.plan_scan(
        *size, counts=counts(size[0] * size[1]), min_area_px=SETTINGS.min_area_px, seed=5
    )
    synthetic.write_scan(folder / "scan.tif", plan)
    for number in (1, 2):
        synthetic.write_blank(
            folder / f"blank{number}.tif", size[0] // 2 + 100, size[1] // 2 + 100, dpi=1200, seed=number
        )
    return plan


def ours(folder: Path) -> dict[str, Any]:
    """Process the scan, measure every object and cut its vignette."""
    from PIL import Image
    from zooscan.features import measure
    from zooscan.scan import process_scan
    from zooscan.vignette import file_name, vignette_of

    begin = time.perf_counter()
    done = process_scan(
        folder / "scan.tif", [folder / "blank1.tif", folder / "blank2.tif"], SETTINGS, folder / "work"
    )
    processed = time.perf_counter()
    out = folder / "vignettes"
    out.mkdir(exist_ok=True)
    for found in done.objects:
        # A map of the picture is opened for each, so that pages that were read do not add up.
        grey, mask = found.crop(done.picture()), found.mask()
        measure(grey, mask, x_px=found.x_px, y_px=found.y_px)
        name = file_name("scan", found.x_px, found.y_px, found.width_px, found.height_px)
        Image.fromarray(vignette_of(grey, mask, SETTINGS)).save(out / name)
    measured = time.perf_counter()
    objects = [
        [one.x_px, one.y_px, one.width_px, one.height_px, one.area_px, _parts(one, done.picture())]
        for one in done.objects
    ]
    separated = time.perf_counter()
    return {
        "process_s": processed - begin,
        "measure_s": measured - processed,
        "separate_s": separated - measured,
        "objects": objects,
    }


def _parts(found: ScanObject, picture: Grey) -> int:
    """Return how many parts the separator proposes."""
    return len(propose(found.crop(picture), found.mask(), SETTINGS.min_area_px).parts)


def peer(folder: Path) -> dict[str, Any]:
    """Do the steps of `process_scan` on whole arrays."""
    import numpy as np
    import tifffile
    from scipy import ndimage
    from skimage.measure import label, regionprops
    from skimage.transform import resize
    from zooscan.background import combine
    from zooscan.levels import level_points, level_table

    def grey(path: Path) -> Any:
        scan = tifffile.imread(path)
        inner = scan[
            int(0.05 * scan.shape[0]) : int(0.98 * scan.shape[0]),
            int(0.03 * scan.shape[1]) : int(0.97 * scan.shape[1]),
        ]
        return level_table(*level_points(float(np.median(inner)), SETTINGS))[scan][::-1, ::-1].T

    begin = time.perf_counter()
    scan = grey(folder / "scan.tif")
    height, width = scan.shape
    blank = combine(*(grey(folder / f"blank{number}.tif") for number in (1, 2)))[
        -(height // 2) :, -(width // 2) :
    ]
    rows, columns = np.mgrid[-3:4, -3:4]
    disk = (rows**2 + columns**2 <= 10).astype(np.float32)
    smooth = ndimage.correlate(blank.astype(np.float32), disk / disk.sum(), mode="nearest")
    background = np.round(resize(smooth, scan.shape, order=1, preserve_range=True)).astype(np.int16)
    picture = 255 - np.abs(background - scan)
    frame = 40  # told, where the other one finds it
    inner = picture[frame : height - frame, frame : width - frame]
    objects = []
    for region in regionprops(label(inner <= SETTINGS.upper_threshold, connectivity=2)):
        top, left, bottom, right = region.bbox
        if (
            region.area_bbox < SETTINGS.min_area_px
            or top == 0
            or left == 0
            or bottom == inner.shape[0]
            or right == inner.shape[1]
        ):
            continue
        if region.area_filled >= SETTINGS.min_area_px:
            objects.append(
                [left + frame, top + frame, right - left, bottom - top, int(region.area_filled), 1]
            )
    return {"process_s": time.perf_counter() - begin, "objects": objects}


def compare(plan: synthetic.ScanPlan, objects: list[list[int]]) -> dict[str, int]:
    """Return how many drawn objects were found, missed, with equal area, found but not drawn, and how pairs and others were cut."""
    left = {(x, y): (area, parts) for x, y, _, _, area, parts in objects}
    found = equal = pairs = pairs_cut_in_two = others_cut = 0
    drawn = [one for one in plan.drawn if one.kind in ("single", "holed", "pair")]
    for one in drawn:
        x = plan.height - max(ellipse.box[3] for ellipse in one.ellipses)
        y = plan.width - max(ellipse.box[1] for ellipse in one.ellipses)
        near = [
            (x + right, y + down)
            for right in range(-NEAR_PX, NEAR_PX + 1)
            for down in range(-NEAR_PX, NEAR_PX + 1)
            if (x + right, y + down) in left
        ]
        if near:
            area, parts = left.pop(near[0])
            found += 1
            equal += area == one.area_px
            pairs += one.kind == "pair"
            pairs_cut_in_two += one.kind == "pair" and parts == 2
            others_cut += one.kind != "pair" and parts != 1
    figures = {"drawn": len(drawn), "found": found, "missed": len(drawn) - found, "equal_area": equal}
    cuts = {"pairs": pairs, "pairs_cut_in_two": pairs_cut_in_two, "others_cut": others_cut}
    return figures | {"not_drawn": len(left)} | cuts


def run(way: str, folder: Path, plan: synthetic.ScanPlan) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures | compare(plan, figures.pop("objects"))


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a tenth of the pixels")
    parser.add_argument(
        "--peer", action="store_true", help="also on whole arrays with scikit-image (some 60 bytes a pixel)"
    )
    parser.add_argument("--way", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        figures = {"ours": ours, "peer": peer}[asked.way](asked.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak_mb": round(peak), **figures}))
        return
    size = SMALL if asked.small else FULL
    with tempfile.TemporaryDirectory(prefix="bench-zooscan-") as place:
        begin = time.perf_counter()
        plan = generate(Path(place), size)
        figures = {
            "size_px": size,
            "generated_s": time.perf_counter() - begin,
            "ours": run("ours", Path(place), plan),
        }
        if asked.peer:
            figures["peer"] = run("peer", Path(place), plan)
    figures |= {"processors": os.cpu_count(), "load": os.getloadavg()[0], "machine": platform.machine()}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
