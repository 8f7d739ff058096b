"""Lab's stop button while a detector learns, in a real kernel: what was learned is kept, and the next cell goes on with it."""

import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from tidelab.training.synthetic_objects import generate

PREPARE = """
from dataclasses import replace
from tests.torch.conftest import TINY
from tidelab.training import detector_steps as steps
images = steps.open_dataset({truth!r}, {folder!r}, "coco")
division = steps.split(images, seed=1)
live = steps.LiveDetectorCurves(every_s=0)
"""
TRAIN = """
# Processes that load pictures get the interrupt too: Lab sends it to all that the kernel started.
settings = replace(TINY, epochs=1000, workers={workers})
model = steps.train(images, division, settings, on_epoch=live, on_step=live.step)
"""
WAIT_S = 240


class Kernel:
    """A kernel as Jupyter starts it, and what its cells showed."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WAIT_S)
        self.shown = ""

    def run(self, code: str, interrupt_at: str = "") -> str:
        """Run a cell; press stop once `interrupt_at` is shown; return how it ended and what it showed."""
        asked, shown, until = self.client.execute(code), "", time.monotonic() + WAIT_S
        while time.monotonic() < until:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            shown += str(content.get("data", {}).get("text/plain", "")) + content.get("text", "") + "\n"
            shown += "\n".join(content.get("traceback", []))
            if interrupt_at and interrupt_at in shown:
                interrupt_at = ""
                self.manager.interrupt_kernel()
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return shown
        raise AssertionError(f"the cell did not end: {shown[-2000:]}")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [0, 2])
def test_the_stop_button_keeps_what_was_learned(tmp_path: Path, workers: int, monkeypatch):
    generate(24, 5, tmp_path / "coco", size=(128, 96))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("HOME", str(tmp_path))
    kernel = Kernel(tmp_path)
    try:
        prepared = kernel.run(
            PREPARE.format(truth=str(tmp_path / "coco" / "truth.json"), folder=str(tmp_path / "coco"))
        )
        assert "Error" not in prepared
        shown = kernel.run(TRAIN.format(workers=workers), interrupt_at="epoch 1 of 1000: loss")
        assert "epoch 1 of 1000: step 1 of" in shown, "a line while the first epoch goes on"
        assert "Traceback" not in shown
        assert "KeyboardInterrupt" not in shown
        said = kernel.run("print(model.end_words); print(len(model.onnx) > 10_000, model.parity.words)")
        assert "It was ended in epoch " in said
        assert "of 1000; epoch " in said
        assert "True The export differs from the network by at most" in said
    finally:
        kernel.close()
