"""A training, a validation and an export ask no network, start no program, install nothing and leave nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
seen = []
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.bind") or event in ("subprocess.Popen", "os.system"):
        seen.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
from pathlib import Path
import numpy as np
from tidelab.training.torch_export import DETECTOR_OUTPUTS, detector_module, to_onnx
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_setup import import_yolo
from tidelab.training.yolo_train import train_network
settings = YoloSettings(width=0.0625, epochs=1, image_px=64, batch_size=8, device="cpu", workers=0)
result = train_network("detect", Path(sys.argv[1]), settings, Path(sys.argv[2]))
import ultralytics
(Path(sys.argv[2]) / "w.pt").write_bytes(result.weights)
ultralytics.YOLO(Path(sys.argv[2]) / "w.pt").val(data=sys.argv[1], imgsz=64, device="cpu", workers=0, plots=False, project=sys.argv[2])
to_onnx(detector_module(result.network), np.zeros((1, 3, 64, 64), np.float32), DETECTOR_OUTPUTS, free_sides=True)
print(json.dumps({"seen": seen, "off": {name: ultralytics.settings[name] for name in ("sync", "mlflow", "clearml")},
                  "folder": str(ultralytics.utils.USER_CONFIG_DIR), "threads": __import__("os").environ.get("OMP_NUM_THREADS")}))
"""


def test_nobody_is_asked_and_nothing_is_left(data: Path, tmp_path: Path):
    here, home, scratch = tmp_path / "here", tmp_path / "home", tmp_path / "scratch"
    for folder in (here, home, scratch):
        folder.mkdir()
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("YOLO", "OMP_", "MLFLOW"))
        },
        "HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(data), str(scratch)],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    # matplotlib looks once which fonts a new home has: a program of this machine.
    assert [one for one in answer["seen"] if "fc-list" not in one[1]] == []
    assert set(answer["off"].values()) == {False}
    assert answer["threads"] is None, "what is started later decides for itself"
    assert not Path(answer["folder"]).exists(), "its settings went with the process"
    assert list(here.iterdir()) == [], "no mlflow.db, no runs folder"
    assert [one.name for one in home.rglob("*") if "ltralytics" in one.name] == []


def test_who_imported_it_before_is_told(monkeypatch: pytest.MonkeyPatch):
    from tidelab.training.yolo_setup import import_yolo

    import_yolo()
    monkeypatch.setenv("YOLO_OFFLINE", "false")
    with pytest.raises(RuntimeError, match="Restart the kernel"):
        import_yolo()
