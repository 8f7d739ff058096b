"""What is known of the samples of a run: who says it, in which order they are trusted, and what bad tables cost."""

import datetime
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tests.unit.runs.conftest import Run
from tidelab import paths
from tidelab.domain.sample import SAMPLE_COLUMNS, SAMPLE_FIELDS, Sample
from tidelab.runs import RunError
from tidelab.runs.inputs.collect import collect
from tidelab.runs.inputs.collection import SampleFacts
from tidelab.runs.inputs.sample_table import MAX_FAULTS, as_sample, read_table
from tidelab.runs.inputs.samples import given_values, read_samples, samples_of
from tidelab.runs.inputs.source import FileSource
from tidelab.runs.limits import Limits
from tidelab.runs.samples import read_records

LIMITS = Limits()
FULL = (
    "sample_id,time,station,latitude,longitude,depth_min_m,depth_max_m,platform,instrument,camera,volume_imaged_ml,dilution_factor,"
    "um_per_px,area_m2,duration_s\n"
    's1,2024-06-01T12:30:00+02:00,S4,51.5,-3.25,0,2.5,"Simon, Stevin",FlowCam 548,,0.25,0.5,0.55,,90\n'
)


def table(folder: Path, text: str | bytes) -> FileSource:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "samples.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return FileSource("samples.csv", "samples.csv", path.resolve(), folder.resolve())


def test_every_field_is_read_with_its_unit_and_zone(tmp_path: Path) -> None:
    found, faults = read_table(table(tmp_path, FULL))
    assert faults == []
    one = found["s1"]
    assert one == Sample(
        sample_id="s1", time=datetime.datetime(2024, 6, 1, 10, 30, tzinfo=datetime.UTC), station="S4", latitude=51.5, longitude=-3.25,
        depth_min_m=0, depth_max_m=2.5, platform="Simon, Stevin", instrument="FlowCam 548", volume_imaged_ml=0.25, dilution_factor=0.5,
        um_per_px=0.55, duration_s=90,
    )  # fmt: skip
    assert one.water_ml == 0.5
    assert set(one.known()) == set(SAMPLE_FIELDS) - {"camera", "area_m2"}


def test_semicolons_and_decimal_commas_of_a_spreadsheet_are_read(tmp_path: Path) -> None:
    found, faults = read_table(table(tmp_path, "sample_id;volume_imaged_ml;station\ns1;0,25;A, B\n"))
    assert (found["s1"].volume_imaged_ml, found["s1"].station, faults) == (0.25, "A, B", [])


@pytest.mark.parametrize(("cells", "words"), [
    ("s1,much,,", "Line 2, column volume_imaged_ml: 'much' is not understood; a number was expected"),
    ("s1,0,,", "Line 2, column volume_imaged_ml: '0.0' is not possible; Input should be greater than 0"),
    ("s1,1_0,,", "Line 2, column volume_imaged_ml: '1_0' is not understood"), ("s1,nan,,", "Line 2, column volume_imaged_ml: 'nan'"),
    ("s1,inf,,", "Line 2, column volume_imaged_ml: 'inf'"), ("s1,1e400,,", "Line 2, column volume_imaged_ml"),
    ('s1,"1,5",,', "Line 2, column volume_imaged_ml: '1,5' is not understood"),
    ("s1,,91,", "Line 2, column latitude: '91.0' is not possible; Input should be less than or equal to 90"),
    ("s1,,,2024-06-01", "Line 2, column time: '2024-06-01' is not understood; a time with its zone"),
])  # fmt: skip
def test_a_cell_that_cannot_be_names_line_and_column_and_the_row_is_left_out(
    tmp_path: Path, cells: str, words: str
) -> None:
    found, faults = read_table(
        table(tmp_path, f"sample_id,volume_imaged_ml,latitude,time\n{cells}\ns2,1,,\n")
    )
    assert list(found) == ["s2"]
    assert len(faults) == 1
    assert faults[0].startswith(words)


def test_a_decimal_comma_between_commas_moves_no_value_into_another_column(tmp_path: Path) -> None:
    found, faults = read_table(
        table(tmp_path, "sample_id,volume_imaged_ml,dilution_factor\ns1,2,5,1\ns2,2.5,1\n")
    )
    assert list(found) == ["s2"]
    assert faults == [
        "Line 2: the row of s1 has more cells than there are columns; numbers need a decimal point in a table with commas"
    ]


def test_of_two_rows_of_a_sample_the_first_is_used_and_that_is_said(tmp_path: Path) -> None:
    found, faults = read_table(table(tmp_path, "sample_id,volume_imaged_ml\ns1,2\ns1,5\n"))
    assert found["s1"].volume_imaged_ml == 2
    assert faults == ["Line 3: the sample s1 stands there twice; the first row is used"]


def test_depths_in_the_wrong_order_are_told(tmp_path: Path) -> None:
    _, faults = read_table(table(tmp_path, "sample_id,depth_min_m,depth_max_m\ns1,5,2\n"))
    assert faults == [
        "Line 2, column depth_max_m: '2.0' is not possible; depth_max_m (2) is above depth_min_m (5)"
    ]


def test_a_misspelt_column_is_not_lost_in_silence_and_other_columns_are_let_be(tmp_path: Path) -> None:
    _, faults = read_table(table(tmp_path, "sample_id,volume_imaged_mL,cruise,images,origins\ns1,2,x,3,\n"))
    assert faults == [
        "The column 'volume_imaged_mL' is not known and not used; did you mean volume_imaged_ml?"
    ]


def test_very_many_faults_are_counted(tmp_path: Path) -> None:
    _, faults = read_table(
        table(tmp_path, "sample_id,latitude\n" + "".join(f"s{k},north\n" for k in range(500)))
    )
    assert len(faults) == MAX_FAULTS
    assert faults[-1] == f"{500 - MAX_FAULTS + 1} more rows have errors"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, len(FULL)),
)
def test_a_mutated_table_gives_samples_that_hold_or_words(
    tmp_path: Path, places: list[tuple[int, int]], end: int
) -> None:
    content = bytearray(FULL.encode())
    for where, value in places:
        content[where] = value
    found, faults = read_table(table(tmp_path, bytes(content[: end or None])))
    for name, one in found.items():
        assert Sample.model_validate(one.model_dump()) == one
        assert name
        assert name.isprintable()
    assert all(words and "{" not in words[:2] for words in faults)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(list(SAMPLE_FIELDS)), st.text(max_size=30), max_size=5))
def test_any_texts_are_a_sample_or_a_sentence(values: dict[str, str]) -> None:
    sample, words = as_sample("s", values)
    assert (sample is None) == bool(words)


def test_input_is_trusted_before_the_table_and_the_table_before_a_person(tmp_path: Path) -> None:
    source = table(tmp_path, "sample_id,station,volume_imaged_ml,um_per_px\ns1,S4,0.5,0.6\ns2,,,0.6\n")
    facts = [SampleFacts("s1", {"volume_imaged_ml": 0.9485, "instrument": "FlowCam"})]
    given = given_values(
        {"volume_imaged_ml": 7, "dilution_factor": 2.0, "um_per_px": 3.0, "threshold": 0.5, "station": None}
    )
    samples, problems = read_samples("in", source, facts, {}, given)
    first, second, third = (samples.record(name) for name in ("s1", "s2", "s3"))
    assert (first.sample.volume_imaged_ml, first.sample.um_per_px, first.sample.dilution_factor) == (
        0.9485,
        0.6,
        2.0,
    )
    assert dict(first.origins) == {
        "volume_imaged_ml": "input", "instrument": "input", "station": "side-file", "um_per_px": "side-file", "dilution_factor": "given",
    }  # fmt: skip
    assert (second.sample.volume_imaged_ml, second.origins["volume_imaged_ml"]) == (7.0, "given")
    assert (third.sample.um_per_px, third.origins["um_per_px"]) == (3.0, "given")
    assert [row.reason for row in problems] == [
        "Sample s1: volume_imaged_ml is 0.5 in samples.csv and 0.9485 in the input, which is used."
    ]


def test_a_depth_that_contradicts_the_input_is_left_out_and_told(tmp_path: Path) -> None:
    source = table(tmp_path, "sample_id,depth_max_m,station\ns1,2,S4\n")
    samples, problems = read_samples("in", source, [SampleFacts("s1", {"depth_min_m": 10.0})])
    one = samples.record("s1").sample
    assert (one.depth_min_m, one.depth_max_m, one.station) == (10.0, None, "S4")
    assert "the greatest depth would lie above the least one" in problems[0].reason


def test_nothing_said_is_nothing_known(run: Run) -> None:
    folder = run()
    assert list(folder.samples().columns) == list(SAMPLE_COLUMNS)
    assert folder.sample_records() == {"sample": Sample(sample_id="sample")}
    assert (folder.path / "samples.csv").read_text().splitlines()[1] == "sample,3" + "," * 15


def test_the_table_of_a_run_is_read_back_as_it_was_written(run: Run, tmp_path: Path) -> None:
    grey_png(tmp_path / "in" / "s1" / "a.png", 30)
    grey_png(tmp_path / "in" / "s10" / "a.png", 31)
    grey_png(tmp_path / "in" / "s2" / "a.png", 32)
    table(tmp_path / "in", FULL.replace("S4", "=cmd|'/C calc'!A0"))
    folder = run(tmp_path / "in")
    frame = folder.samples()
    assert list(frame["sample_id"]) == ["s1", "s2", "s10"]
    assert frame.loc[0, "station"] == "'=cmd|'/C calc'!A0", "no spreadsheet executes it"
    records = folder.sample_records()
    assert (records["s1"].longitude, records["s1"].water_ml, records["s2"].water_ml) == (-3.25, 0.5, None)
    assert read_records(frame)["s1"].origins["longitude"] == "side-file"
    assert set(folder.results()["time"]) == {"2024-06-01T10:30:00Z", ""}
    assert [file["file"] for file in folder.manifest()["samples"]["files"]] == ["samples.csv"]


def test_a_damaged_table_of_a_run_is_told_in_a_sentence(run: Run) -> None:
    folder = run()
    path = folder.path / "samples.csv"
    good = path.read_text()
    path.write_text(good.replace("sample,3,", "sample,3,yesterday"))
    with pytest.raises(RunError, match=r"samples\.csv of the run is damaged \(sample sample, time"):
        folder.sample_records()
    path.write_text("nonsense\n")
    with pytest.raises(RunError, match="is damaged"):
        folder.samples()


TSV = (
    "object_id\timg_file_name\tsample_id\tobject_lat\tobject_lon\tobject_date\tobject_time\tobject_depth_min\tobject_depth_max\t"
    "acq_instrument\tacq_imaged_volume\tprocess_pixel\tsample_stationid\n"
    "[t]\t[t]\t[t]\t[f]\t[f]\t[t]\t[t]\t[f]\t[f]\t[t]\t[t]\t[f]\t[t]\n"
    "o1\ta.png\tnet 1\t51.5\t3.1\t20240503\t142030\t10\t12\tFlowCam\t0.9485 ml\t0.573\tS4\n"
    "o2\tb.png\tnet 1\t51.5\t3.1\t20240503\t142010\t8\t11\tFlowCam\t0.9485 ml\t0.573\tS4\n"
    "o3\tc.png\tnet 2\t-10\tnan\t\t\t\t\tuvp6\t\t0.073\t\n"
    "o4\tgone.png\tnet 9\t1\t1\t\t\t\t\t\t\t\t\n"
)


def bundle(folder: Path, text: str = TSV) -> Path:
    for number, name in enumerate("abcd"):
        grey_png(folder / f"{name}.png", 50 + number)
    (folder / "ecotaxa_one.tsv").write_text(text, encoding="latin-1")
    return folder


def test_an_ecotaxa_table_names_the_samples_and_says_what_it_knows_of_them(tmp_path: Path) -> None:
    found = collect([bundle(tmp_path / "bundle")], LIMITS)
    samples, problems = samples_of(found, found.label, {})
    assert [samples.sample_id(f"{name}.png") for name in "abcd"] == ["net 1", "net 1", "net 2", "bundle"]
    one, two = samples.record("net 1").sample, samples.record("net 2").sample
    assert one == Sample(
        sample_id="net 1", time=datetime.datetime(2024, 5, 3, 14, 20, 10, tzinfo=datetime.UTC), station="S4", latitude=51.5, longitude=3.1,
        depth_min_m=8, depth_max_m=12, instrument="FlowCam", volume_imaged_ml=0.9485, um_per_px=0.573,
    )  # fmt: skip
    assert (two.latitude, two.longitude, two.um_per_px, two.instrument) == (-10, None, None, "uvp6")
    assert set(samples.record("net 1").origins.values()) == {"input"}
    assert "net 9" not in samples.known
    assert problems == []
    assert [row.reason for row in found.failures] == [
        "Sample net 2: line 5: process_pixel is 0.073, millimetres for an Underwater Vision Profiler and micrometres elsewhere: it is "
        "not taken."
    ]


def test_lines_of_a_sample_that_contradict_each_other_leave_it_unknown(tmp_path: Path) -> None:
    text = TSV.replace("o2\tb.png\tnet 1\t51.5", "o2\tb.png\tnet 1\t51.6")
    found = collect([bundle(tmp_path / "bundle", text)], LIMITS)
    samples, _ = samples_of(found, found.label, {})
    assert samples.record("net 1").sample.latitude is None
    assert samples.record("net 1").sample.longitude == 3.1
    assert any("latitude has 2 values in the lines of the sample" in row.reason for row in found.failures)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, len(TSV) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, len(TSV)),
)
def test_a_mutated_ecotaxa_table_costs_facts_and_never_an_image(
    tmp_path: Path, places: list[tuple[int, int]], end: int
) -> None:
    folder = tmp_path / "bundle"
    if not folder.exists():
        bundle(folder)
    content = bytearray(TSV.encode("latin-1"))
    for where, value in places:
        content[where] = value
    (folder / "ecotaxa_one.tsv").write_bytes(bytes(content[: end or None]))
    found = collect([folder], LIMITS)
    assert [source.name for source in found.sources] == ["a.png", "b.png", "c.png", "d.png"]
    samples, _ = samples_of(found, found.label, {})
    for name in "abcd":
        assert samples.record(samples.sample_id(f"{name}.png")).sample is not None


REAL = (
    Path(os.environ.get("TIDELAB_SHARED") or paths.checkout().parent / "shared")
    / "data"
    / "zooscan"
    / "ecotaxa_qa"
)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real EcoTaxa bundles do not lie beside the checkout")
def test_a_real_bundle_tells_its_samples() -> None:
    folder = next(REAL.rglob("import_test/m106_mn01_n2_sml"))
    found = collect([folder], LIMITS)
    samples, _ = samples_of(found, found.label, {})
    one = samples.record("m106_mn01_n2_sml").sample
    assert (one.latitude, one.depth_min_m, one.depth_max_m) == (18.0, 300, 600)
    assert (one.platform, one.instrument, one.um_per_px) == ("meteor", "epson", 10.6)
    assert one.time == datetime.datetime(2014, 4, 20, 4, 20, tzinfo=datetime.UTC)
