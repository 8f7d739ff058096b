"""The results package, and the methods paragraph in it, after persons looked at images."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from tidelab.exports import EXPORTS
from tidelab.exports.package import EXPORT
from tidelab.runs import RunFolder
from tidelab.runs.methods import PACKAGE_FILES
from tidelab.runs.validation import Validation


def files(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {Path(name).name: archive.read(name).decode() for name in archive.namelist()}


def test_it_holds_what_its_readme_lists_and_nothing_else(run: RunFolder, tmp_path: Path):
    found = files(EXPORT.write(run, tmp_path / "a.zip").path)
    listed = {
        line.split()[0]
        for line in found["README.txt"].splitlines()
        if line.split() and line.split()[0] in PACKAGE_FILES
    }
    assert set(found) == listed | {"README.txt"}
    assert {
        "results.csv",
        "determinations.csv",
        "samples.csv",
        "estimates.json",
        "methods.md",
        "CITATION.txt",
    } <= listed
    assert json.loads(found["estimates.json"])["classes"]


def test_exports_are_named_with_what_stands_against_them(run: RunFolder, tmp_path: Path):
    text = files(EXPORT.write(run, tmp_path / "a.zip").path)["exports.txt"]
    for name in set(EXPORTS) - {"package"}:
        assert f"({name})" in text
    assert f"tidelab export {run.run_id} coco" in text


def test_methods_say_that_nobody_looked_until_somebody_did(run: RunFolder):
    before = files(run.package())["methods.md"]
    assert "no person has validated them" in before
    ids = run.results()["image_id"].tolist()
    Validation(run).confirm(ids[:2], "grace")
    Validation(run).move([ids[2]], "cyst", "ada")
    Validation(run).unknown([ids[3]], "ada")
    after = files(run.package())["methods.md"]
    assert "no person has validated them" not in after.replace("which no person has validated", "")
    assert "4 of 6 images were looked at by 2 persons" in after
    assert "3 were validated, 1 of them with another name than the model's, and 1 could not be named" in after
    assert "The other 2 carry the model's name" in after


def test_methods_tell_of_effort_and_correction(run: RunFolder):
    methods = files(run.package())["methods.md"]
    # 5 mL imaged at dilution 2, twice; the third sample has no volume.
    assert "is known for 2 of them (5 mL)" in methods
    assert "Corrected counts are withheld" in methods
    assert "sha256:" in methods


def test_the_names_in_force_are_in_the_package(run: RunFolder):
    first = run.results()["image_id"].iloc[0]
    Validation(run).move([first], "cyst", "grace")
    rows = list(csv.DictReader(io.StringIO(files(run.package())["determinations.csv"])))
    assert (rows[0]["predicted_label"], rows[0]["label"], rows[0]["validated_by"]) == (
        "middle",
        "cyst",
        "grace",
    )
    assert len(rows) == 6


def test_a_package_is_made_again_after_a_word_and_only_then(run: RunFolder):
    made = run.package().stat().st_mtime_ns
    assert run.package().stat().st_mtime_ns == made
    Validation(run).confirm([run.results()["image_id"].iloc[0]], "grace")
    assert run.package().stat().st_mtime_ns > made


@pytest.mark.parametrize("gone", ["manifest.json", "verdict.json", "results.csv", "samples.csv"])
def test_a_damaged_run_still_gives_what_there_is(run: RunFolder, tmp_path: Path, gone: str):
    (run.path / gone).write_text("\0")
    found = files(EXPORT.write(run, tmp_path / "a.zip").path)
    assert "failed_files.csv" in found


def test_links_in_a_run_folder_do_not_go_into_the_package(run: RunFolder, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (run.path / "statistics.csv").unlink()
    (run.path / "statistics.csv").symlink_to(secret)
    assert "statistics.csv" not in files(EXPORT.write(run, tmp_path / "a.zip").path)


def test_texts_survive_a_use_case_and_a_model_that_are_gone(make_run, use_case, tmp_path):
    import shutil

    run = make_run()
    shutil.rmtree(use_case.folder)
    found = files(EXPORT.write(run, tmp_path / "a.zip").path)
    assert "How bright?" in found["CITATION.txt"]
    assert "# Methods" in found["methods.md"]
