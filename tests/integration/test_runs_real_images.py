"""Real FlowCam images and the model that comes with the use case, in a process of their own."""

import shutil
from pathlib import Path

import pytest

from tidelab.runs import RunFolder, get_executor, prepare

SLUG = "flowcam-plankton"


@pytest.fixture
def images(shared_data: Path) -> Path:
    return shared_data / SLUG / "phyto" / "data" / "demo-images"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runs", "champions"):
        monkeypatch.setenv(f"TIDELAB_{name.upper()}", str(tmp_path / name))


def analysed(images: Path, runs_root: Path) -> RunFolder:
    folder = prepare(SLUG, images=images, person="ada", runs_root=runs_root)
    state = get_executor("process").submit(folder).wait(240)
    assert state.status == "done", f"{state.message}\n{folder.log()}"
    return folder


def test_real_images_are_all_used_and_a_zip_of_them_gives_the_same_bytes(
    images: Path, tmp_path: Path
) -> None:
    pictures = [
        path for path in images.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif")
    ]
    assert len(pictures) >= 50
    folder = analysed(images, tmp_path / "one")
    assert folder.state().done == len(pictures)
    assert folder.results()["label"].isin(["", *folder.manifest()["model"]["labels"]]).all()
    assert folder.verdict().n_images == len(pictures)
    # A demonstration model says so wherever its numbers go.
    assert "must not be used as data" in (folder.path / "methods.md").read_text()

    packed = shutil.make_archive(str(tmp_path / images.name), "zip", images)
    other = analysed(Path(packed), tmp_path / "two")
    assert other.state().cached < len(pictures) / 2  # only pictures that stand in the set twice
    for name in (
        "results.csv",
        "counts.csv",
        "failed_files.csv",
        "statistics.csv",
        "embeddings.npy",
        "verdict.json",
    ):
        assert (folder.path / name).read_bytes() == (other.path / name).read_bytes(), name

    again = analysed(images, tmp_path / "one")
    assert again.manifest()["counts"]["model_calls"] == again.manifest()["counts"]["decoded"] == 0
