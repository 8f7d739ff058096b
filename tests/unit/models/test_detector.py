"""The detector on a network whose answers can be worked out by hand."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.detector_onnx import detector_bundle, detector_card, tile_picture, tiles_onnx
from tests.unit.models.conftest import linear_onnx
from tidelab.domain.card import DetectionSpec
from tidelab.domain.image import DecodedImage
from tidelab.models import BundleError, ModelError, Predictor, load_predictor, predictor_class
from tidelab.models.detector import ObjectDetector, cut_out
from tidelab.models.runtimes import BOX_TOLERANCE_PX, RUNTIMES, SCORE_TOLERANCE
from tidelab.science.image_statistics import STATISTICS

RED, BLUE = (255, 0, 0), (0, 0, 255)
SPEC = "tidelab.models.detector:ObjectDetector"


def image(pixels, name="a.png"):
    return DecodedImage(path=name, image_id=f"sha256:{name}", pixels=pixels)


@pytest.fixture
def detector(tmp_path: Path) -> ObjectDetector:
    return ObjectDetector(detector_bundle(tmp_path / "tiles"))


def test_it_is_a_predictor(tmp_path: Path):
    made = load_predictor(detector_bundle(tmp_path / "tiles"), SPEC, threads=2)
    assert isinstance(made, Predictor)
    assert made.runtime.startswith("onnxruntime 1.")
    assert predictor_class(SPEC) is ObjectDetector


def test_objects_of_a_picture_of_the_network_s_size(detector):
    found = detector.predict([image(tile_picture(64, 32, {(1, 2): RED, (4, 0): BLUE}))])[0]
    objects = found.detections
    assert objects.boxes.tolist() == [[8, 16, 16, 24], [32, 0, 40, 8]]
    assert objects.labels.tolist() == [0, 2]
    assert objects.scores.tolist() == [1.0, 1.0]
    assert found.probabilities.tolist() == [1.0, 0.0, 1.0]
    assert found.embedding.shape == (3,)
    assert set(found.statistics) == set(STATISTICS)


def test_boxes_come_back_to_a_large_picture(detector):
    """192 x 96 px to 64 x 32: a tile of 24 px is one of the network's."""
    found = detector.find(tile_picture(192, 96, {(3, 1): RED}, tile_px=24)).detections
    assert found.boxes.tolist() == [[72, 24, 96, 48]]


def test_boxes_know_of_the_grey_around_a_narrow_picture(detector):
    """40 x 64 px: 24 mod 32 columns of grey, 12 on each side, so the tiles of the network lie 4 px beside those of the picture."""
    picture = np.zeros((64, 40, 3), np.uint8)
    picture[8:16, 4:12] = RED
    assert detector.find(picture).detections.boxes.tolist() == [[4, 8, 12, 16]]


def test_a_picture_without_objects_is_a_result(detector):
    found = detector.predict([image(tile_picture(50, 40, {}))])[0]
    assert len(found.detections) == 0
    assert found.detections.boxes.shape == (0, 4)
    assert found.probabilities.tolist() == [0.0, 0.0, 0.0]
    assert Image.open(io.BytesIO(found.thumbnail)).size == (64, 51)


def test_weak_objects_are_stored_from_the_card_s_score(tmp_path: Path):
    """Mean red 102, green and blue 0: score 0.4."""
    picture = tile_picture(64, 64, {(0, 0): (102, 0, 0)})
    for least, count in ((0.39, 1), (0.41, 0)):
        spec = DetectionSpec(size_px=64, stored_from=least)
        made = ObjectDetector(detector_bundle(tmp_path / str(least), detection=spec))
        assert len(made.find(picture).detections) == count


def test_doubles_go_within_a_class(tmp_path: Path):
    """Boxes of 16 px on tiles of 8: neighbours overlap by 1/3."""
    picture = tile_picture(64, 64, {(1, 1): RED, (2, 1): (230, 0, 0), (3, 1): BLUE})
    for iou, boxes in ((0.4, 3), (0.3, 2)):
        spec = DetectionSpec(size_px=64, stored_from=0.3, iou=iou)
        made = ObjectDetector(detector_bundle(tmp_path / str(iou), tiles_onnx(width_px=16), detection=spec))
        found = made.find(picture).detections
        assert len(found) == boxes
        assert found.boxes[0].tolist() == [8, 8, 24, 16]


def test_at_most_as_many_as_the_card_says(tmp_path: Path):
    spec = DetectionSpec(size_px=64, stored_from=0.3, maximum=3)
    made = ObjectDetector(detector_bundle(tmp_path / "few", detection=spec))
    assert len(made.find(np.full((64, 64, 3), RED, np.uint8)).detections) == 3


def pictures(count=9):
    rng = np.random.default_rng(7)
    made = []
    for k in range(count):
        width, height = rng.integers(20, 200, 2).tolist()
        made.append(image(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), f"{k}.png"))
    return made


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_company_and_threads_change_nothing(tmp_path: Path, runtime: str):
    """The same to the bit alone, in any company, by any number of threads: that is what makes lab = app = report."""
    bundle = detector_bundle(tmp_path / "tiles", detection=DetectionSpec(size_px=64, stored_from=0.05))
    given = pictures()
    alone = [ObjectDetector(bundle, runtime=runtime).predict([one])[0] for one in given]
    for threads in (1, 3):
        together = ObjectDetector(bundle, threads=threads, runtime=runtime).predict(given[::-1])[::-1]
        for one, other in zip(alone, together, strict=True):
            assert one.detections.boxes.tobytes() == other.detections.boxes.tobytes()
            assert one.detections.scores.tobytes() == other.detections.scores.tobytes()
            assert one.embedding.tobytes() == other.embedding.tobytes()
            assert one.statistics == other.statistics
            assert one.detections.thumbnails == other.detections.thumbnails
    assert sum(len(one.detections) for one in alone) > 20


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 65)])
def test_pictures_of_any_shape_are_taken(detector, size: tuple[int, int]):
    found = detector.predict([image(np.full((*size, 3), RED, np.uint8))])[0]
    height, width = size
    assert (found.detections.boxes <= [width, height, width, height]).all()
    assert np.isfinite(list(found.statistics.values())).all()
    assert all(found.detections.thumbnails)


def test_the_runtimes_agree(tmp_path: Path):
    bundle = detector_bundle(tmp_path / "tiles", detection=DetectionSpec(size_px=64, stored_from=0.05))
    one, other = (ObjectDetector(bundle, runtime=name).predict(pictures()) for name in RUNTIMES)
    for ours, theirs in zip(one, other, strict=True):
        assert ours.detections.labels.tolist() == theirs.detections.labels.tolist()
        assert np.abs(ours.detections.scores - theirs.detections.scores).max(initial=0) <= SCORE_TOLERANCE
        assert np.abs(ours.detections.boxes - theirs.detections.boxes).max(initial=0) <= BOX_TOLERANCE_PX


def test_openvino_is_named_and_has_no_telemetry(tmp_path: Path):
    """In a process of its own: what is imported cannot be taken back."""
    detector_bundle(tmp_path / "tiles")
    code = (
        "import sys; from tidelab.models import ModelBundle; from tidelab.models.detector import ObjectDetector\n"
        f"print(ObjectDetector(ModelBundle.load({str(tmp_path / 'tiles')!r})).runtime)\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"TIDELAB_RUNTIME": "openvino", "PATH": "/usr/bin"}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.splitlines()[0].startswith("openvino 20")
    assert done.stdout.splitlines()[0].endswith("CPU f32")
    assert done.stdout.splitlines()[1] == "[]"


def test_a_runtime_that_is_not_known_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDELAB_RUNTIME", "tensorrt")
    with pytest.raises(
        ModelError, match=r"'tensorrt' is not known; expected onnxruntime or openvino.*TIDELAB_RUNTIME"
    ):
        ObjectDetector(detector_bundle(tmp_path / "tiles"))


def test_thumbnails_show_the_box_and_a_little_around(detector):
    found = detector.predict([image(tile_picture(640, 640, {(2, 2): BLUE}, tile_px=80))])[0]
    small = Image.open(io.BytesIO(found.detections.thumbnails[0]))
    assert small.size == (96, 96)  # 80 px and 8 on each side
    assert small.getpixel((48, 48))[2] > 200
    assert Image.open(io.BytesIO(found.thumbnail)).size == (64, 64)


def test_statistics_are_of_the_picture_the_network_saw_and_sides_of_the_real_one(detector):
    found = detector.predict([image(np.full((480, 960, 3), 90, np.uint8))])[0].statistics
    assert (found["width_px"], found["height_px"], found["aspect"]) == (960.0, 480.0, 2.0)
    assert found["brightness"] == 90.0  # and not mixed with the grey around


@pytest.mark.parametrize(
    "box", [(0, 0, 0.02, 0.02), (9.99, 9.99, 10, 10), (-1, -1, 11, 11), (3.2, 4.7, 5.1, 6.0)]
)
def test_any_box_has_pixels(box):
    cut = cut_out(np.zeros((10, 10, 3), np.uint8), np.array(box, np.float32))
    assert min(cut.shape[:2]) >= 1


def test_numbers_that_are_none_are_no_objects():
    from tidelab.models.detector import read_answer
    from tidelab.science.letterbox import placement

    boxes = np.array(
        [[0, 0, 9, 9], [np.nan, 0, 9, 9], [0, 0, np.inf, 9], [70, 70, 90, 90], [5, 5, 5, 9]], np.float32
    )
    scores = np.array([[0.9], [0.9], [0.9], [0.8], [0.7]], np.float32)
    spec = DetectionSpec(size_px=64)
    found = read_answer(boxes, scores, placement(64, 64, 64), spec)
    assert found.boxes.tolist() == [[0, 0, 9, 9]]
    none = read_answer(boxes, scores * np.float32(np.nan), placement(64, 64, 64), spec)
    assert len(none) == 0


def test_a_model_that_names_pictures_is_refused(tmp_path: Path):
    with pytest.raises(BundleError, match="has no `detection`"):
        ObjectDetector(detector_bundle(tmp_path / "c", detection=None))


def test_a_network_that_is_no_detector_is_refused(tmp_path: Path):
    with pytest.raises(
        BundleError, match=r"takes \['image'\] and gives \['embedding', 'probabilities'\]; a detector takes"
    ):
        ObjectDetector(detector_bundle(tmp_path / "c", linear_onnx(64, 3)))
    with pytest.raises(BundleError, match="a detector takes"):
        ObjectDetector(detector_bundle(tmp_path / "d", tiles_onnx(outputs=("boxes", "scores"))))
    for runtime, words in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")):
        with pytest.raises(BundleError, match=f"not a model that {words} can load"):
            ObjectDetector(detector_bundle(tmp_path / runtime, b"no onnx"), runtime=runtime)


def test_a_card_that_promises_something_else_is_refused(tmp_path: Path):
    with pytest.raises(BundleError, match="its card has 2 labels"):
        ObjectDetector(detector_bundle(tmp_path / "l", labels=("red", "green")))
    with pytest.raises(BundleError, match="embeddings of length 5"):
        ObjectDetector(detector_bundle(tmp_path / "e", embedding_dim=5))
    assert detector_card().detection is not None


def test_a_network_of_one_size_only_is_refused(tmp_path: Path):
    import onnx

    model = onnx.load_model_from_string(tiles_onnx())
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_value = sides[3].dim_value = 64
    with pytest.raises(BundleError, match=r"cannot take a picture of 96 x 64 px.*free height and width"):
        ObjectDetector(detector_bundle(tmp_path / "fixed", model.SerializeToString()))
