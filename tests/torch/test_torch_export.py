"""The export answers as the network does, is read by the runtime, and is refused where it does not."""

import numpy as np
import onnx
import pytest
import torch

from tests.torch.conftest import TINY
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.domain.image import DecodedImage
from tidelab.models.bundle import write_bundle
from tidelab.models.detector import ObjectDetector
from tidelab.training.torch_export import (
    DETECTOR_OUTPUTS,
    check_detector,
    detector_module,
    to_onnx,
)
from tidelab.training.trained import ExportError
from tidelab.training.yolo_setup import import_yolo

RNG = np.random.default_rng(3)


def pictures(*shapes):
    return [RNG.random((n, 3, height, width), np.float32) for n, height, width in shapes]


@pytest.mark.parametrize("architecture", ["yolov8n", "yolo11n", "yolov8n-seg"])
def test_an_export_answers_as_the_network_whatever_the_size_and_number_of_pictures(architecture):
    torch.manual_seed(1)
    network = import_yolo().YOLO(f"{architecture}.yaml", verbose=False).model.eval().fuse()
    module = detector_module(network)
    exported = to_onnx(module, pictures((1, 96, 96))[0], DETECTOR_OUTPUTS, free_sides=True)
    found = check_detector(module, exported, pictures((1, 96, 96), (3, 64, 160)))
    assert found.scores <= 1e-4
    assert found.boxes_px <= 0.05
    assert found.inputs == 2
    with torch.no_grad():
        boxes, scores, embedding = module(torch.from_numpy(pictures((2, 64, 96))[0]))
    cells = sum((64 // stride) * (96 // stride) for stride in (8, 16, 32))
    assert boxes.shape == (2, cells, 4)
    assert scores.shape == (2, cells, 80)
    assert embedding.shape == (2, 256)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all(), "corners: x_min, y_min, x_max, y_max"


def test_boxes_and_scores_are_those_that_ultralytics_decodes(trained):
    network = trained[0].network
    picture = torch.from_numpy(pictures((1, 96, 96))[0])
    with torch.no_grad():
        theirs = network(picture)[0]
    centre, sides = theirs[:, :2], theirs[:, 2:4]
    expected = torch.cat([centre - sides / 2, centre + sides / 2], 1).transpose(1, 2)
    with torch.no_grad():
        boxes, scores, _ = detector_module(network)(picture)
    torch.testing.assert_close(boxes, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(scores, theirs[:, 4:].transpose(1, 2))


def test_a_bundle_of_it_is_used_like_any_other(trained, images, tmp_path):
    module = detector_module(trained[0].network)
    exported = to_onnx(module, pictures((1, 96, 96))[0], DETECTOR_OUTPUTS, free_sides=True)
    width = int(trained[0].network.model[-1].cv2[-1][0].conv.in_channels)
    card = ModelCard(
        name="d", title="D", use_case="object-detector", labels=images.labels, input=InputSpec(kind="image"),
        detection=DetectionSpec(size_px=TINY.image_px, stored_from=0.001), embedding_dim=width, framework="f", created="now",
    )  # fmt: skip
    detector = ObjectDetector(write_bundle(tmp_path / "b", card, {"model.onnx": exported}))
    pixels = RNG.integers(0, 255, (96, 128, 3), np.uint8)
    (found,) = detector.predict([DecodedImage("a", "sha256:0", pixels)])
    assert found.detections is not None
    assert found.embedding.shape == (width,)


def test_an_export_that_differs_is_refused(trained):
    module = detector_module(trained[0].network)
    shown = pictures((1, 96, 96))
    exported = onnx.load_model_from_string(to_onnx(module, shown[0], DETECTOR_OUTPUTS, free_sides=True))
    # What decides on the score of a class: a network of two epochs hardly looks at its picture yet.
    last = next(one for one in exported.graph.initializer if one.name.endswith("cv3.0.2.bias"))
    last.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(last) + np.float32(1), last.name))
    with pytest.raises(ExportError, match="so it was not saved"):
        check_detector(module, exported.SerializeToString(), shown)


def test_equal_networks_give_equal_bytes(trained):
    module = detector_module(trained[0].network)
    shown = np.zeros((1, 3, 96, 96), np.float32)
    first, second = (to_onnx(module, shown, DETECTOR_OUTPUTS, free_sides=True) for _ in range(2))
    assert first == second


def test_rotated_boxes_are_refused_in_words():
    network = import_yolo().YOLO("yolov8n-obb.yaml", verbose=False).model.eval()
    with pytest.raises(ExportError, match=r"ends in OBB.*Rotated boxes"):
        detector_module(network)
