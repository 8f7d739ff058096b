"""Originals are read again from folders, zips and FlowCam runs, and compared with what was analysed."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.brightness import grey_png
from tidelab.runs import RunFolder
from tidelab.runs import originals as module
from tidelab.runs.originals import originals

Run = Callable[..., RunFolder]


def test_the_same_bytes_in_the_order_of_the_results(run: Run, tmp_path: Path) -> None:
    for number in (10, 9, 1):
        grey_png(tmp_path / "in" / f"a{number}.png", number * 20)
    finished = run(tmp_path / "in")
    found = list(originals(finished))
    assert (
        [one.image for one in found]
        == finished.results()["image"].tolist()
        == ["a1.png", "a9.png", "a10.png"]
    )
    for one in found:
        assert one.content == (tmp_path / "in" / one.image).read_bytes()
        assert (one.image_id, one.picture, one.problem) == (
            f"sha256:{hashlib.sha256(one.content).hexdigest()}",
            "PNG",
            "",
        )


def test_from_a_zip_and_of_the_sample(run: Run, tmp_path: Path) -> None:
    picture = grey_png(tmp_path / "a.png", 50)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(picture, "deep/a.png")
    (one,) = originals(run(tmp_path / "in.zip"))
    assert (one.image, one.content) == ("deep/a.png", picture.read_bytes())
    assert [one.problem for one in originals(run("sample"))] == ["", "", ""]


def test_only_those_that_are_asked_for(run: Run) -> None:
    finished = run("sample")
    wanted = finished.results()["image_id"][1]
    assert [one.image_id for one in originals(finished, {wanted})] == [wanted]


def test_gone_changed_and_too_large(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gone", "changed", "emptied", "kept"):
        grey_png(tmp_path / "in" / f"{name}.png", 100)
    finished = run(tmp_path / "in")
    (tmp_path / "in" / "gone.png").unlink()
    grey_png(tmp_path / "in" / "changed.png", 101)
    (tmp_path / "in" / "emptied.png").write_bytes(b"")
    problems = {one.image: one.problem for one in originals(finished)}
    assert problems == {
        "gone.png": "It is no longer where it was.", "changed.png": "It was changed after the analysis.",
        "emptied.png": "The file is empty (0 bytes).", "kept.png": "",
    }  # fmt: skip
    monkeypatch.setattr(module, "MAX_ORIGINAL_MB", 0)
    assert {one.image: one.problem for one in originals(finished)}["kept.png"] == "It is larger than 0 MB."


def test_an_input_that_is_gone_is_a_problem_of_each_image(run: Run, tmp_path: Path) -> None:
    grey_png(tmp_path / "in" / "a.png", 100)
    finished = run(tmp_path / "in")
    (tmp_path / "in").rename(tmp_path / "moved")
    (one,) = originals(finished)
    assert one.problem.startswith("There is nothing at ")
