"""Tables are read as EcoTaxa reads them; damaged, hostile and odd files end in words, never in a traceback or a hang."""

import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ecotaxa_bundle import HEADER, bundle, line, png, table, zipped
from tidelab.formats.ecotaxa import EcotaxaError, read_bundle, read_table, validate
from tidelab.formats.ecotaxa import read as reading
from tidelab.formats.ecotaxa import store as stores

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_rows_are_told_by_column_in_small_letters_with_their_line(tmp_path: Path) -> None:
    header = [name.upper() if name == "object_lat" else f" {name}" for name in HEADER]
    with read_bundle(bundle(tmp_path / "b", table([line(1), line(2)], header))) as found:
        (one,) = found.tables
        first, second = one.rows()
    assert one.columns == HEADER
    assert one.types["object_area"] == "[f]"
    assert (first.line, second.line) == (3, 4)
    assert first.get("object_lat") == "-44.72543"
    assert one.image_path(second) == "tow1_2.png"


def test_the_path_of_an_image_is_relative_to_its_table(tmp_path: Path) -> None:
    deep = table([line(1, img_file_name="../a/x.png"), line(2, img_file_name="../../../x.png")])
    with read_bundle(bundle(tmp_path / "b", None, {"one/two/ecotaxa_deep.txt": deep})) as found:
        deep_table = found.tables[-1]
        inside, outside = (deep_table.image_path(row) for row in deep_table.rows())
    assert (deep_table.file, inside, outside) == ("one/two/ecotaxa_deep.txt", "one/a/x.png", "")


def test_latin_1_unless_the_file_begins_with_the_mark_of_utf_8(tmp_path: Path) -> None:
    rows = [line(1, object_label="Bécasse")]
    for encoding, shown in (("latin-1", "Bécasse"), ("utf-8-sig", "Bécasse"), ("utf-8", "BÃ©casse")):
        one = read_table("t", lambda encoding=encoding: table(rows, encoding=encoding))  # type: ignore[misc]
        assert [row.get("object_label") for row in one.rows()] == [shown]
        assert one.columns[0] == "object_id"


def test_quotes_line_breaks_and_empty_lines(tmp_path: Path) -> None:
    text = 'object_id\timg_file_name\n[t]\t[t]\n\n"a\n""b"""\tx.png\n\nc\ty.png\textra\n'
    one = read_table("t", text.encode)
    first, second = one.rows()
    assert (first.line, first.get("object_id")) == (4, 'a\n"b"')
    assert (second.line, second.extra) == (7, ("extra",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "is empty"),
        (b"\xef\xbb\xbfobject_id\n[t]\n\xff\xfe", "is not UTF-8"),
        (b'object_id\n[t]\n"' + b"x" * 200_000, "quotation mark"),
        (b"a\t" * 3000 + b"\n", "columns"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(content: bytes, words: str) -> None:
    with pytest.raises(EcotaxaError, match=words):
        list(read_table("ecotaxa_x.tsv", lambda: content).rows())


def test_a_broken_table_hides_no_other(tmp_path: Path) -> None:
    with read_bundle(bundle(tmp_path / "b", None, {"ecotaxa_broken.tsv": b""})) as found:
        assert [one.file for one in found.tables] == ["ecotaxa_tow1.tsv"]
        assert [error.file for error in found.problems] == ["ecotaxa_broken.tsv"]


@pytest.mark.parametrize("name", ["nothing", "text.zip", "pipe"])
def test_what_is_no_bundle(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "text.zip":
        path.write_text("no zip")
    if name == "pipe":
        os.mkfifo(path)
    with pytest.raises(EcotaxaError):
        read_bundle(path)
    (fault,) = validate(path)
    assert fault.severity == "error"


def test_unsafe_entries_of_a_zip_are_not_opened(tmp_path: Path) -> None:
    path = zipped(bundle(tmp_path / "b"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../ecotaxa_out.tsv", b"x")
        archive.writestr("/ecotaxa_abs.tsv", b"x")
        archive.writestr("sub\\ecotaxa_back.tsv", b"x")
        link = zipfile.ZipInfo("ecotaxa_link.tsv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with read_bundle(path) as found:
        assert [one.file for one in found.tables] == ["ecotaxa_tow1.tsv"]
    refused = {fault.file: fault.message for fault in validate(path)}
    assert set(refused) == {
        "../ecotaxa_out.tsv",
        "/ecotaxa_abs.tsv",
        "sub\\ecotaxa_back.tsv",
        "ecotaxa_link.tsv",
    }
    assert "backslash" in refused["sub\\ecotaxa_back.tsv"]


def test_a_zip_bomb_is_told_and_not_unpacked(tmp_path: Path) -> None:
    path = zipped(bundle(tmp_path / "b"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecotaxa_bomb.tsv", b"\t" * 40_000_000)
    (fault,) = validate(path)
    assert (fault.file, "200 times" in fault.message) == ("ecotaxa_bomb.tsv", True)


def test_limits_of_files_tables_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bundle(tmp_path / "b", None, {"ecotaxa_2.tsv": table([line(2)])})
    monkeypatch.setattr(reading, "MAX_TABLE_BYTES", 100)
    assert [fault.rule for fault in validate(folder)] == ["table", "table"]
    monkeypatch.setattr(reading, "MAX_TABLES", 1)
    (fault,) = validate(folder)
    assert "at most 1 in one import" in fault.message
    monkeypatch.setattr(stores, "MAX_FILES", 2)
    for path, words in ((folder, "more than 2 files"), (zipped(folder), "at most 2 are read")):
        (fault,) = validate(path)
        assert words in fault.message


def test_a_zip_that_claims_millions_of_entries_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = zipped(bundle(tmp_path / "b"))
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(content)
    (fault,) = validate(path)
    assert fault.rule == "bundle"


def test_a_table_of_nothing_but_tabulators_is_refused_and_not_unpacked_into_cells(tmp_path: Path) -> None:
    head = b"img_file_name\tobject_id\n[t]\t[t]\n"
    content = head + b"\t" * (reading.MAX_LINE_CHARACTERS + 1)
    with pytest.raises(EcotaxaError, match=r"t\.tsv, line 3: the line has more than 4194304 characters"):
        list(read_table("t.tsv", lambda: content).rows())
    # One record over many lines: a line break in every cell.
    content = head + b'"\n"\t' * (reading.MAX_CELLS + 1)
    with pytest.raises(EcotaxaError, match=r"t\.tsv, line 3: there are 100002 cells"):
        list(read_table("t.tsv", lambda: content).rows())


def test_a_folder_that_may_not_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bundle(tmp_path / "b", None, {"closed/x.png": png()})
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (fault,) = validate(folder)
    assert (fault.file, "cannot be listed (Permission denied)" in fault.message) == ("closed/", True)


cells = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=255), max_size=12)


@FEW
@given(rows=st.lists(st.lists(cells, max_size=6), max_size=6), mark=st.booleans())
def test_any_text_is_read_or_refused_in_words(rows: list[list[str]], mark: bool) -> None:
    content = "\n".join("\t".join(row) for row in rows).encode("utf-8-sig" if mark else "latin-1")
    with suppress(EcotaxaError):
        for row in read_table("t", lambda: content).rows():
            assert row.line >= 3


@FEW
@given(st.data())
def test_a_damaged_bundle_never_stops_the_check(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "b"
    if not folder.exists():
        bundle(folder, table([line(1), line(2, object_lat="-24°30 00")]))
        zipped(folder)
    target = data.draw(st.sampled_from(["ecotaxa_tow1.tsv", "tow1_1.png", "zip"]))
    original = (folder.with_suffix(".zip") if target == "zip" else folder / target).read_bytes()
    damaged = _mutated(original, data.draw)
    place = tmp_path / "damaged"
    if target == "zip":
        path = tmp_path / "damaged.zip"
        path.write_bytes(damaged)
    else:
        path = bundle(place, table([line(1), line(2)]), {target: damaged})
    for fault in validate(path):
        assert fault.message.strip()
        assert fault.severity in ("error", "warning")
        assert "\n" not in str(fault)


def _mutated(content: bytes, draw: Callable[..., object]) -> bytes:
    result = bytearray(content)
    for _ in range(int(str(draw(st.integers(1, 4))))):
        place = int(str(draw(st.integers(0, max(len(result) - 1, 0)))))
        how = draw(st.sampled_from(["flip", "cut", "insert", "swap"]))
        if how == "flip" and result:
            result[place] ^= 1 << int(str(draw(st.integers(0, 7))))
        elif how == "cut":
            del result[place : place + int(str(draw(st.integers(1, 200))))]
        elif how == "insert":
            result[place:place] = bytes(draw(st.binary(max_size=20)))  # type: ignore[call-overload]
        else:
            result[place : place + 1] = b'"'
    return bytes(result)


def test_a_picture_is_opened_once_however_many_lines_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = stores.FolderStore.read

    def counted(self: stores.FolderStore, name: str, limit: int) -> bytes:
        reads.append(name)
        return real(self, name, limit)

    monkeypatch.setattr(stores.FolderStore, "read", counted)
    rows = [line(1, object_id=f"o{number}") for number in range(30)]
    assert validate(bundle(tmp_path / "b", table(rows), {"tow1_1.png": png()})) == []
    assert reads.count("tow1_1.png") == 1
