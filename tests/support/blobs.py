"""A use case that finds bright and dark spots in pictures, with all four hooks and views of its own; every number can be checked by hand."""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from tidelab.catalogue import UseCase, load_usecase
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.models import write_bundle

LABELS = ("bright spot", "dark spot")
SLUG = "blob-case"

DETECTOR = '''
"""Finds rectangles that are brighter or darker than the grey 128 around them."""
from contextlib import suppress
import io
from pathlib import Path
import numpy as np
from PIL import Image
from scipy import ndimage
from tidelab.domain.prediction import Detections, Prediction

class Blobs:
    INFERENCE_VERSION = "1"
    SOURCES = ("blob_case.detector",)
    runtime = "numpy " + np.__version__

    def __init__(self, bundle, threads=None):
        self.folder = Path(__file__).parents[2]

    def predict(self, images):
        with suppress(OSError), (self.folder / "calls.txt").open("a") as stream:  # an app's run may not write here
            stream.writelines(image.image_id + "\\n" for image in images)
        return [self._one(image.pixels) for image in images]

    def _one(self, pixels):
        grey = pixels[..., 0].astype(float)
        rows = []
        for label, sign in ((0, 1), (1, -1)):
            marks, count = ndimage.label(sign * (grey - 128) > 10)
            for y, x in ndimage.find_objects(marks):
                score = abs(grey[y, x].mean() - 128) / 128
                rows.append((-score, x.start, y.start, x.stop, y.stop, label))
        rows.sort()
        boxes = np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4)
        scores = np.array([-row[0] for row in rows], np.float32)
        labels = np.array([row[5] for row in rows], np.int16)
        best = np.array([scores[labels == k].max(initial=0) for k in (0, 1)], np.float32)
        return Prediction(best, np.array([grey.mean() / 255, len(rows)], np.float32), {"brightness": float(grey.mean())}, _jpeg(pixels),
                          Detections(boxes, scores, labels, tuple(_jpeg(pixels[row[2]:row[4], row[1]:row[3]]) for row in rows)))

def _jpeg(pixels):
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).resize((8, 8)).save(out, "JPEG")
    return out.getvalue()
'''

HOOKS = '''
"""Reader of tiles, two measures, and products."""
import json
import numpy as np
from tidelab.runs.hooks import FinishedRun, ProductFile, ReaderContext
from tidelab.runs.inputs.collection import SampleFacts

def read(given, collection, context: ReaderContext):
    (context.scratch / "seen.txt").write_text("\\n".join(path.name for path in given))
    (context.cache / "known.txt").write_text("kept")
    sides = [side for side in collection.side_files if side.key.endswith("station.json")]
    for number, side in enumerate(sides, 1):
        context.progress("Reading stations", number, len(sides))
        content = json.loads(side.content(10_000))
        if content.get("broken"):
            raise ValueError("the station has no name")
        collection.facts.append(SampleFacts(side.key.split("/")[0], {"station": content["station"]}, (side,), ("Read by blob_case.",)))
        for source in collection.sources:
            if source.key.startswith(side.key.split("/")[0] + "/"):
                source.measurements = {"depth_m": content["depth_m"], "note": content["station"], "count": 3.0}
    collection.side_files = [side for side in collection.side_files if side not in sides]

def darkest(pixels):
    if pixels.shape[1] == 13:
        raise RuntimeError("thirteen columns")
    return {"darkest": float(pixels.min())}

darkest.VERSION = "1"

def brightest(pixels):
    return {"brightest": float(pixels.max())}

brightest.VERSION = "1"

def table(run: FinishedRun):
    counted = run.pictures["objects"].sum() if len(run.pictures) else len(run.results)
    path = run.write("series/objects.csv", f"pictures,objects\\n{len(run.pictures)},{counted}\\n")
    text = run.write("note.txt")
    text.write_text((run.scratch / "seen.txt").read_text() + " " + (run.cache / "known.txt").read_text())
    return [ProductFile(path, "Objects (CSV)", "text/csv"), ProductFile(text, "Note", "text/plain")]

def failing(run: FinishedRun):
    run.write("half.csv", "half")
    raise ValueError("no tide today")
'''

VIEWS = '''
"""A view of the use case's own."""
from markupsafe import Markup
from tidelab.reports.display import section

def spots(run):
    words = f"{len(run.results())} spots in {len(run.pictures())} pictures"
    return section(Markup("<p>{}</p>").format(words), words)
'''


def declaration(slug: str) -> dict[str, object]:
    """Return a whole `usecase.yaml` for the spot finder."""
    return {
        "schema_version": 1, "slug": slug, "title": "Spots", "summary": "Finds spots.", "description": "For tests.",
        "people": [{"name": "Tests", "role": "maintainer"}], "citation": {"text": "Tests. How many spots?", "url": "https://example.org/spots"},
        "licence": "Apache-2.0", "maintainers_group": f"maintainers-{slug}", "stacks": {"analyse": "analyse"},
        "resources": {"default": "small", "flavours": {"small": {"title": "Small", "cpu": 1, "memory_gb": 2, "stacks": ["analyse"]}}},
        "task": {
            "kind": "object-detection", "predictor": "blob_case.detector:Blobs", "reader": "blob_case.hooks:read",
            "measures": ["blob_case.hooks:darkest", "blob_case.hooks:brightest"], "products": ["blob_case.hooks:table"],
        },
        "labels": [{"name": LABELS[0], "kind": "taxon", "rank": "Species", "aphia_id": 127160}, {"name": LABELS[1], "kind": "non-living"}],
        "model": {"registered_name": slug, "demo": {"folder": "model/demo"}},
        "notebooks": {"analyse": {"file": "analyse.ipynb", "title": "Analyse", "stack": "analyse", "faces": ["lab", "app", "report"], "parameters": {
            "images": {"type": "path", "default": "sample", "title": "Images", "help": "Images.", "affects_results": False},
            "threshold": {"type": "number", "default": None, "minimum": 0.0, "maximum": 1.0, "title": "Threshold", "help": "Least score."},
            "model": {"type": "string", "default": "champion", "title": "Model", "help": "Model.", "affects_results": False}}}},
        "app": {"inputs": "Images.", "outputs": "A table.", "limits": {"images": 1000}},
        "samples": {"fields": ["time", "station"]},
        "sample": {"folder": "sample", "title": "Sample", "licence": "CC0-1.0"},
    }  # fmt: skip


CELLS = (
    ("markdown", [], "# Spots"),
    ("code", ["parameters"], 'images = "sample"\nthreshold = None\nmodel = "champion"'),
    (
        "code",
        [],
        "from tidelab.reports import views\nfrom tidelab.widgets import Analysis\n\n"
        f'analysis = Analysis("{SLUG}", images=images, threshold=threshold, model=model)\nown = analysis.own("views")\nanalysis.form()',
    ),
    *(
        cell
        for view in ("views.verdict", "views.summary", "views.samples", "views.counts", "views.counts_plot", "views.objects_per_picture",
                     "views.pictures", "own.spots", "views.gallery", "views.estimates", "views.failed_files", "views.downloads",
                     "views.provenance")
        for cell in (("markdown", ["result"], f"What `{view}` shows."), ("code", ["result"], f"analysis.show({view})"))
    ),
    ("markdown", ["result"], "Look yourself."),
    ("code", ["result"], "analysis.validation()"),
)  # fmt: skip


def notebook() -> dict[str, object]:
    """Return the notebook that shows every view a detector has."""
    cells = []
    for number, (kind, tags, source) in enumerate(CELLS):
        cell = {
            "cell_type": kind,
            "id": f"c{number}",
            "metadata": {"tags": tags} if tags else {},
            "source": source,
        }
        cells.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"name": "tidelab-analyse", "display_name": "Tidelab analyse", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def picture(
    path: Path, spots: list[tuple[int, int, int, int, int]], size: tuple[int, int] = (60, 40)
) -> Path:
    """Write a grey picture (128) with rectangles ``(x, y, width, height, value)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), 128, np.uint8)
    for x, y, width, height, value in spots:
        pixels[y : y + height, x : x + width] = value
    Image.fromarray(pixels).save(path, "PNG")
    return path


def make_sample(folder: Path) -> Path:
    """Write three pictures: two objects, one object that scores below its threshold, none."""
    picture(folder / "north" / "obs_cam1_2024-05-01-12-00.png", [(5, 6, 10, 8, 228), (30, 20, 6, 4, 28)])
    picture(folder / "north" / "obs_cam1_2024-05-01-12-01.png", [(40, 10, 5, 5, 150)])
    picture(folder / "south" / "empty.png", [], (50, 30))
    (folder / "north" / "station.json").write_text(json.dumps({"station": "N1", "depth_m": 20.5}))
    return folder


def make_use_case(parent: Path, slug: str = SLUG, **task: object) -> UseCase:
    """Make the whole folder of the use case; `task` replaces fields of ``task``."""
    folder = parent / slug
    package = folder / "src" / "blob_case"
    package.mkdir(parents=True)
    for name, source in (("__init__", ""), ("detector", DETECTOR), ("hooks", HOOKS), ("views", VIEWS)):
        (package / f"{name}.py").write_text(source)
    declared = declaration(slug)
    declared["task"] = {**declared["task"], **task}  # type: ignore[dict-item]
    (folder / "usecase.yaml").write_text(yaml.safe_dump(declared))
    (folder / "README.md").write_text("# Spots\n")
    (folder / "analyse.ipynb").write_text(json.dumps(notebook()))
    make_sample(folder / "sample")
    card = ModelCard(
        name=slug, title="Spots", use_case=slug, labels=LABELS, input=InputSpec(kind="image"), embedding_dim=2, framework="numpy",
        demo=True, created="2026-01-01T00:00:00Z",
        detection=DetectionSpec(thresholds={LABELS[0]: 0.5, LABELS[1]: 0.3}, thresholds_method="for a test"),
    )  # fmt: skip
    write_bundle(folder / "model" / "demo", card, {"model.onnx": b"not used"})
    return load_usecase(folder)


def calls(use_case: UseCase) -> list[str]:
    """Return the ids of all pictures that the model was ever asked for."""
    path = use_case.folder / "calls.txt"
    return path.read_text().split() if path.exists() else []
