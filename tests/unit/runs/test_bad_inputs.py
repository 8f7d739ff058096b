"""The named list of bad inputs: one of each kind in one real run, beside good images that all finish."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.brightness import calls, grey_png
from tests.unit.runs.bad_files import MAKERS
from tidelab.catalogue import UseCase
from tidelab.runs import RunFolder, execute, get_executor, prepare
from tidelab.runs.failures import KINDS
from tidelab.runs.hooks import Hooks
from tidelab.runs.inputs import decode, source
from tidelab.runs.limits import Limits
from tidelab.runs.reference import bad_inputs_page

ROOT = Path(__file__).resolve().parents[3]
SMALL = Limits(megapixels=3, file_mb=32, zip_mb=18, zip_files=30, pages=5)
GOOD = ["good-1.png", "good-2.png", "good-3.png", "good-10.png"]

# The words a person reads, written out once more: a change of the table must be a decision, not an accident.
WORDS = {
    "empty": "The file is empty (0 bytes).",
    "not-a-picture": "This is not a picture: a PDF document.",
    "wrong-name": "The name ends in .png, but the content is not a picture: text.",
    "other-format": "This is a BMP picture, which is not read.",
    "truncated": "The picture ends too early: a part of it is missing.",
    "damaged": "The picture is damaged and cannot be opened",
    "too-many-pixels": "The picture has 3600 million pixels.",
    "too-large": "The file is larger than 32 MB.",
    "animated": "This is a moving picture with 3 frames.",
    "too-many-pages": "The TIFF holds more than 5 pages.",
    "pixel-values": "Its pixel values cannot be turned into grey or colour: some values are not numbers (NaN or infinite).",
    "out-of-memory": "There was not enough memory to open the picture.",
    "measure-failed": "It was analysed, but one of the use case's measures failed on it (edge: nineteen columns); its numbers stand empty.",
    "model-refused": "The model could not use this picture (thirteen columns).",
    "permission": "You do not have the right to read it.",
    "vanished": "It was there when the run started and is gone now.",
    "changed": "It was changed while the run was reading it.",
    "unreadable": "The disk did not give the file (Input/output error).",
    "not-a-file": "This is not a file but a pipe.",
    "link-outside": "This is a link to something outside the chosen folder; it was not followed.",
    "link-folder": "This is a link to a folder; it was not followed.",
    "link-broken": "This is a link to a file that does not exist.",
    "name-too-long": "Its name has 10013 characters.",
    "samples-table": "Line 2, column time: 'yesterday at noon' is not understood; a time with its zone",
    "samples-conflict": "Sample differs: volume_imaged_ml is 0.7 in samples.csv and 0.5 in the input, which is used.",
    "ecotaxa-table": "Sample net 1: line 3: object_lat is 'north', a number was expected.",
    "flowcam-list": "It has no column collage_file, so the particles cannot be found in the collages",
    "flowcam-summary": "Line 5: fluid volume imaged is '0.0000 ml', a number above 0 was expected: it stays unknown.",
    "collage-without-list": "The folder holds 1 FlowCam collages and no list (.lst) that says where the particles lie in them.",
    "collage-missing": "It lies in the collage no-collage_000001.tif, which is not there.",
    "collage-unusable": "It lies in the collage cut-collage_000001.tif, which cannot be used: The picture",
    "particle-outside": "Its rectangle (8 x 9 px at 5, 0) leaves the collage outside_000001.tif (8 x 9 px).",
    "zip-damaged": "The zip file is damaged and cannot be opened (File is not a zip file).",
    "zip-encrypted": "It is protected by a password inside the zip.",
    "zip-nested": "It is a zip file inside another zip file; only the outer one is opened.",
    "zip-bomb": "It unpacks to more than 200 times its size; such files can fill the disk.",
    "zip-too-large": "Everything before it in the zip file already unpacks to 18 MB.",
    "zip-too-many": "The zip file lists more than 30 files.",
    "zip-unsafe-path": "Its path inside the zip points outside of it (absolute, or with ..).",
    "zip-link": "It is a link or a device inside the zip, not a file.",
    "zip-duplicate": "The zip file holds another file of the same name; the first one was used.",
    "zip-compression": "It is compressed in a way that is not read",
}


def test_every_kind_has_a_maker_words_and_a_line_in_the_reference() -> None:
    assert set(MAKERS) == set(KINDS) == set(WORDS)
    page = ROOT / "docs" / "reference" / "bad-inputs.md"
    assert page.read_text(encoding="utf-8") == bad_inputs_page(), (
        "run `python -m tidelab.runs bad-inputs > docs/reference/bad-inputs.md`"
    )


@pytest.fixture
def misfortunes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made of a file alone: a full memory, a lost right, a failing disk, a file that goes or grows."""
    real_open, real_rgb, real_read, real_collect = (
        os.open,
        decode.image_to_rgb,
        source.read_picture,
        execute._collect,
    )

    def opened(path: Any, *more: Any, **named: Any) -> int:
        if str(path).endswith("private.png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        if str(path).endswith("bad-sector.png"):
            raise OSError(errno.EIO, "Input/output error")
        return real_open(path, *more, **named)

    def rgb(image: Image.Image) -> Any:
        if image.size == (17, 17):
            raise MemoryError
        return real_rgb(image)

    def read(stream: Any, name: str, *more: Any, **named: Any) -> Any:
        payload = real_read(stream, name, *more, **named)
        if name == "growing.png":
            with Path(f"/proc/self/fd/{stream.fileno()}").readlink().open("ab") as file:
                file.write(b"more")
        return payload

    def collected(*arguments: Any) -> Any:
        found = real_collect(*arguments)
        next(one.path for one in found.sources if one.name == "gone.png").unlink()
        return found

    def edge(pixels: Any) -> dict[str, float]:
        if pixels.shape[1] == 19:
            raise ValueError("nineteen columns")
        return {"edge": 1.0}

    edge.VERSION = "1"  # type: ignore[attr-defined]
    monkeypatch.setattr(execute, "load_hooks", lambda _: Hooks(None, {"edge": edge}, {}))  # type: ignore[dict-item]
    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(decode, "image_to_rgb", rgb)
    monkeypatch.setattr(source, "read_picture", read)
    monkeypatch.setattr(execute, "_collect", collected)


@pytest.fixture
def zoo(
    use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misfortunes: None
) -> tuple[RunFolder, dict[str, str]]:
    """A run over one file of each kind and four good images."""
    monkeypatch.setattr(Limits, "of", classmethod(lambda cls, case: SMALL))
    folder = tmp_path / "zoo"
    for number, name in enumerate(GOOD):
        grey_png(folder / name, 200 + number)
    names = {kind: make(folder) for kind, make in MAKERS.items()}
    run = prepare(use_case, images=folder, person="ada")
    get_executor("inline").submit(run)
    return run, names


def test_each_bad_file_is_a_row_in_words_and_no_good_image_is_lost(
    zoo: tuple[RunFolder, dict[str, str]], use_case: UseCase
) -> None:
    run, names = zoo
    state = run.state()
    assert state.status == "done", f"{state.message}\n{run.log()}"
    failed = run.failed_files().set_index("image")
    for kind, name in names.items():
        assert name in failed.index, f"{kind}: no row for {name}"
        rows = failed.loc[[name]]
        said = rows[rows["reason"].str.startswith(WORDS[kind])]
        assert len(said) == 1, f"{kind}: {list(rows['reason'])}"
        row = said.iloc[0]
        for cell in row:
            assert cell, kind
            for word in ("{", "Traceback", "Error"):
                assert word not in cell, f"{kind}: {cell}"
    images = list(run.results()["image"])
    assert [name for name in images if name.startswith("good")] == GOOD
    # What is good inside a bad zip counts too.
    assert {"twice.zip/same.png", "much.zip/a.png", "much.zip/b.png"} <= set(images)
    assert {"bundle/good-0.png", "differs/1", "empty-volume/1"} <= set(images)
    assert state.done == len(images) == 11
    assert state.done + state.failed == state.total == 11 + len(failed)
    assert run.manifest()["counts"]["failed_files"] == len(failed)
    assert len(calls(use_case)) >= 10


def test_the_run_left_nothing_outside_its_folder(
    zoo: tuple[RunFolder, dict[str, str]], tmp_path: Path
) -> None:
    run, _ = zoo
    assert not list(tmp_path.rglob("evil.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "runs", "usecases", "zoo"]
    assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]


def test_a_run_without_a_usable_file_fails_in_a_sentence_and_keeps_the_rows(
    use_case: UseCase, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    MAKERS["empty"](folder)
    MAKERS["wrong-name"](folder)
    run = prepare(use_case, images=folder, person="ada")
    get_executor("inline").submit(run)
    state = run.state()
    assert state.status == "failed"
    assert state.message == (
        "None of the 2 files could be used. The first: empty.png: The file is empty (0 bytes). "
        "Copy it again from the instrument; if it is still empty, delete it."
    )
    assert list(run.failed_files()["image"]) == ["empty.png", "notes.png"]
