"""torchvision's box operators: right where ours stand in, untouched where its own load."""

import subprocess
import sys
from types import ModuleType

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.training.torch_vision_ops import nms, repair


def overlap(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - width * height
    return width * height / both if both else 0.0


def slow_nms(boxes, scores, limit):
    """The definition, box by box."""
    left = sorted(range(len(scores)), key=lambda k: (-scores[k], k))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [k for k in left if overlap(boxes[best], boxes[k]) <= limit]
    return kept


box = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]) + 1, max(v[1], v[3]) + 1)
)


@settings(max_examples=60)
@given(st.lists(st.tuples(box, st.integers(0, 5)), max_size=25), st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]))
def test_it_is_the_definition(found, limit):
    boxes, scores = [one for one, _ in found], [score / 5 for _, score in found]
    tensor = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    answer = nms(tensor, torch.tensor(scores, dtype=torch.float32), limit)
    assert answer.dtype == torch.int64
    assert answer.tolist() == slow_nms(boxes, scores, limit)


def test_known_answer():
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30.0]])
    scores = torch.tensor([0.5, 0.9, 0.3])
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert torchvision.ops.nms(boxes, scores, 0.81).tolist() == [1, 0, 2], "the overlap is exactly 0.81"
    classes = torch.tensor([0, 1, 0])
    assert torchvision.ops.batched_nms(boxes, scores, classes, 0.5).tolist() == [1, 0, 2]


def test_where_the_operators_load_nothing_is_changed(monkeypatch: pytest.MonkeyPatch):
    extension = ModuleType("torchvision.extension")
    extension._has_ops = lambda: True
    extension._assert_has_ops = refuse = lambda: None
    monkeypatch.setattr(torch.library, "Library", lambda *_: pytest.fail("nothing is declared"))
    assert repair(extension) is False
    assert set(vars(extension)) >= {"_has_ops"}
    assert extension._assert_has_ops is refuse
    assert not hasattr(extension, "_tidelab_library")


def test_every_interpreter_waits_for_torchvision_and_imports_nothing_itself():
    ask = (
        "import sys; print('torch' in sys.modules, 'numpy' in sys.modules, "
        "any(type(one).__module__ == 'tidelab.training.torch_vision_ops' for one in sys.meta_path)); "
        "import torchvision, torch; print(torchvision.ops.nms(torch.zeros(1, 4), torch.ones(1), 0.5).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False False True", "[0]"]
    assert done.stderr == ""
