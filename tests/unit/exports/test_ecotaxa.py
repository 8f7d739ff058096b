"""Zips for EcoTaxa: known lines, what is left out and said, equal bytes, and the rules of EcoTaxa itself."""

import csv
import datetime
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.brightness import grey_png
from tests.support.ecotaxa_bundle import bundle, line, table
from tests.support.meaning import GREY
from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.exports import EXPORTS, ExportError
from tidelab.exports.ecotaxa import EXPORT
from tidelab.exports.ecotaxa_rows import category, object_id, sizes
from tidelab.formats.ecotaxa import Row, read_bundle, rules, validate
from tidelab.formats.ecotaxa.read import MAX_TABLES
from tidelab.runs import RunFolder, get_executor, prepare
from tidelab.runs.meaning import LabelMeaning
from tidelab.runs.validation import Validation
from tidelab.training.synthetic_flowcam import write_run

MakeRun = Callable[..., RunFolder]


def rows(path: Path) -> dict[str, Row]:
    """Return the lines of an exported zip by the name of the image in the run."""
    with read_bundle(path) as bundle:
        (table,) = bundle.tables
        return {row.get("object_image"): row for row in table.rows()}


def test_a_run_follows_ecotaxas_rules_and_carries_the_original_bytes(run: RunFolder, tmp_path: Path) -> None:
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    images = Path(run.request.images[0])
    with zipfile.ZipFile(done.path) as archive:
        for image, row in rows(done.path).items():
            assert archive.read(row.get("img_file_name")) == (images / image).read_bytes()
        assert len(archive.namelist()) == 7


def test_the_zip_reads_as_ecotaxa_itself_reads_it(run: RunFolder, tmp_path: Path) -> None:
    """Without our reader and validator: ``csv.DictReader`` and Pillow, as in TSVFile.open, validate_structure and ImageBO."""
    ids = run.results()["image_id"].tolist()
    Validation(run).move([ids[1]], "cyst", "Zoë")
    done = EXPORT.write(run, tmp_path / "out.zip")
    with zipfile.ZipFile(done.path) as archive:
        archive.extractall(tmp_path / "taken")
    (file,) = (tmp_path / "taken").glob("**/ecotaxa*.tsv")
    with file.open(
        encoding="utf-8-sig" if file.read_bytes()[:3] == b"\xef\xbb\xbf" else "latin_1", newline=""
    ) as stream:
        reader = csv.DictReader(stream, delimiter="\t", quotechar='"')
        types = next(reader)
        lines = list(reader)
    prefixes = {name.split("_", 1)[0] for name in types}
    assert prefixes == {"img", "object", "sample", "acq", "process"}
    assert {f"{prefix}_id" for prefix in prefixes - {"img"}} <= set(types)
    assert set(types.values()) == {"[t]", "[f]"}
    assert lines[1]["object_annotation_person_name"] == "Zoë"
    seen = set()
    for one in lines:
        assert None not in one
        assert bool(one["object_annotation_category"]) == bool(one["object_annotation_status"])
        assert all(
            not value or float(value) > float("-inf") for name, value in one.items() if types[name] == "[f]"
        )
        assert all(len(value) <= 250 for name, value in one.items())
        if one["object_date"]:
            datetime.datetime.strptime(one["object_date"] + one["object_time"], "%Y%m%d%H%M%S")
        with Image.open(file.parent / one["img_file_name"]) as picture:
            picture.load()
            assert picture.format in {"PNG", "JPEG", "GIF"}
        seen.add((one["object_id"], one["img_file_name"]))
    assert len(seen) == len(lines) == 6
    assert (
        len({(one["acq_id"], one["sample_id"]) for one in lines})
        == len({one["acq_id"] for one in lines})
        == 3
    )


def test_known_line_of_a_sample_with_everything(run: RunFolder, tmp_path: Path) -> None:
    row = rows(EXPORT.write(run, tmp_path / "out.zip").path)["s1/0.png"]
    digest = hashlib.sha256((Path(run.request.images[0]) / "s1/0.png").read_bytes()).hexdigest()
    expected = {
        "object_id": f"s1_0_{digest[:12]}", "object_image_id": f"sha256:{digest}", "img_file_name": f"images/s1_0_{digest[:12]}.png",
        "object_lat": "51.5", "object_lon": "-2.75", "object_date": "20240503", "object_time": "102000", "object_depth_min": "2",
        "object_depth_max": "2", "object_annotation_category": "middle", "object_annotation_status": "predicted",
        "object_label_kind": "taxon", "object_width_px": "20", "sample_id": "s1", "sample_stationid": "W01",
        "sample_dilution_factor": "2", "acq_id": "acq_s1", "acq_instrument": "FlowCam", "acq_fluid_volume_imaged": "5",
        "process_score_threshold": "0.4", "process_run": run.run_id, "process_demonstration_model": "yes: not for science",
    }  # fmt: skip
    assert {column: row.get(column) for column in expected} == expected
    assert float(row.get("object_score")) == pytest.approx(run.results()["score"][0])


def test_what_a_person_said_is_the_annotation(run: RunFolder, tmp_path: Path) -> None:
    ids = run.results()["image_id"].tolist()
    Validation(run).confirm([ids[0]], "grace@example.org")
    Validation(run).move([ids[1]], "cyst", "ada")
    Validation(run).unknown([ids[2]], "ada")
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    found = list(rows(done.path).values())
    said = [tuple(row.get(f"object_annotation_{what}") for what in ("category", "status", "person_name", "person_email")) for row in found[:4]]  # fmt: skip
    assert said == [
        ("middle", "validated", "grace@example.org", "grace@example.org"),
        ("cyst<Actinoptychus", "validated", "ada", ""),
        ("dark<artefact", "dubious", "ada", ""),  # probably not what the model said
        ("bright", "predicted", "", ""),
    ]
    assert len(found[0].get("object_annotation_date")) == 8
    assert found[3].get("object_annotation_date") == ""


def test_an_image_without_a_name_has_neither_category_nor_status(use_case: UseCase, tmp_path: Path) -> None:
    folder = grey_png(tmp_path / "images" / "s1" / "between.png", 83).parent.parent  # as dark as middle
    grey_png(folder / "s1" / "clear.png", 130)
    run = prepare(use_case, images=folder, parameters={"threshold": 0.6}, person="ada")
    get_executor("inline").submit(run)
    assert run.results()["status"].tolist() == ["unidentified", "predicted"]
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    row = rows(done.path)["s1/between.png"]
    assert row.get("object_annotation_category") == row.get("object_annotation_status") == ""
    assert "1 image has no name: category and status are empty." in done.notes


def test_equal_runs_give_equal_bytes_and_objects_keep_their_names(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    first = EXPORT.write(run, tmp_path / "a.zip").path.read_bytes()
    assert EXPORT.write(run, tmp_path / "b.zip").path.read_bytes() == first
    again = make_run(tmp_path / "images")
    assert again.run_id != run.run_id
    names = [[row.get("object_id") for row in rows(path).values()]
             for path in (tmp_path / "a.zip", EXPORT.write(again, tmp_path / "c.zip").path)]  # fmt: skip
    assert names[0] == names[1]


def test_images_that_are_gone_or_changed_are_left_out_and_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / "images/s1/0.png").unlink()
    grey_png(tmp_path / "images/s1/1.png", 200)
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    assert set(rows(done.path)) == {"s1/2.png", "s1/3.png", "s2/4.png", "s3/5.png"}
    assert "1 image was left out (s1/0.png): It is no longer where it was." in done.notes
    assert "1 image was left out (s1/1.png): It was changed after the analysis." in done.notes


def test_a_run_whose_images_are_all_gone_is_refused_and_leaves_no_file(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="No image of the run can be had again"):
        EXPORT.write(run, tmp_path / "out.zip")
    assert not [path for path in tmp_path.iterdir() if "out.zip" in path.name]


def test_a_tiff_becomes_png_and_its_pages_are_objects(make_run: MakeRun, tmp_path: Path) -> None:
    folder = tmp_path / "images" / "s1"
    folder.mkdir(parents=True)
    pages = [Image.new("L", (9, 7), grey) for grey in (GREY["dark"], GREY["bright"])]
    pages[0].save(folder / "two.tif", save_all=True, append_images=pages[1:])
    done = EXPORT.write(make_run(tmp_path / "images"), tmp_path / "out.zip")
    assert validate(done.path) == []
    found = rows(done.path)
    assert set(found) == {"s1/two.tif#1", "s1/two.tif#2"}
    with zipfile.ZipFile(done.path) as archive:
        second = Image.open(io.BytesIO(archive.read(found["s1/two.tif#2"].get("img_file_name"))))
        assert (second.format, second.size, second.getpixel((3, 3))) == ("PNG", (9, 7), (225, 225, 225))
    assert any("2 TIFF pictures were saved as PNG" in note for note in done.notes)


def test_images_without_a_sample_are_told(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(grey_png(tmp_path / "alone.png", 130))
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    (row,) = rows(done.path).values()
    assert row.get("sample_id") == f"no_sample_{run.run_id}"
    assert any("belongs to no known sample" in note for note in done.notes)
    assert any("position, date, depth" in note for note in done.notes)


def test_odd_names_are_objects_of_their_own(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ("a b.png", "=cmd.png", "зоо.png", "é\n.png", "x" * 200 + ".png"):
        grey_png(tmp_path / "images" / "s1" / name, 130)
    run = make_run(tmp_path / "images")
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    assert set(rows(done.path)) == set(run.results()["image"])
    assert len({row.get("object_id") for row in rows(done.path).values()}) == 5


def test_two_paths_that_an_object_id_cannot_tell_apart(make_run: MakeRun, tmp_path: Path) -> None:
    for one in ("a b.png", "a_b.png", "a-b.png"):
        grey_png(tmp_path / "images" / "s1" / one, 130)
    found = rows(EXPORT.write(make_run(tmp_path / "images"), tmp_path / "out.zip").path)
    ids = sorted(row.get("object_id") for row in found.values())
    assert len(set(ids)) == 3
    assert ids[2] == f"{ids[1]}_2"


def test_an_analysed_bundle_keeps_its_objects_samples_and_places(make_run: MakeRun, tmp_path: Path) -> None:
    second = line(2, object_id="tow 1/№2", img_rank="0")
    bundle(tmp_path / "in", table([line(1, object_time="042000"), second], encoding="utf-8-sig"))
    run = make_run(tmp_path / "in")
    done = EXPORT.write(run, tmp_path / "out.zip")
    assert validate(done.path) == []
    found = rows(done.path)
    assert [found[name].get("object_id") for name in ("tow1_1.png", "tow1_2.png")] == ["tow1_1", "tow 1/№2"]
    row = found["tow1_1.png"]
    kept = {"sample_id": "tow1", "object_lat": "-44.72543", "object_lon": "145.5351", "object_date": "20140420", "object_time": "042000",
            "object_depth_max": "300", "sample_ship": "meteor", "acq_instrument": "zooscan", "process_pixel": "10.6"}  # fmt: skip
    assert {column: row.get(column) for column in kept} == kept
    again = rows(EXPORT.write(make_run(done.path), tmp_path / "again.zip").path)
    assert {one.get("object_id") for one in again.values()} == {"tow1_1", "tow 1/№2"}


def test_several_images_of_one_object_get_ranks_and_a_note(make_run: MakeRun, tmp_path: Path) -> None:
    bundle(tmp_path / "in", table([line(1), line(1, img_file_name="tow1_2.png", img_rank="1")]))
    done = EXPORT.write(make_run(tmp_path / "in"), tmp_path / "out.zip")
    assert validate(done.path) == []
    assert [(row.get("object_id"), row.get("img_rank")) for row in rows(done.path).values()] == [
        ("tow1_1", "0"),
        ("tow1_1", "1"),
    ]
    assert any(note.startswith("1 object has several images") for note in done.notes)


def test_particles_of_a_flowcam_run_travel_as_pictures_with_volume_and_scale(
    make_run: MakeRun, tmp_path: Path
) -> None:
    y, x = np.mgrid[:40, :40] - 19.5
    disc = np.full((40, 40, 3), 230, np.uint8)
    disc[np.hypot(x, y) < 10] = 60
    write_run(
        tmp_path / "in", "run-1", [disc, np.ascontiguousarray(disc[4:])], volume_imaged_ml=0.25, um_per_px=0.5
    )
    done = EXPORT.write(make_run(tmp_path / "in"), tmp_path / "out.zip")
    assert validate(done.path) == []
    found = rows(done.path)
    assert list(found) == ["run-1/1", "run-1/2"]
    row = found["run-1/1"]
    with zipfile.ZipFile(done.path) as archive:
        cut = np.asarray(Image.open(io.BytesIO(archive.read(row.get("img_file_name")))))
    np.testing.assert_array_equal(cut, disc)
    assert (row.get("acq_fluid_volume_imaged"), row.get("process_pixel"), row.get("sample_id")) == (
        "0.25",
        "0.5",
        "run-1",
    )


def test_measured_particles_carry_their_size_where_the_scale_is_known(
    make_run: MakeRun, tmp_path: Path
) -> None:
    table = "sample_id,um_per_px\ns1,2\n"
    grey_png(tmp_path / "images/s1/a.png", 130)
    grey_png(tmp_path / "images/s2/b.png", 131)
    (tmp_path / "images/samples.csv").write_text(table)
    run = make_run(tmp_path / "images")
    statistics = run.statistics().assign(area_px=100.0).reset_index()  # this predictor measures no particles
    statistics.to_csv(run.path / "statistics.csv", index=False)
    found = rows(EXPORT.write(run, tmp_path / "out.zip").path)
    assert validate(tmp_path / "out.zip") == []
    assert (found["s1/a.png"].get("object_esd_um"), found["s1/a.png"].get("process_pixel")) == (
        "22.56758334",
        "2",
    )
    assert (found["s2/b.png"].get("object_esd_um"), found["s2/b.png"].get("object_area_px")) == ("", "100")


def test_sizes_where_particle_and_scale_are_known() -> None:
    # A disc of 100 pixels at 2 µm: d = 2 sqrt(100/pi) 2 = 22.5676 µm, pi/6 d^3 = 6018.02 µm³.
    assert sizes({"area_px": 100.0}, 2.0) == pytest.approx(
        {"object_esd_um": 22.5675833, "object_biovolume_sphere_um3": 6018.02225}
    )
    assert sizes({"area_px": 100.0}, None) == sizes({"area_px": 0.0}, 2.0) == sizes({}, 2.0) == {}


def test_progress_counts_every_image(run: RunFolder, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    EXPORT.write(run, tmp_path / "out.zip", lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        (LabelMeaning("Tripos", kind="taxon", scientific_name="Tripos"), "Tripos"),
        (LabelMeaning("nauplii", kind="life-stage", life_stage="nauplius", scientific_name="Copepoda"), "nauplius<Copepoda"),
        (LabelMeaning("nauplii", kind="life-stage", life_stage="nauplius"), "nauplii"),
        (LabelMeaning("Detritus", kind="non-living"), "detritus"),
        (LabelMeaning("fibre", kind="non-living"), "fibre<not-living"),
        (LabelMeaning("bubble", kind="artefact"), "bubble<artefact"),
        (LabelMeaning("long chain", kind="morphotype"), "long chain"),
        (LabelMeaning("whatever"), "whatever"),
    ],
)  # fmt: skip
def test_categories_as_far_as_they_are_declared(meaning: LabelMeaning, expected: str) -> None:
    assert category(meaning) == expected


def test_the_name_of_an_object_holds_sample_path_and_digest() -> None:
    image_id = "sha256:" + "0123456789abcdef" * 4
    assert object_id("", "roi 7.png", image_id) == "roi_7_0123456789ab"
    assert object_id("St 1", "deep/roi.7.tif#3", image_id + "#3") == "St_1_deep_roi.7_0123456789ab_p3"
    assert len(object_id("s" * 300, "x" * 900 + ".png", image_id)) < 255


def test_the_page_names_every_format_and_every_rule_by_its_number() -> None:
    page = (paths.checkout() / "docs/howto/exports.md").read_text(encoding="utf-8")
    assert [name for name in EXPORTS if f"| `{name}` |" not in page] == []
    shown = (
        f"{rules.LARGEST_CATEGORY:,}", f"{rules.MAX_SIDE_PX:,}", f"up to {rules.MAX_FREE_TEXT} characters", f"at most {MAX_TABLES:,}",
        f"{rules.FREE_COLUMNS['object', '[f]']} numbers and {rules.FREE_COLUMNS['object', '[t]']} texts of the object",
        f"{rules.FREE_COLUMNS['sample', '[t]']} of the sample, {rules.FREE_COLUMNS['acq', '[t]']} each",
        *(f"`{status}`" for status in rules.STATUSES),
    )  # fmt: skip
    assert [words for words in shown if words not in page] == []
