"""Pictures a second of a detector, from JPEG files to boxes, against a loop of ultralytics' own ``predict`` on the same weights.

    .tidelab/envs/torch/bin/python bench/detection.py                       # 1920 x 1080 and 640 x 480 px, network at 640 px
    .tidelab/envs/torch/bin/python bench/detection.py --weights my.pt --pictures 60 --json out.json

In one process, in turn, several rounds of each:

- ``peer``: ``for file in files: YOLO(weights).predict(file, imgsz=640)``, the model loaded once, else all its defaults (score 0.25, one
  thread of torch on two cores);
- ``detector``: decoding in two threads ahead of `tidelab.models.detector.ObjectDetector` with a thread a core. It does more: objects from
  0.05, thumbnails of picture and objects, statistics, embedding;
- ``openvino``: the same with OpenVINO in 32-bit floats in the place of ONNX Runtime;
- ``run``: a whole run as the app and ``tidelab report`` make it, empty cache: files hashed, decoded, predicted, kept, tables and verdict.

Boxes and scores of peer and detector are compared first (from 0.25 upwards, within 1e-3): a faster answer that differs is none. Without
``--weights`` a small training on generated pictures makes them. The machine should be idle; ratios bear other work better than seconds do.
"""

import argparse
import contextlib
import datetime
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from tidelab.catalogue import load_usecase
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.domain.image import DecodedImage
from tidelab.models import ModelBundle, write_bundle
from tidelab.models.detector import OUTPUTS, ObjectDetector, as_input, cut_out, read_answer
from tidelab.models.thumbnail import thumbnail
from tidelab.runs import get_executor, prepare
from tidelab.science.image_statistics import image_statistics
from tidelab.science.letterbox import letterbox
from tidelab.training.synthetic_objects import LABELS, generate
from tidelab.training.torch_export import DETECTOR_OUTPUTS, detector_module, to_onnx
from tidelab.training.yolo_setup import import_yolo

TOLERANCE = 1e-3
BATCH = 16
PEER_PX = 640
"""Said to the peer, for its default is the size of its training."""
SLUG = "detection-speed"


def trained(folder: Path, epochs: int) -> Path:
    """Train yolov8n from scratch on generated pictures, at 320 px, and return its weights."""
    for part, count, seed in (("train", 64, 5), ("val", 16, 6)):
        coco = json.loads(generate(count, seed, folder / "images" / part).read_text())
        (folder / "labels" / part).mkdir(parents=True)
        for picture in coco["images"]:
            lines = [
                f"{one['category_id'] - 1} {(x + w / 2) / picture['width']} {(y + h / 2) / picture['height']} "
                f"{w / picture['width']} {h / picture['height']}\n"
                for one in coco["annotations"] if one["image_id"] == picture["id"] for x, y, w, h in [one["bbox"]]
            ]  # fmt: skip
            file = (folder / "labels" / part / picture["file_name"]).with_suffix(".txt")
            file.write_text("".join(lines))
    data = folder / "data.yaml"
    names = "\n".join(f"  {k}: {label}" for k, label in enumerate(LABELS))
    data.write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames:\n{names}\n")
    from ultralytics import YOLO

    model = YOLO("yolov8n.yaml")
    model.train(
        data=str(data), epochs=epochs, imgsz=320, batch=8, workers=0, optimizer="AdamW", lr0=0.002, mosaic=0.0, val=False, plots=False,
        project=str(folder / "runs"), name="train", device="cpu", amp=False, verbose=False, seed=0,
    )  # fmt: skip
    return folder / "runs" / "train" / "weights" / "last.pt"


def bundle_of(weights: Path, folder: Path) -> ModelBundle:
    """Export the weights as the bundle of a use case made for this."""
    from ultralytics import YOLO

    network = YOLO(str(weights)).model.float().eval().fuse(verbose=False)
    blank = np.zeros((1, 3, 384, 640), np.float32)
    onnx = to_onnx(detector_module(network), blank, DETECTOR_OUTPUTS, free_sides=True)
    width = onnxruntime.InferenceSession(onnx).run(["embedding"], {"image": blank})[0].shape[1]
    labels = tuple(str(network.names[k]) for k in sorted(network.names))
    card = ModelCard(
        name=SLUG, title="Speed", use_case=SLUG, labels=labels, input=InputSpec(kind="image"), detection=DetectionSpec(size_px=640),
        embedding_dim=width, framework="ultralytics", demo=True, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return write_bundle(folder, card, {"model.onnx": onnx})


def declare(folder: Path, labels: Sequence[str]) -> None:
    """Write the declaration of a use case around the bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {
        "images": {"type": "path", "default": "sample", "title": "Images", "help": "Images.", "affects_results": False},
        "model": {"type": "string", "default": "demo", "title": "Model", "help": "Model.", "affects_results": False},
"threshold": {"type": "number", "default": 0.25, "minimum": 0.0, "maximum": 1.0, "title": "Threshold", "help": "Least score."},
    }  # fmt: skip
    declaration = {
        "schema_version": 1, "slug": SLUG, "title": "Speed", "summary": "For a measurement.", "description": "For a measurement.",
        "people": [{"name": "Tidelab", "role": "maintainer"}], "licence": "Apache-2.0", "maintainers_group": f"maintainers-{SLUG}",
        "citation": {"text": "Tidelab.", "url": "https://example.org"}, "stacks": {"analyse": "analyse", "train": "torch"},
        "resources": {"default": "small", "flavours": {"small": {"title": "Small", "cpu": 1, "memory_gb": 2, "stacks": ["analyse"]}}},
        "task": {"kind": "object-detection", "predictor": "tidelab.models.detector:ObjectDetector"},
        "labels": [{"name": label, "kind": "morphotype"} for label in labels],
        "sample": {"folder": "sample", "title": "Sample", "licence": "CC0-1.0"},
        "model": {"registered_name": SLUG, "demo": {"folder": "model/demo"}},
        "notebooks": {
            "analyse": {"file": "analyse.ipynb", "title": "A", "stack": "analyse", "faces": ["lab", "report"], "parameters": parameters},
        },
    }  # fmt: skip
    (folder / "usecase.yaml").write_text(json.dumps(declaration))


def decoded(file: Path) -> DecodedImage:
    """Read one picture."""
    with Image.open(file) as image:
        return DecodedImage(file.name, f"sha256:{file.name}", np.asarray(image.convert("RGB")))


def ahead(files: Sequence[Path], decoders: int = 2) -> Iterator[list[DecodedImage]]:
    """Yield batches of pictures, the next one already being decoded."""
    with ThreadPoolExecutor(decoders) as pool:
        parts = [files[k : k + BATCH] for k in range(0, len(files), BATCH)]
        waiting = [pool.submit(decoded, file) for file in parts[0]]
        for part in [*parts[1:], []]:
            coming = [pool.submit(decoded, file) for file in part]
            yield [one.result() for one in waiting]
            waiting = coming


def with_detector(detector: ObjectDetector, files: Sequence[Path]) -> int:
    """Find the objects of all files."""
    return sum(len(one.detections or ()) for batch in ahead(files) for one in detector.predict(batch))


def with_peer(model: Any, files: Sequence[Path]) -> int:
    """Do the same as users of ultralytics do; what it prints is thrown away."""
    found = 0
    with contextlib.redirect_stdout(io.StringIO()):
        for file in files:
            found += len(model.predict(str(file), imgsz=PEER_PX)[0].boxes)
    return found


def with_run(case: Path, files: Path, runs: Path) -> int:
    """Make a whole run with an empty cache."""
    folder = prepare(
        load_usecase(case), images=files, model="demo", runs_root=Path(tempfile.mkdtemp(dir=runs))
    )
    os.environ["TIDELAB_CACHE"] = str(Path(tempfile.mkdtemp(dir=runs)))
    state = get_executor("inline").submit(folder).wait()
    if state.status != "done":
        raise SystemExit(f"The run ended as {state.status}: {state.message}\n{folder.log()[-2000:]}")
    return len(folder.results())


def compared(detector: ObjectDetector, model: Any, files: Sequence[Path]) -> dict[str, float]:
    """Return how far boxes and scores lie apart; ends the program where they are not the same objects."""
    boxes = scores = 0.0
    count = 0
    for file in files:
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = model.predict(str(file), imgsz=PEER_PX)[0].boxes
        ours = detector.find(decoded(file).pixels).detections
        sure = ours.scores > 0.25
        if not np.array_equal(theirs.cls.numpy().astype(int), ours.labels[sure]):
            raise SystemExit(f"{file.name}: other objects than ultralytics finds")
        boxes = max(boxes, float(np.abs(theirs.xyxy.numpy() - ours.boxes[sure]).max(initial=0)))
        scores = max(scores, float(np.abs(theirs.conf.numpy() - ours.scores[sure]).max(initial=0)))
        count += int(sure.sum())
    if max(boxes, scores) > TOLERANCE:
        raise SystemExit(f"boxes differ by {boxes:.2g} px, scores by {scores:.2g}: more than {TOLERANCE:g}")
    return {"objects": count, "largest_box_difference_px": boxes, "largest_score_difference": scores}


def profile(detector: ObjectDetector, model: Any, files: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Return where the time of one picture goes: milliseconds of the processor on one thread, median over the files."""
    spent: dict[str, dict[str, list[float]]] = {"tidelab_ms": {}, "peer_ms": {}}

    def timed(name: str, what: Callable[[], Any], whose: str = "tidelab_ms") -> Any:
        began = time.thread_time()
        value = what()
        spent[whose].setdefault(name, []).append(1e3 * (time.thread_time() - began))
        return value

    def quiet(given: Any) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return model.predict(given, imgsz=PEER_PX, verbose=False)

    for file in files:
        pixels = timed("decode", lambda file=file: decoded(file).pixels)
        boxed, place = timed("letterbox", lambda pixels=pixels: letterbox(pixels, detector.spec.size_px))
        feed = timed("to float", lambda boxed=boxed: as_input(boxed))
        answer = timed("network", lambda feed=feed: detector._runtime.run({"image": feed}, OUTPUTS))
        found = timed("NMS", lambda a=answer, p=place: read_answer(a[0][0], a[1][0], p, detector.spec))
        seen = detector.find(pixels).seen
        timed("statistics", lambda seen=seen: image_statistics(seen))
        timed("thumbnail of the picture", lambda seen=seen: thumbnail(seen))
        timed(
            "thumbnails of objects", lambda f=found, p=pixels: [thumbnail(cut_out(p, box)) for box in f.boxes]
        )
        timed("whole", lambda file=file: quiet(str(file)), "peer_ms")
        timed("whole without decoding", lambda p=pixels: quiet(np.ascontiguousarray(p[..., ::-1])), "peer_ms")
        ready = model.predictor.preprocess([np.ascontiguousarray(pixels[..., ::-1])])
        timed("network", lambda ready=ready: model.predictor.inference(ready), "peer_ms")
    return {
        whose: {name: round(statistics.median(values), 2) for name, values in table.items()}
        for whose, table in spent.items()
    }


def measured(ways: dict[str, Callable[[], int]], pictures: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Time every way in turn, `rounds` times, after one round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            way()
            if turn:
                rates[name].append(pictures / (time.perf_counter() - began))
                work[name].append(1e3 * (time.process_time() - worked) / pictures)
    ratios = {
        name: [one / peer for one, peer in zip(rates[name], rates["peer"], strict=True)] for name in ways
    }
    return {
        name: {
            "pictures_per_second": round(statistics.median(rates[name]), 2),
            "times_the_peer": round(statistics.median(ratios[name]), 2),
            "least_and_most": [round(min(ratios[name]), 2), round(max(ratios[name]), 2)],
            "processor_ms_per_picture": round(statistics.median(work[name]), 1),
        }
        for name in ways
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", type=Path, help=".pt of ultralytics; by default a short training makes one"
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "640x480"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["TIDELAB_THREADS"] = str(options.threads)
    import_yolo()
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ |= {"TIDELAB_DATA": str(place / "data"), "TIDELAB_RUNS": str(place / "runs")}
        (place / "runs").mkdir()
        weights = options.weights or trained(place / "training", options.epochs)
        bundle = bundle_of(weights, place / "case" / SLUG / "model" / "demo")
        declare(place / "case" / SLUG, bundle.card.labels)
        detector = ObjectDetector(bundle, threads=options.threads, runtime="onnxruntime")
        other = ObjectDetector(bundle, threads=options.threads, runtime="openvino")
        peer = YOLO(str(weights))
        report: dict[str, Any] = {
            "date": datetime.date.today().isoformat(), "commit": commit(), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "runtimes": [detector.runtime, other.runtime], "threads": options.threads, "network_px": 640, "pictures": options.pictures, "rounds": options.rounds,
        }  # fmt: skip
        for size in options.sizes:
            folder = place / size
            width, height = (int(side) for side in size.split("x"))
            generate(options.pictures, 21, folder, size=(width, height), conditions="mixed")
            for extra in ("truth.json", "truth.csv", "counts.csv"):
                (folder / extra).unlink()
            files = sorted(folder.glob("*.jpg"))
            same = {"onnxruntime": compared(detector, peer, files), "openvino": compared(other, peer, files)}
            ways = {
                "peer": lambda files=files: with_peer(peer, files),
                "detector": lambda files=files: with_detector(detector, files),
                "openvino": lambda files=files: with_detector(other, files),
                "run": lambda folder=folder: with_run(place / "case" / SLUG, folder, place / "runs"),
            }
            report[size] = {
                "same": same,
                "speed": measured(ways, len(files), options.rounds),
                "one_picture": profile(detector, peer, files[:24]),
            }
            report[size]["load_average"] = round(os.getloadavg()[0], 1)
        text = json.dumps(report, indent=1)
        print(text)
        if options.json:
            options.json.write_text(text + "\n")


def commit() -> str:
    """Return the short name of the commit that is measured."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
