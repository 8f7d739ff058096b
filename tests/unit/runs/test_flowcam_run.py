"""A FlowCam run folder, from the instrument's files to cells per mL: nothing of it is a picture that was not a particle."""

import hashlib
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.brightness import calls, grey_png
from tidelab.catalogue import UseCase, load_usecase
from tidelab.reports import views
from tidelab.runs import RunError, RunFolder, get_executor, prepare
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.collect import Collection, collect
from tidelab.runs.inputs.decode import decode
from tidelab.runs.limits import Limits
from tidelab.runs.originals import originals
from tidelab.runs.sizes import class_sizes
from tidelab.training.synthetic_flowcam import write_run

LIMITS = Limits()
GIVEN = ("volume_imaged_ml", "dilution_factor", "um_per_px")


@pytest.fixture
def asks(use_case: UseCase) -> UseCase:
    """The brightness use case, asking for effort and pixel size."""
    path = use_case.folder / "usecase.yaml"
    declared = yaml.safe_load(path.read_text())
    declared["samples"] = {"fields": ["time", "station", *GIVEN], "effort": "volume"}
    declared["notebooks"]["analyse"]["parameters"] |= {
        name: {"type": "number", "default": None, "minimum": 0, "title": name, "help": "Of the sample."}
        for name in GIVEN
    }
    path.write_text(yaml.safe_dump(declared))
    return load_usecase(use_case.folder)


def analyse(use_case: UseCase, images: Path | list[Path], **parameters: object) -> RunFolder:
    run = prepare(use_case, images=images, person="ada", parameters=parameters)  # type: ignore[arg-type]
    get_executor("inline").submit(run)
    assert run.state().status == "done", f"{run.state().message}\n{run.log()}"
    return run


def disc(diameter: float, value: int, side: int = 40) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    picture = np.full((side, side, 3), 230, np.uint8)
    picture[np.hypot(x, y) < diameter / 2] = value
    return picture


def particles(n: int) -> list[np.ndarray]:
    """Crops of different sizes and different pixels."""
    return [
        np.random.default_rng(k).integers(0, 255, (9 + k % 5, 7 + k % 3, 3)).astype(np.uint8)
        for k in range(n)
    ]


def crops(found: Collection) -> dict[str, np.ndarray]:
    pixels = {}
    for source in found.sources:
        payload = source.read(LIMITS)
        pixels[source.name] = decode(payload, 0, LIMITS)
        payload.close()
    return pixels


def test_particles_are_cut_out_pixel_by_pixel_and_the_instruments_own_pictures_are_none(
    tmp_path: Path,
) -> None:
    truth = particles(60)
    write_run(tmp_path / "in", "run-1", truth, side_px=64)
    assert len(list((tmp_path / "in" / "run-1").glob("run-1_*_bin.tif"))) > 2, "several collages"
    grey_png(tmp_path / "in" / "crops" / "a.png", 3)
    found = collect([tmp_path / "in"], LIMITS)
    assert [source.name for source in found.sources] == ["crops/a.png", *(f"run-1/{n}" for n in range(1, 61))]
    assert not found.failures
    cut = crops(found)
    for number, pixels in enumerate(truth, start=1):
        np.testing.assert_array_equal(cut[f"run-1/{number}"], pixels)


def test_the_same_run_in_a_zip_gives_the_same_images(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "in", "run-1", particles(5))
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"deep/run-1/{file.name}")
    on_disk, zipped = collect([folder], LIMITS), collect([tmp_path / "run.zip"], LIMITS)
    digests = [{one.name: one.read(LIMITS).digest for one in found.sources} for found in (on_disk, zipped)]
    assert digests[0] == digests[1]
    assert [one.sample_id for one in zipped.facts] == ["run-1"]
    zipped.close()


def test_the_files_of_a_run_that_were_uploaded_one_by_one_are_a_run(tmp_path: Path) -> None:
    truth = particles(3)
    folder = write_run(tmp_path, "run-1", truth)
    (folder / "samples.csv").write_text("sample_id,dilution_factor\nrun-1,2\n")
    found = collect(sorted(folder.iterdir()), LIMITS)
    assert [source.name for source in found.sources] == ["run-1/1", "run-1/2", "run-1/3"]
    assert found.samples_table is not None
    np.testing.assert_array_equal(crops(found)["run-1/2"], truth[1])


def test_the_digest_of_a_particle_is_that_of_collage_and_rectangle(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "in", "run-1", particles(2))
    first, second = (source.read(LIMITS).digest for source in collect([folder], LIMITS).sources)
    collage = hashlib.sha256((folder / "run-1_000001.tif").read_bytes()).hexdigest()
    expected = hashlib.sha256(f"tidelab.flowcam-particle:1\n{collage}\n0,0,7,9".encode()).hexdigest()
    assert first == expected != second
    # Another name changes nothing, another pixel of the collage everything.
    (folder / "run-1_000001.tif").rename(folder / "other.tif")
    listing = folder / "run-1.lst"
    listing.write_text(listing.read_text().replace("run-1_000001.tif", "other.tif"))
    assert collect([folder], LIMITS).sources[-1].read(LIMITS).digest in (first, second)
    Image.new("RGB", (60, 60), "white").save(folder / "other.tif")
    assert (
        next(one for one in collect([folder], LIMITS).sources if one.name == "run-1/1").read(LIMITS).digest
        != first
    )


def test_two_runs_of_one_name_are_two_samples(tmp_path: Path) -> None:
    for cruise in ("a", "b"):
        write_run(tmp_path / "in" / cruise, "run-1", particles(1))
    found = collect([tmp_path / "in"], LIMITS)
    assert sorted(one.sample_id for one in found.facts) == ["a-run-1", "b-run-1"]
    assert len({source.name for source in found.sources}) == 2


def test_a_list_of_another_program_beside_crops_stays_a_side_file(tmp_path: Path) -> None:
    grey_png(tmp_path / "a.png", 1)
    (tmp_path / "files.lst").write_text("a.png\nb.png\n")
    found = collect([tmp_path], LIMITS)
    assert [source.name for source in found.sources] == ["a.png"]
    assert [side.name for side in found.side_files] == ["files.lst"]


def test_cells_per_ml_diameter_and_biovolume_of_a_run(asks: UseCase, tmp_path: Path) -> None:
    pictures = [disc(20, 10), disc(20, 12), disc(10, 14)]
    folder = write_run(tmp_path / "in", "run-1", pictures, volume_imaged_ml=0.25, um_per_px=2.0)
    run = analyse(
        asks, folder, dilution_factor=0.5
    )  # concentrated to half: 0.25 mL imaged are 0.5 mL of the sea
    record = run.sample_records()["run-1"]
    assert (record.volume_imaged_ml, record.dilution_factor, record.um_per_px, record.water_ml) == (
        0.25,
        0.5,
        2.0,
        0.5,
    )
    table = run.samples()
    assert (
        table.loc[0, "origins"]
        == "instrument=input;volume_imaged_ml=input;dilution_factor=given;um_per_px=input"
    )
    assert (table.loc[0, "sample_id"], table.loc[0, "images"]) == ("run-1", 3)
    (row,) = class_sizes(run)
    assert row.per_ml is not None
    assert row.esd_um is not None
    assert row.sphere_um3_per_ml is not None
    assert (row.images, row.per_ml.value) == (3, 6.0)
    assert (round(row.per_ml.low, 3), round(row.per_ml.high, 3)) == (
        1.237,
        17.535,
    )  # Garwood's 0.6187 and 8.7673 over 0.5 mL
    # The outline of a drawn disc is found to about a pixel.
    assert row.esd_um.median == pytest.approx(40, abs=2.5)
    true_volume = np.pi / 6 * (2 * 40**3 + 20**3) / 0.5
    assert row.sphere_um3_per_ml == pytest.approx(true_volume, rel=0.2)
    assert row.spheroid_um3_per_ml == pytest.approx(row.sphere_um3_per_ml, rel=0.02)
    assert not row.missing
    assert "17.5" in views.sizes(run).text
    manifest = run.manifest()["samples"]
    assert [file["file"] for file in manifest["files"]] == ["run-1.lst", "run-1_run_summary.txt"]
    assert manifest["given"] == {"dilution_factor": "0.5"}
    assert any("without a time zone" in words for words in manifest["not_said"])
    assert (
        "The instrument's clock says 2024-05-03 10:23:07 for the run run-1, without a time zone"
        in views.samples(run).text
    )


def test_the_true_concentration_lies_in_the_interval_of_every_class(asks: UseCase, tmp_path: Path) -> None:
    truth, grey, volume, dilution = (
        {"dark": 40.0, "middle": 12.0, "bright": 0.5},
        {"dark": 30, "middle": 130, "bright": 240},
        1.5,
        2.0,
    )
    rng = np.random.default_rng(20240501)
    pictures = [
        np.full((8, 8 + k % 7, 3), grey[label] + k % 3, np.uint8)
        for label, per_ml in truth.items()
        # Diluted to double: a mL that is imaged holds half a mL of the sea.
        for k in range(int(rng.poisson(per_ml * volume / dilution)))
    ]
    run = analyse(
        asks, write_run(tmp_path, "run-1", pictures, volume_imaged_ml=volume), dilution_factor=dilution
    )
    found = {row.label: row.per_ml for row in class_sizes(run)}
    assert set(found) >= {"dark", "middle"}
    for label, per_ml in found.items():
        assert per_ml is not None
        assert per_ml.low <= truth[label] <= per_ml.high, label
        assert per_ml.value == pytest.approx(sum(run.results()["label"] == label) / 0.75)


def test_without_volume_there_are_counts_and_the_reason(asks: UseCase, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "in", "run-1", [disc(20, 10)], volume_imaged_ml=None)
    run = analyse(asks, folder)
    (row,) = class_sizes(run)
    assert row.per_ml is None
    assert row.sphere_um3_per_ml is None
    assert row.missing == ("not computed: volume of sea water unknown",)
    words = views.samples(run).text
    assert "Volume imaged is not known for the sample: counts only, no concentration." in words
    assert "how much sea water the volume imaged stands for is not known" in words
    assert "not computed" in views.sizes(run).text
    # A volume alone is not enough: a missing dilution factor is not 1.
    half = analyse(asks, folder, volume_imaged_ml=0.5)
    assert half.sample_records()["run-1"].water_ml is None
    assert class_sizes(half)[0].per_ml is None


def test_plain_crops_without_pixel_size_have_no_diameter(asks: UseCase, tmp_path: Path) -> None:
    Image.fromarray(disc(20, 10)).save(tmp_path / "a.png")
    run = analyse(asks, [tmp_path / "a.png"], volume_imaged_ml=2, dilution_factor=1)
    assert run.samples().loc[0, "sample_id"] == ""
    (row,) = class_sizes(run)
    assert row.per_ml is not None
    assert row.per_ml.value == 0.5
    assert row.esd_um is None
    assert row.missing == ("not computed: pixel size unknown",)


def test_a_use_case_that_does_not_ask_for_sizes_measures_none(use_case: UseCase, tmp_path: Path) -> None:
    run = analyse(use_case, write_run(tmp_path, "run-1", [disc(20, 10)]))
    assert "area_px" not in run.statistics().columns
    assert "not computed: the particles of this run were not measured" in class_sizes(run)[0].missing


def test_kept_results_are_used_again_and_measured_ones_are_others(asks: UseCase, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "in", "run-1", particles(20))
    first = analyse(asks, folder, dilution_factor=1)
    again = analyse(asks, folder, dilution_factor=1)
    assert (
        again.manifest()["counts"] | {"from_cache": 20, "predicted": 0, "decoded": 0}
        == again.manifest()["counts"]
    )
    for name in ("results.csv", "samples.csv", "statistics.csv"):
        assert (first.path / name).read_bytes() == (again.path / name).read_bytes()
    assert len(calls(asks)) == 20
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    assert analyse(asks, moved, dilution_factor=1).manifest()["counts"]["from_cache"] == 20


def test_originals_of_particles_come_back_as_pictures(asks: UseCase, tmp_path: Path) -> None:
    truth = particles(3)
    folder = write_run(tmp_path / "in", "run-1", truth)
    run = analyse(asks, folder)
    found = list(originals(run))
    assert [(one.image, one.picture, one.problem) for one in found] == [
        (f"run-1/{n}", "PNG", "") for n in (1, 2, 3)
    ]
    (tmp_path / "one.png").write_bytes(found[1].content)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "one.png")), truth[1])
    (folder / "run-1_000001.tif").write_bytes(b"II*\0 nothing")
    assert all(one.problem for one in originals(run))


def test_a_collage_that_does_not_decode_costs_its_own_particles(asks: UseCase, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "in", "run-1", particles(60), side_px=64)
    good = Image.open(folder / "run-1_000001.tif")
    good.save(folder / "run-1_000001.tif", compression="tiff_lzw")
    content = (folder / "run-1_000001.tif").read_bytes()
    strips = Image.open(folder / "run-1_000001.tif").tag_v2[273][0]
    (folder / "run-1_000001.tif").write_bytes(content[:strips] + b"\xff" * 40 + content[strips + 40 :])
    run = analyse(asks, folder)
    failed = run.failed_files()
    assert len(failed)
    assert (
        failed["reason"].str.startswith("It lies in the collage run-1_000001.tif, which cannot be used").all()
    )
    assert len(failed) + len(run.results()) == 60


@pytest.mark.parametrize(("values", "words"), [
    ({"volume_imaged_ml": 0}, "column volume_imaged_ml: '0.0' is not possible; Input should be greater than 0"),
    ({"um_per_px": 1e9}, "column um_per_px: '1000000000.0' is not possible"),
])  # fmt: skip
def test_a_given_value_that_cannot_be_is_refused_before_the_run(
    asks: UseCase, tmp_path: Path, values: dict[str, float], words: str
) -> None:
    with pytest.raises(RunError, match="leave the field empty") as caught:
        prepare(asks, images=grey_png(tmp_path / "a.png", 1), person="ada", parameters=values)
    assert words in str(caught.value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["run-1.lst", "run-1_run_summary.txt", "run-1_000001.tif"]), st.integers(0, 500),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=5),
)  # fmt: skip
def test_a_damaged_file_of_a_run_costs_rows_and_never_an_exception(
    tmp_path: Path, name: str, cut: int, places: list[tuple[int, int]]
) -> None:
    folder = tmp_path / "run-1"
    if not folder.exists():
        write_run(tmp_path, "run-1", particles(4))
    original = (folder / name).read_bytes()
    content = bytearray(original[: len(original) - cut] if cut % 3 == 0 else original)
    for place, value in places:
        if content:
            content[place % len(content)] = value
    (folder / name).write_bytes(content)
    try:
        _use_all(folder)
    finally:
        (folder / name).write_bytes(original)


def _use_all(folder: Path) -> None:
    """Read everything that a folder gives; anything but the failures that a person is told of would be raised here."""
    try:
        found = collect([folder], LIMITS)
    except RunError:
        return  # nothing is left of it, and that is said
    names = [source.name for source in found.sources]
    assert not [one for one in names if one.endswith(".tif")], "a collage is never an image"
    assert len(set(names)) == len(names)
    for source in found.sources:
        with suppress(InputError):
            payload = source.read(LIMITS)
            assert decode(payload, 0, LIMITS).ndim == 3
            payload.close()
