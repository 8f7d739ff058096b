"""Bundles with one fault each: one message, in the right place, in words; good ones give none."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.ecotaxa_bundle import HEADER, TYPES, bundle, line, png, table, zipped
from tidelab.formats.ecotaxa import Fault, validate
from tidelab.formats.ecotaxa.faults import SHOWN_PER_RULE


def _faults(tmp_path: Path, *args: object, **more: object) -> list[Fault]:
    return validate(bundle(tmp_path / "b", *args, **more))  # type: ignore[arg-type]


def _with(tmp_path: Path, **changes: str) -> list[Fault]:
    """Validate a bundle whose second image has other values."""
    return _faults(tmp_path, table([line(1), line(2, **changes)]))


def test_a_good_bundle_has_no_fault_as_folder_and_as_zip(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "good")
    assert validate(folder) == []
    assert validate(zipped(folder)) == []


VALUES = [
    ("object_lat", "100", "latitude", "-90 to 90"),
    ("object_lon", "200", "longitude", "-180 to 180"),
    ("object_lat", "44,7", "latitude", "point instead of a comma"),
    ("object_date", "20140433", "date", "YYYYMMDD"),
    ("object_date", "20/04/2014", "date", "YYYYMMDD"),
    ("object_time", "9920", "time", "HHMMSS"),
    ("object_time", "12345", "time", "HHMMSS"),
    ("object_area", "a", "number", "expected one such as 12.5"),
    ("object_area", "-inf", "number", "expected one such as 12.5"),
    ("object_area", "1,5", "number", "point instead of a comma"),
    ("object_annotation_status", "predit", "status", "predicted, validated, dubious, discarded"),
    ("object_annotation_category_id", "99999999", "category-id", "does not exist in EcoTaxa"),
    ("object_annotation_category_id", "copepod", "category-id", "no number"),
    ("img_rank", "first", "rank", "whole number"),
    ("object_id", "", "object-id", "name of its object"),
    ("img_file_name", "", "image-missing", "needs the picture"),
    ("img_file_name", "nada.png", "image-missing", "Add the picture"),
    ("img_file_name", "TOW1_2.png", "image-missing", "small and capital letters"),
    ("img_file_name", "sub/tow1_2.png", "image-missing", "relative to the folder of the table"),
    ("img_file_name", "sub\\tow1_2.png", "image-missing", "with / between folders"),
    ("img_file_name", "../secret.png", "image-outside", "out of the bundle"),
    ("img_file_name", "/etc/passwd", "image-outside", "out of the bundle"),
    ("object_annotation_status", "", "category-without-status", "has no status"),
    ("object_annotation_category", "", "status-without-category", "no category"),
    ("object_label", "x" * 251, "free-text", "at most 250"),
    ("object_id", "x" * 256, "text", "at most 255"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "rule", "words"), VALUES)
def test_one_wrong_value_gives_one_message(
    tmp_path: Path, field: str, value: str, rule: str, words: str
) -> None:
    (fault,) = _with(tmp_path, **{field: value})
    assert (fault.file, fault.line, fault.rule, fault.severity) == ("ecotaxa_tow1.tsv", 4, rule, "error")
    assert field == fault.field or rule == "category-without-status" or rule == "status-without-category"
    assert words in fault.message
    assert str(fault).startswith(f"ecotaxa_tow1.tsv, line 4, {fault.field}: ")


GOOD = [
    ("object_lat", "12°30 00"), ("object_lon", "-180"), ("object_date", "2014-04-20"), ("object_time", "14:20:30"), ("object_time", "5"),
    ("object_time", "142030"), ("object_area", "na"), ("object_area", "1e-3"), ("object_area", ""), ("object_annotation_status", "Validated"),
    ("object_annotation_category_id", "84963"), ("img_rank", "1.0"), ("object_lat", ""),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), GOOD)
def test_what_ecotaxa_takes_is_no_fault(tmp_path: Path, field: str, value: str) -> None:
    assert _with(tmp_path, **{field: value}) == []


def test_minutes_of_a_negative_degree_are_a_warning_because_ecotaxa_adds_them(tmp_path: Path) -> None:
    (fault,) = _with(tmp_path, object_lat="-24°30 00")
    assert (fault.severity, fault.rule) == ("warning", "degrees-misread")
    assert "-23.50000" in fault.message


def test_an_object_without_a_name_needs_no_status(tmp_path: Path) -> None:
    assert _with(tmp_path, object_annotation_status="", object_annotation_category="") == []


def test_the_same_image_of_the_same_object_twice(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, table([line(1), line(1)]))
    assert fault.rule == "duplicate"
    assert "line 3 already" in fault.message


def test_a_second_image_of_an_object_is_no_duplicate(tmp_path: Path) -> None:
    rows = [line(1), line(1, img_file_name="tow1_2.png", img_rank="1")]
    assert _faults(tmp_path, table(rows)) == []


def test_an_acquisition_belongs_to_one_sample_in_the_whole_bundle(tmp_path: Path) -> None:
    second = table([line(2, sample_id="tow2")])
    (fault,) = _faults(tmp_path, table([line(1)]), {"ecotaxa_tow2.tsv": second})
    assert (fault.file, fault.line, fault.rule) == ("ecotaxa_tow2.tsv", 3, "acquisition-of-two-samples")
    assert "'tow1' (ecotaxa_tow1.tsv, line 3)" in fault.message


def test_a_missing_line_of_types_is_one_fault_not_one_a_column(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, table([line(1), line(2)], types=None))
    assert (fault.line, fault.rule) == (2, "type-line-missing")
    assert "tow1_1" in fault.message


def test_a_second_line_of_types_and_a_second_header(tmp_path: Path) -> None:
    first, second = _faults(tmp_path, table([TYPES, line(1), HEADER, line(2)]))
    assert (first.line, first.rule) == (3, "type-line-twice")
    assert (second.line, second.rule) == (5, "header-twice")


@pytest.mark.parametrize("kind", ["[H]", "", "[F]", "f", " [f]"])
def test_a_type_that_is_none(tmp_path: Path, kind: str) -> None:
    types = [kind if name == "object_area" else one for name, one in zip(HEADER, TYPES, strict=True)]
    (fault,) = _faults(tmp_path, table([line(1), line(2)], types=types))
    assert (fault.line, fault.field, fault.rule) == (2, "object_area", "type")


def test_types_of_what_is_not_of_the_object_do_not_matter(tmp_path: Path) -> None:
    types = [
        "" if name.startswith(("sample", "acq")) else one for name, one in zip(HEADER, TYPES, strict=True)
    ]
    assert _faults(tmp_path, table([line(1), line(2)], types=types)) == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [("nounderscorecol", "header-form"), ("unknown_target", "header-prefix"), ("img_other", "header-prefix"), ("", "header-form")],
)  # fmt: skip
def test_a_column_that_ecotaxa_does_not_know(tmp_path: Path, name: str, rule: str) -> None:
    rows = [[*line(1), ""], [*line(2), ""]]
    (fault,) = _faults(tmp_path, table(rows, [*HEADER, name], [*TYPES, "[t]"]))
    assert (fault.line, fault.field, fault.rule) == (1, name, rule)


def _without(column: str) -> tuple[list[list[str]], list[str], list[str]]:
    place = HEADER.index(column)

    def cut(cells: Sequence[str]) -> list[str]:
        return [cell for index, cell in enumerate(cells) if index != place]

    return [cut(line(1)), cut(line(2))], cut(HEADER), cut(TYPES)


@pytest.mark.parametrize("column", ["object_id", "sample_id", "acq_id", "process_id"])
def test_a_missing_column_of_names(tmp_path: Path, column: str) -> None:
    (fault,) = _faults(tmp_path, table(*_without(column)))
    assert (fault.line, fault.field, fault.rule) == (1, column, "id-column-missing")


def test_a_missing_column_of_pictures(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, table(*_without("img_file_name")))
    assert (fault.line, fault.field, fault.rule) == (1, "img_file_name", "image-column-missing")


def test_more_columns_than_a_project_can_hold(tmp_path: Path) -> None:
    # Thirty of an acquisition; the bundle has none of its own yet besides acq_id and acq_instrument, which have a place.
    extra = [f"acq_cus{number}" for number in range(32)]
    rows = [[*line(number), *["x"] * 32] for number in (1, 2)]
    faults = _faults(tmp_path, table(rows, [*HEADER, *extra], [*TYPES, *["[t]"] * 32]))
    assert [(fault.field, fault.rule) for fault in faults] == [
        ("acq_cus30", "too-many-columns"),
        ("acq_cus31", "too-many-columns"),
    ]


def test_columns_are_counted_once_for_all_tables(tmp_path: Path) -> None:
    extra = [f"object_text{number}" for number in range(19)]
    first = table([[*line(1), *["x"] * 19]], [*HEADER, *extra], [*TYPES, *["[t]"] * 19])
    assert _faults(tmp_path, first, {"ecotaxa_tow2.tsv": table([line(2)])}) == []


def test_a_line_longer_than_the_header(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, table([line(1), [*line(2), "surplus"]]))
    assert (fault.line, fault.rule) == (4, "no-header")
    assert "surplus" in fault.message


def test_a_column_twice_is_a_warning(tmp_path: Path) -> None:
    rows = [[*line(1), "7"], [*line(2), "7"]]
    (fault,) = _faults(tmp_path, table(rows, [*HEADER, "Object_Area "], [*TYPES, "[f]"]))
    assert (fault.field, fault.rule, fault.severity) == ("object_area", "column-twice", "warning")


PICTURES = [
    (b"", "image-unreadable", "empty (0 bytes)"),
    (b"no picture at all", "image-unreadable", "no picture that can be opened"),
    (png()[:40], "image-unreadable", "damaged"),
    (png((300, 300))[:120], "image-unreadable", "damaged"),
    (png(kind="TIFF"), "image-unreadable", "is a TIFF file"),
    (png(kind="BMP"), "image-unreadable", "is a BMP file"),
    (png((20_001, 1)), "image-too-large", "20,000 x 20,000"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "rule", "words"), PICTURES)
def test_a_picture_that_ecotaxa_refuses(tmp_path: Path, content: bytes, rule: str, words: str) -> None:
    (fault,) = _faults(tmp_path, None, {"tow1_2.png": content})
    assert (fault.line, fault.field, fault.rule) == (4, "img_file_name", rule)
    assert words in fault.message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_picture_that_ecotaxa_takes_whatever_its_name_says(tmp_path: Path, kind: str) -> None:
    assert _faults(tmp_path, None, {"tow1_2.png": png(kind=kind)}) == []


def test_a_link_out_of_the_bundle_is_not_followed(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b")
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "tow1_2.png").unlink()
    (folder / "tow1_2.png").symlink_to(tmp_path / "secret.png")
    (fault,) = validate(folder)
    assert (fault.rule, "is a link" in fault.message) == ("image-refused", True)


def test_an_empty_table_is_an_error_alone_and_a_warning_beside_others(tmp_path: Path) -> None:
    (alone,) = _faults(tmp_path, table([]))
    assert (alone.rule, alone.severity) == ("no-rows", "error")
    (beside,) = validate(bundle(tmp_path / "c", None, {"ecotaxa_more.tsv": table([])}))
    assert (beside.file, beside.severity) == ("ecotaxa_more.tsv", "warning")


def test_a_folder_without_a_table_says_which_file_was_probably_meant(tmp_path: Path) -> None:
    (fault,) = validate(bundle(tmp_path / "b", b"").rename(tmp_path / "c"))
    assert fault.rule == "table"
    (tmp_path / "c" / "ecotaxa_tow1.tsv").rename(tmp_path / "c" / "EcoTaxa_tow1.tsv")
    (fault,) = validate(tmp_path / "c")
    assert fault.rule == "no-table"
    assert "There is EcoTaxa_tow1.tsv: rename it" in fault.message


def test_one_fault_in_hundreds_of_lines_is_told_twenty_times_and_counted(tmp_path: Path) -> None:
    rows = [line(1, object_id=f"o{number}", object_lat="95") for number in range(300)]
    faults = _faults(tmp_path, table(rows))
    assert len(faults) == SHOWN_PER_RULE + 1
    assert "280 more lines" in faults[-1].message


def test_the_bundles_of_ecotaxas_own_tests(shared_data: Path) -> None:
    root = shared_data / "zooscan/ecotaxa_qa/QA/py/data"
    table_3, table_365 = "ecotaxa_m106_mn01_n3_sml", "ecotaxa_m106_mn01_n365_sml.tsv"
    inner = f"m106_mn01_n3_sml/{table_3}_pls.tsv"
    expected = {
        "empty_tsv": (table_365, 0, "no-rows", "is empty"),
        "empty_tsv2": (table_365, 0, "table", "is empty"),
        "no_classif_id": (f"{table_3}.tsv", 3, "category-id", "99999999 does not exist"),
        "duplicate_in_tsv": (inner, 4, "duplicate", "is in line 3 already"),
        "predicted_but_what": (inner, 3, "status-without-category", "'predicted' but there is no category"),
        "classif_without_state": (inner, 3, "category-without-status", "'84963' has no status"),
    }  # fmt: skip
    found = {folder.name: validate(folder) for folder in (root / "import_issues").iterdir()}
    assert set(found) == set(expected)
    for name, (file, at, rule, words) in expected.items():
        (fault,) = found[name]
        assert (fault.file, fault.line, fault.rule, fault.severity) == (file, at, rule, "error")
        assert words in fault.message
    for good in ("import_test", "import_v_or_d_just_state"):
        assert validate(root / good) == []
