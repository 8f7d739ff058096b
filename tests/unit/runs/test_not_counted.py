"""Particles that are lost: the volume is that of all, so what is per mL is too low, and every place that gives it says so."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.support.brightness import grey_png
from tidelab.catalogue import UseCase, load_usecase
from tidelab.reports import views
from tidelab.runs import RunFolder, get_executor, prepare
from tidelab.runs.failures import KINDS
from tidelab.runs.not_counted import PICTURES_LOST, lost_particles, lost_words
from tidelab.runs.sizes import class_sizes
from tidelab.runs.sizes_table import classes_csv
from tidelab.runs.texts import current_methods
from tidelab.training.synthetic_flowcam import write_run

TOO_LOW = "2 of 5 particles could not be used and are not counted, so what is per mL is too low (1.67 times, if they are like the others)"


@pytest.fixture
def asks(use_case: UseCase) -> UseCase:
    """The brightness use case, asking for effort."""
    path = use_case.folder / "usecase.yaml"
    declared = yaml.safe_load(path.read_text())
    declared["samples"] = {"fields": ["volume_imaged_ml", "dilution_factor", "um_per_px"], "effort": "volume"}
    declared["notebooks"]["analyse"]["parameters"]["volume_imaged_ml"] = {
        "type": "number", "default": None, "minimum": 0, "title": "Volume", "help": "Of the sample.",
    }  # fmt: skip
    path.write_text(yaml.safe_dump(declared))
    return load_usecase(use_case.folder)


def analyse(use_case: UseCase, images: Path, **parameters: object) -> RunFolder:
    run = prepare(use_case, images=images, person="ada", parameters=parameters)
    get_executor("inline").submit(run)
    assert run.state().status == "done", f"{run.state().message}\n{run.log()}"
    return run


def blobs(number: int) -> list[np.ndarray]:
    """Crops that differ from one another."""
    crops = [np.full((24, 24, 3), 160, np.uint8) for _ in range(number)]
    for k, crop in enumerate(crops):
        crop[6:18, 6 : 14 + k % 5] = 20 + k
    return crops


def flowcam(folder: Path, name: str, number: int) -> Path:
    return write_run(folder, name, blobs(number), volume_imaged_ml=0.5, um_per_px=2.0)


def test_every_kind_that_loses_a_picture_is_one_of_the_table() -> None:
    assert set(KINDS) >= PICTURES_LOST
    assert not {"not-a-picture", "samples-table", "samples-conflict", "zip-duplicate"} & PICTURES_LOST


def test_one_and_many_are_told_in_words() -> None:
    assert lost_words(1, 3).startswith("1 of 4 particles could not be used and is not counted")
    assert lost_words(4, 0).endswith("is too low")


def test_lost_particles_are_said_beside_every_concentration(asks: UseCase, tmp_path: Path) -> None:
    flowcam(tmp_path / "in", "run-1", 5)
    listing = tmp_path / "in" / "run-1" / "run-1.lst"
    rows = listing.read_text().splitlines()
    rows[-1] = rows[-1].replace("run-1_000001.tif", "gone.tif")  # its collage is missing
    rows[-2] = "broken"  # its line cannot be read
    listing.write_text("\n".join(rows))
    (tmp_path / "in" / "samples.csv").write_text("sample_id,dilution_factor\nrun-1,1\nrun-i,1\n")
    run = analyse(asks, tmp_path / "in", volume_imaged_ml=7.0)

    assert len(run.results()) == 3
    assert lost_particles(run) == {"run-1": 2}
    assert all(TOO_LOW in one.missing for one in class_sizes(run))
    assert f"run-1: {TOO_LOW}." in views.samples(run).text
    assert f"run-1: {TOO_LOW}." in views.sizes(run).text
    assert f"Sample run-1: {TOO_LOW}." in run.estimates().notes
    assert f"Sample run-1: {TOO_LOW}." in current_methods(run)
    # The table to take away says what the page says, and carries the reason in each row.
    table = list(csv.DictReader(io.StringIO(classes_csv(run))))
    one = class_sizes(run)[0]
    assert one.per_ml is not None
    assert (table[0]["label"], table[0]["images"], table[0]["water_ml"]) == (
        one.label,
        str(one.images),
        "0.5",
    )
    assert float(table[0]["images_per_ml"]) == pytest.approx(one.images / 0.5)
    assert float(table[0]["images_per_ml_high95_counting"]) == pytest.approx(one.per_ml.high, rel=1e-5)
    assert all(TOO_LOW in row["remarks"] for row in table)
    with zipfile.ZipFile(run.package()) as package:
        name = next(name for name in package.namelist() if name.endswith("/classes.csv"))
        assert package.read(name).decode() == classes_csv(run)
    # The instrument counted all five, the form said 7 mL, and the table names a sample that is not there.
    words = views.samples(run).text
    assert "run-1: the summary counts 5 particles, the list gives 4" in words
    assert (
        "Volume imaged was given as 7 and is not used where the files say something else (run-1: 0.5)."
        in words
    )
    assert "samples.csv names 1 sample that no image belongs to (run-i)" in words


def test_without_a_loss_nothing_is_said(asks: UseCase, tmp_path: Path) -> None:
    flowcam(tmp_path / "in", "run-1", 3)
    run = analyse(asks, tmp_path / "in", volume_imaged_ml=0.5)
    assert lost_particles(run) == {}
    assert not any(
        words in views.samples(run).text for words in ("could not be used", "is not used", "no image belongs")
    )


def test_water_in_which_nothing_was_found_counts_and_that_of_a_lost_sample_does_not(
    asks: UseCase, tmp_path: Path
) -> None:
    flowcam(tmp_path / "in", "run-1", 4)
    for name in ("empty", "lost"):
        flowcam(tmp_path / "in", name, 1)
        listing = tmp_path / "in" / name / f"{name}.lst"
        listing.write_text("\n".join(listing.read_text().splitlines()[:-1]) + "\n")
    summary = tmp_path / "in" / "empty" / "empty_run_summary.txt"
    summary.write_text(summary.read_text().replace("Particle Count: 1", "Particle Count: 0"))
    (tmp_path / "in" / "samples.csv").write_text("sample_id,dilution_factor\nrun-1,2\nempty,2\nlost,2\n")
    run = analyse(asks, tmp_path / "in")

    assert lost_particles(run) == {"lost": 1}
    whole = [one for one in run.estimates().classes if not one.sample_id and one.concentration_per_ml]
    assert sum(one.concentration_per_ml.value for one in whole if one.concentration_per_ml) == pytest.approx(
        4 / (2 * 0.5 / 2)
    )
    assert "The images are of 2 samples. 0.5 mL of sea water were looked at" in current_methods(run)


def test_an_ecotaxa_table_that_lists_more_than_is_there_is_told(asks: UseCase, tmp_path: Path) -> None:
    for name in ("a", "b"):
        grey_png(tmp_path / "in" / f"{name}.png", 30 + ord(name))
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    lines = ["img_file_name\tobject_id\tsample_id\tacq_fluid_volume_imaged", "[t]\t[t]\t[t]\t[f]"]
    lines += [f"{name}.png\to{name}\tS1\t0.5" for name in ("a", "b", "broken", "gone1", "gone2")]
    lines += ["a2.png\toa\tS1\t0.5", "never.png\tox\tS2\t0.5"]
    grey_png(tmp_path / "in" / "a2.png", 60)
    (tmp_path / "in" / "ecotaxa_x.tsv").write_text("\n".join(lines) + "\n")
    run = analyse(asks, tmp_path / "in")
    assert lost_particles(run) == {"S1": 3}  # two are not there, one cannot be opened
    assert set(run.samples()["sample_id"]) == {"S1"}
    words = views.samples(run).text
    assert "S1: the EcoTaxa table lists 2 images that are not there." in words
    assert "S1: 1 object has several images in the EcoTaxa table; each image is counted" in words
