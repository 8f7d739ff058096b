"""A use case's own files after people said something: adopted words are in them, they are made again, and old ones are called old."""

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.blobs import make_use_case, picture
from tidelab.catalogue import UseCase
from tidelab.runs import RunError, RunFolder, get_executor, prepare
from tidelab.runs.meaning import use_case_of
from tidelab.runs.originals import originals
from tidelab.runs.own_products import outdated, product_problems
from tidelab.runs.remake import remake_products
from tidelab.runs.validation import Validation

Start = Callable[..., RunFolder]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    made: dict[str, UseCase] = {}

    def run(images: object = "sample", change: Callable[[str], str] = str, **task: object) -> RunFolder:
        if "case" not in made:
            made["case"] = make_use_case(tmp_path / "usecases", **task)
            hooks = made["case"].source_folder / "blob_case" / "hooks.py"
            hooks.write_text(change(hooks.read_text()))
        folder = prepare(made["case"], images=images, person="ada")  # type: ignore[arg-type]
        get_executor("inline").submit(folder)
        return folder

    return run


NAMES = """
def names(run):
    if (run.use_case.folder / "stop").exists():
        raise ValueError("no tide today")
    persons = sorted(set(run.run.determinations()["validated_by"]) - {""})
    files = [ProductFile(run.write("names.txt", ",".join(persons)), "Names", "text/plain")]
    if not persons:
        files.append(ProductFile(run.write("nobody.txt", "nobody"), "Nobody", "text/plain"))
    return files

def places(run):
    return [ProductFile(run.write("places.txt", f"{run.cache}|{run.scratch.name}|{(run.cache / 'known.txt').read_text()}"), "Places", "text/plain")]
"""
MAKERS = ["blob_case.hooks:names", "blob_case.hooks:places"]


def _with_names(text: str) -> str:
    return text + NAMES


def _text(folder: RunFolder, name: str) -> str:
    return next(one for one in folder.products() if one.name == name).path.read_text()


def test_products_hold_what_people_said_of_the_same_images_before(start: Start) -> None:
    first = start(change=_with_names, products=MAKERS)
    assert _text(first, "names.txt") == ""
    Validation(first).confirm(first.results()["image_id"].tolist(), "ada")
    second = start()
    assert _text(second, "names.txt") == "ada"
    assert outdated(second) == ""
    assert (first.path / "results.csv").read_bytes() == (second.path / "results.csv").read_bytes()


def test_files_are_made_again_with_what_was_said_since(start: Start) -> None:
    folder = start(change=_with_names, products=MAKERS)
    assert outdated(folder) == ""
    places = _text(folder, "places.txt")
    ids = folder.results()["image_id"].tolist()
    Validation(folder).confirm(ids[:1], "ada")
    assert "the files do not hold it yet" in outdated(folder)
    said: list[str] = []
    made = remake_products(folder, lambda words, done, total: said.append(words))
    assert not made.problems
    assert (_text(folder, "names.txt"), outdated(folder)) == ("ada", "")
    assert _text(folder, "places.txt") == places, "the cache is the one that the reader had"
    assert not (folder.path / "work").exists(), "a scratch folder that the run did not keep goes again"
    assert not (folder.path / "products" / "nobody.txt").exists(), (
        "what is not made any more does not stay behind"
    )
    readme = (folder.path / "README.txt").read_text()
    assert "products/names.txt" in readme
    assert "nobody.txt" not in readme
    crate = (folder.path / "ro-crate-metadata.json").read_text()
    assert "products/names.txt" in crate
    assert "nobody.txt" not in crate
    assert "nobody.txt" not in json.dumps(folder.manifest())
    Validation(folder).undo("ada")
    assert outdated(folder), "what is taken back is news too"
    assert all(one.is_intact() for one in folder.products())
    folder.products()[0].path.write_text("changed")
    assert not folder.products()[0].is_intact()


def test_a_function_that_fails_the_second_time_keeps_its_files_marked_as_older(start: Start) -> None:
    folder = start(change=_with_names, products=MAKERS)
    case = Path(folder.request.use_case_folder)
    Validation(folder).confirm(folder.results()["image_id"].tolist(), "ada")
    (case / "stop").touch()
    assert list(remake_products(folder).problems) == ["blob_case.hooks:names"]
    assert {one.name: one.stale for one in folder.products()} == {
        "names.txt": True, "nobody.txt": True, "places.txt": False,
    }  # fmt: skip
    assert "could not be made again" in outdated(folder)
    assert "no tide today" in product_problems(folder)[0]
    assert "Names (older than what people said last" in (folder.path / "README.txt").read_text()
    (case / "stop").unlink()
    assert not remake_products(folder).problems
    assert {one.name: one.stale for one in folder.products()} == {"names.txt": False, "places.txt": False}
    assert (outdated(folder), product_problems(folder)) == ("", [])


def test_a_run_that_did_not_write_down_what_its_files_rest_on_is_judged_by_times(start: Start) -> None:
    folder = start()
    manifest = folder.manifest()
    del manifest["products_rest_on"]
    (folder.path / "manifest.json").write_text(json.dumps(manifest))
    Validation(folder).confirm(folder.results()["image_id"].tolist(), "ada")
    os.utime(folder.path / "manifest.json", (1, 1))
    assert outdated(folder)
    os.utime(folder.path / "validations.jsonl", (0, 0))
    assert not outdated(folder)


def test_a_use_case_without_functions_is_told_so(start: Start) -> None:
    folder = start(products=[])
    assert outdated(folder) == ""
    with pytest.raises(RunError, match="makes no files of its own"):
        remake_products(folder)


def test_originals_are_read_below_the_run_and_leave_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "in" / "north" / "a.png", [(5, 6, 10, 8, 228)])
    folder = start(tmp_path / "in")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert [one.problem for one in originals(folder)] == [""]
    assert not (folder.path / ".again").exists()


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "Input/output error")]
)
def test_a_disk_that_fails_is_a_sentence_for_each_original(
    start: Start, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    folder = start()

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for name in ("tidelab.runs.reader.tempfile.mkdtemp", "tidelab.runs.originals.collect"):
        with monkeypatch.context() as patch:
            patch.setattr(name, fails)
            found = list(originals(folder))
        assert len(found) == 3
        assert all(words in one.problem and not one.content for one in found)
        assert not (folder.path / ".again").exists() or not list((folder.path / ".again").iterdir())


def test_in_the_app_code_of_a_folder_that_a_run_names_is_not_run(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = start()
    assert use_case_of(folder) is not None
    monkeypatch.setenv("VOILA_BASE_URL", "/")
    assert use_case_of(folder) is None
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    assert use_case_of(folder) is not None
