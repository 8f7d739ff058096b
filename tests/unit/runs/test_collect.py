"""What a person points at becomes a sorted list of files, and a sentence for the rest."""

import os
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tests.unit.runs.bad_files import png_bytes, zip_with
from tidelab.runs import RunError
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.collect import Collection, collect
from tidelab.runs.inputs.samples import read_samples
from tidelab.runs.limits import Limits

LIMITS = Limits(images=50)


def names(found: Collection) -> list[str]:
    return [source.name for source in found.sources]


def failed(found: Collection) -> dict[str, str]:
    return {row.image: row.kind for row in found.failures}


def test_a_folder_is_searched_to_its_depth_in_natural_order_and_system_files_are_passed_over(
    tmp_path: Path,
) -> None:
    for name in (
        "b/10.png",
        "b/9.png",
        "a.png",
        "b/c/d/deep.png",
        ".hidden.png",
        "__MACOSX/x.png",
        "b/Thumbs.db",
        ".git/y.png",
    ):
        grey_png(tmp_path / "in" / name, 9)
    found = collect([tmp_path / "in"], LIMITS)
    assert names(found) == ["a.png", "b/9.png", "b/10.png", "b/c/d/deep.png"]
    assert found.label == "in"
    assert found.ignored == 4
    assert not found.failures


def test_a_zip_in_a_folder_is_a_folder_and_a_zip_alone_is_the_input(tmp_path: Path) -> None:
    grey_png(tmp_path / "in" / "3.png", 3)
    members = {"x/1.png": png_bytes(), "2.png": png_bytes(), "x/": b"", "__MACOSX/x/._1.png": b"junk"}
    zip_with(tmp_path / "in" / "in.zip", members)
    assert names(collect([tmp_path / "in"], LIMITS)) == ["3.png", "in.zip/2.png", "in.zip/x/1.png"]
    alone = collect([tmp_path / "in" / "in.zip"], LIMITS)
    assert names(alone) == ["2.png", "x/1.png"]
    assert (alone.label, alone.ignored) == ("in", 1)


def test_files_of_a_list_are_named_from_their_common_folder_and_counted_once(tmp_path: Path) -> None:
    one, two = (
        grey_png(tmp_path / "in" / "x" / "same.png", 1),
        grey_png(tmp_path / "in" / "y" / "same.png", 2),
    )
    found = collect([two, one, one], LIMITS)
    assert names(found) == ["x/same.png", "y/same.png"]
    assert found.label == ""
    assert names(collect([one], LIMITS)) == ["same.png"]


def test_a_file_chosen_beside_its_folder_is_counted_once(tmp_path: Path) -> None:
    one = grey_png(tmp_path / "in" / "x" / "a.png", 1)
    grey_png(tmp_path / "in" / "x" / "b.png", 2)
    zip_with(tmp_path / "in" / "x" / "more.zip", {"c.png": png_bytes()})
    for chosen in (
        [one, tmp_path / "in"],
        [tmp_path / "in", one, tmp_path / "in" / "x", tmp_path / "in" / "x" / "more.zip"],
    ):
        found = collect(chosen, LIMITS)
        assert [name.rpartition("x/")[2] for name in names(found)] == ["a.png", "b.png", "more.zip/c.png"]
        assert any("chosen twice" in note for note in found.notes)
        found.close()


def test_names_of_a_zip_that_mean_the_same_path_are_one_file(tmp_path: Path) -> None:
    zip_with(
        tmp_path / "in.zip",
        {"s/a.png": png_bytes(), "s\\a.png": png_bytes(), "./s/a.png": png_bytes(), "s//a.png": png_bytes()},
    )
    found = collect([tmp_path / "in.zip"], LIMITS)
    assert names(found) == ["s/a.png"]
    assert [row.kind for row in found.failures] == ["zip-duplicate"] * 3
    found.close()


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    grey_png(tmp_path / "table.csv", 1)
    grey_png(tmp_path / "picture.zip", 2)
    (tmp_path / "notes.txt").write_text("a note")
    found = collect([tmp_path], LIMITS)
    assert names(found) == ["picture.zip", "table.csv"]
    assert [side.name for side in found.side_files] == ["notes.txt"]


def test_side_files_of_an_images_stem_belong_to_it(tmp_path: Path) -> None:
    grey_png(tmp_path / "a.png", 1)
    for name in ("a.txt", "a.lst", "b.csv"):
        (tmp_path / name).write_text(name)
    found = collect([tmp_path], LIMITS)
    assert [side.name for side in found.sources[0].sides] == ["a.lst", "a.txt"]
    assert [side.name for side in found.side_files] == ["b.csv"]


def test_links_inside_are_followed_and_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    grey_png(tmp_path / "real.png", 1)
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png")).write_bytes(png_bytes())
    (tmp_path / "=1+1\n.png").write_bytes(png_bytes())
    found = collect([tmp_path], LIMITS)
    assert names(found) == ["./=1+1\\x0a.png", "bad\\xff.png", "link.png", "real.png"]
    for source in found.sources:
        assert source.read(LIMITS).picture == "PNG"


def test_a_link_put_in_the_way_after_listing_is_not_followed(tmp_path: Path) -> None:
    outside = grey_png(tmp_path / "outside" / "secret.png", 5)
    grey_png(tmp_path / "in" / "sub" / "secret.png", 1)
    found = collect([tmp_path / "in"], LIMITS)
    (tmp_path / "in" / "sub" / "secret.png").unlink()
    (tmp_path / "in" / "sub").rmdir()
    (tmp_path / "in" / "sub").symlink_to(outside.parent)
    with pytest.raises(InputError) as caught:
        found.sources[0].read(LIMITS)
    assert caught.value.kind == "link-outside"


def test_the_folder_of_a_run_is_not_its_own_input(tmp_path: Path) -> None:
    grey_png(tmp_path / "a.png", 1)
    grey_png(tmp_path / "run" / "plot.png", 2)
    for name in ("request.json", "state.json"):
        (tmp_path / "run" / name).write_text("{}")
    found = collect([tmp_path], LIMITS)
    assert names(found) == ["a.png"]
    assert found.notes == ["run is the folder of a run; passed over."]


def test_a_folder_without_permission_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey_png(tmp_path / "a.png", 1)
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def scandir(path: Path) -> object:
        if str(path).endswith("closed"):  # root may read everything, so the refusal is made here
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert failed(collect([tmp_path], LIMITS)) == {"closed": "permission"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "There is nothing at"),
        (lambda path: path.mkdir(), "There are no files to analyse in"),
        (lambda path: (path.mkdir(), (path / ".DS_Store").touch()), "hidden and system files were passed over: 1"),
        (lambda path: [grey_png(path / f"{n}.png", n) for n in range(51)], "holds 51 files; one analysis takes at most 50"),
    ],
)  # fmt: skip
def test_an_input_that_cannot_be_analysed_is_a_sentence(tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "in")  # type: ignore[operator]
    with pytest.raises(RunError, match=words):
        collect([tmp_path / "in"], LIMITS)


def test_too_many_objects_of_a_reader_are_not_called_files(tmp_path: Path) -> None:
    class Cut:
        """An object that a reader found in a file."""

        def __init__(self, number: int) -> None:
            self.name = self.key = f"scan/{number}.png"
            self.sides: list[object] = []

        def content(self, count: int) -> bytes:
            return b""

    def reader(given: object, found: Collection) -> None:
        found.sources += [Cut(number) for number in range(51)]  # type: ignore[misc]

    grey_png(tmp_path / "a.png", 1)
    with pytest.raises(
        RunError, match=r"holds 52 images \(files, and objects in them\); one analysis takes at most 50"
    ):
        collect([tmp_path], LIMITS, reader)


def test_a_zip_with_a_directory_of_millions_is_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_with(tmp_path / "crowd.zip", {f"{n:0300}.png": b"" for n in range(500)})
    monkeypatch.setattr(zipfile.ZipFile, "infolist", lambda self: pytest.fail("the directory was read"))
    assert failed(collect([path], Limits(zip_files=10))) == {"crowd.zip": "zip-too-many"}


GOOD_ZIP = {"a.png": png_bytes(1), "b/c.png": png_bytes(2), "b/c.txt": b"side"}


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cut=st.integers(0, 300),
    places=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_any_damage_to_a_zip_is_a_row_or_nothing(
    tmp_path: Path, cut: int, places: list[tuple[int, int]]
) -> None:
    path = zip_with(tmp_path / "damaged.zip", GOOD_ZIP)
    content = bytearray(path.read_bytes())
    content = content[: len(content) - cut] if cut % 3 == 0 else content
    for place, value in places:
        content[place % len(content)] = value
    path.write_bytes(content)
    found = collect([path], LIMITS)
    for source in found.sources:
        with suppress(InputError):
            source.read(LIMITS).close()
    found.close()


def test_samples_come_from_folders_and_time_and_station_only_from_the_table(tmp_path: Path) -> None:
    grey_png(tmp_path / "in" / "s1" / "a.png", 1)
    (tmp_path / "in" / "samples.csv").write_text(
        "sample_id;time;station\ns1;2024-06-01T12:30:00+02:00;=Oosterschelde\ns2;2024-06-01 12:00;W\ns1;;again\n",
        encoding="utf-8-sig",
    )
    found = collect([tmp_path / "in"], LIMITS)
    assert names(found) == ["s1/a.png"]
    samples, problems = read_samples(found.label, found.samples_table)
    one = samples.of("s1/a.png")
    assert (one.sample_id, one.time, one.station) == ("s1", "2024-06-01T10:30:00Z", "'=Oosterschelde")
    assert samples.of("a.png").sample_id == "in"
    assert samples.of("./=odd/a.png").sample_id == "./=odd"
    assert [row.reason for row in problems] == [
        # Without a time zone it would be a guess.
        "Line 3, column time: '2024-06-01 12:00' is not understood; a time with its zone, such as 2024-06-01T10:30:00Z, was expected.",
        "Line 4: the sample s1 stands there twice; the first row is used.",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "It is not a UTF-8 text."),
        (b"a,b\n1,2\n", "It has no column sample_id."),
        (b"", "It has no column sample_id."),
        (b"sample_id\n" + b"x" * 4 * 2**20, "It is larger than 4 MB."),
        (
            b"sample_id,time\nin,0001-01-01T00:00:00+14:00\n",
            "Line 2, column time: '0001-01-01T00:00:00+14:00' is not understood; a time with its zone, such as "
            "2024-06-01T10:30:00Z, was expected.",
        ),
    ],
)
def test_a_samples_table_that_is_none_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    grey_png(tmp_path / "a.png", 1)
    (tmp_path / "samples.csv").write_bytes(content)
    found = collect([tmp_path], LIMITS)
    samples, problems = read_samples(found.label, found.samples_table)
    assert [row.reason for row in problems] == [words]
    assert samples.of("a.png").time == ""
