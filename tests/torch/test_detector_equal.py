"""Tidelab's detector finds what ultralytics finds with the same weights: the same boxes, scores and classes."""

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.models import write_bundle
from tidelab.models.detector import ObjectDetector
from tidelab.models.runtimes import RUNTIMES
from tidelab.science.letterbox import letterbox, resize_linear
from tidelab.science.preprocessing import shorter_side
from tidelab.training.synthetic_objects import LABELS, encode, make_picture
from tidelab.training.torch_export import DETECTOR_OUTPUTS, detector_module, to_onnx

TOLERANCE = 1e-3
STORED_FROM = 0.05
LOUDER, NEARER = 4.0, 8.0
"""Two epochs teach little: with this much more in the last layers boxes have scores enough and are small enough not to be all one."""

SIZES = [(128, 96), (96, 128), (640, 360), (101, 77), (40, 30), (1920, 1080), (240, 240), (300, 200)]


def louder(network):
    """Raise the scores of a network and shrink its boxes, in place."""
    head = network.model[-1]
    for box_branch, score_branch in zip(head.cv2, head.cv3, strict=True):
        score_branch[-1].bias.data += LOUDER
        box_branch[-1].bias.data[1 :: head.reg_max] += NEARER
    return network


@pytest.fixture(scope="module")
def detector_folder(trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = louder(copy.deepcopy(trained[0].network))
    example_input = np.random.default_rng(0).random((1, 3, 64, 96), dtype=np.float32)
    onnx = to_onnx(detector_module(network), example_input, DETECTOR_OUTPUTS, free_sides=True)
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx)
    width = session.run(["embedding"], {"image": example_input})[0].shape[1]
    card = ModelCard(
        name="equal", title="Equal", use_case="object-detector", labels=LABELS, input=InputSpec(kind="image"), embedding_dim=width,
        detection=DetectionSpec(size_px=96, stored_from=STORED_FROM, iou=0.7), framework="test", created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("bundle") / "model"
    write_bundle(folder, card, {"model.onnx": onnx})
    return folder


@pytest.fixture(scope="module")
def peer(trained, tmp_path_factory: pytest.TempPathFactory):
    from tidelab.training.yolo_setup import import_yolo

    import_yolo()
    from ultralytics import YOLO

    weights = tmp_path_factory.mktemp("weights") / "equal.pt"
    weights.write_bytes(trained[0].weights)
    model = YOLO(str(weights))
    louder(model.model)
    return model


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_boxes_scores_and_classes_are_those_of_ultralytics(
    detector_folder, peer, tmp_path: Path, runtime: str
):
    from tidelab.models import ModelBundle

    ours = ObjectDetector(ModelBundle.load(detector_folder), runtime=runtime)
    total = 0
    for k, size in enumerate(SIZES):
        file = tmp_path / f"{k}.jpg"
        pixels = (
            make_picture(k, 9, size=size, negatives=0.0, mean_objects=5).pixels
            if min(size) >= 64
            else np.random.default_rng(k).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
        )
        file.write_bytes(encode(pixels))
        theirs = peer.predict(str(file), conf=STORED_FROM, iou=0.7, max_det=300, imgsz=96, verbose=False)[
            0
        ].boxes
        found = ours.find(np.asarray(Image.open(file).convert("RGB"))).detections
        assert len(found) == len(theirs)
        # Scores that differ in the last bit may stand in another order: each box is compared with the nearest one.
        table = np.column_stack([theirs.xyxy.numpy(), theirs.conf.numpy(), theirs.cls.numpy()])
        mine = np.column_stack([found.boxes, found.scores, found.labels])
        apart = np.abs(table[:, None] - mine[None]).max(axis=2)
        assert len(found) == 0 or sorted(apart.argmin(axis=1).tolist()) == list(range(len(found)))
        assert apart.min(axis=1).max(initial=0.0) <= TOLERANCE
        total += len(found)
    assert 20 <= total < 2000, "a test in which nothing is found says nothing"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([64, 96, 320]), st.integers(0, 10**6))
@example(width=1920, height=1080, size=640, seed=0)
@example(width=3840, height=2160, size=640, seed=0)
@example(width=640, height=480, size=320, seed=0)
@example(width=1, height=3000, size=640, seed=0)
def test_the_letterbox_is_that_of_ultralytics_to_the_bit(width, height, size, seed):
    from ultralytics.data.augment import LetterBox

    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    theirs = LetterBox(size, auto=True, stride=32)(image=np.ascontiguousarray(pixels))
    ours, _ = letterbox(pixels, size)
    assert ours.shape == theirs.shape
    assert (ours == theirs).all()


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(0, 10**6)
)
@example(width=10, height=10, new_width=5, new_height=5, seed=0)
@example(width=10, height=10, new_width=5, new_height=10, seed=0)
def test_resizing_is_that_of_opencv_to_the_bit(width, height, new_width, new_height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    theirs = cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    assert (resize_linear(pixels, new_width, new_height) == theirs.reshape(new_height, new_width, 3)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([8, 32, 64, 224]), st.integers(0, 10**6))
@example(width=1920, height=1080, size=224, seed=0)
def test_shorter_side_is_resize_and_centre_crop_of_torchvision(width, height, size, seed):
    """To the bit up to a ratio of sides of 16; beyond it the strip is cut before it is resized, which may round otherwise by 1."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    if max(width, height) > 60 * min(width, height):
        return  # torchvision would make a picture of gigabytes
    theirs = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size)])(
        Image.fromarray(pixels)
    )
    apart = np.abs(np.asarray(theirs).astype(int) - shorter_side(pixels, size, "bilinear"))
    assert apart.max() <= (1 if max(width, height) > 16 * min(width, height) else 0)
