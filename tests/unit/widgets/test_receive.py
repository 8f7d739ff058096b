"""Uploads: pieces become the files they came from, in the visitor's folder and nowhere else."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.widgets.receive import CHUNK_BYTES, UploadError, UploadReceiver, safe_file_name


def send(receiver: UploadReceiver, files: dict[str, bytes], piece: int = 1000):
    """Upload as the browser does: the piece that is asked for, until nothing is."""
    receiver.begin([{"name": name, "size": len(data)} for name, data in files.items()])
    contents = list(files.values())
    while (wanted := receiver.wanted) is not None:
        file, offset = wanted
        receiver.write(file, offset, contents[file][offset : offset + piece])
    return receiver.finished()


@pytest.fixture
def receiver(tmp_path):
    return UploadReceiver(tmp_path / "runs", 200)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5), st.integers(1, 3000))
def test_files_arrive_byte_for_byte(tmp_path_factory, contents, piece):
    receiver = UploadReceiver(tmp_path_factory.mktemp("up"), 200)
    folder, n = send(receiver, {f"{i}.png": data for i, data in enumerate(contents)}, piece)
    assert n == len(contents)
    assert [(folder / f"{i}.png").read_bytes() for i in range(n)] == contents


def test_one_zip_is_the_input_itself(receiver):
    path, n = send(receiver, {"cruise.zip": b"PK..."})
    assert (path.name, path.read_bytes(), n) == ("cruise.zip", b"PK...", 1)


def test_same_name_twice_is_numbered(receiver):
    receiver.begin([{"name": name, "size": 1} for name in ("a.png", "x/a.png", "y\\a.png", "b")])
    for i in range(4):
        receiver.write(i, 0, bytes([65 + i]))
    folder, _ = receiver.finished()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "a.png": b"A", "a (2).png": b"B", "a (3).png": b"C", "b": b"D",
    }  # fmt: skip


def test_folder_is_private_and_inside(receiver, tmp_path):
    folder, _ = send(receiver, {"../../../etc/passwd": b"x", "..": b"y", ".bashrc": b"z"})
    assert folder.parent == tmp_path / "runs" / ".uploads"
    assert folder.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in folder.iterdir()) == ["_..", "_.bashrc", "passwd"]
    assert all(folder in p.parents for p in tmp_path.rglob("*") if p.is_file())


@given(st.text(max_size=400))
def test_any_name_becomes_one_plain_name(name):
    safe = safe_file_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not safe.startswith(".")
    assert "/" not in safe
    assert "\\" not in safe
    assert "\0" not in safe
    assert len(os.fsencode(safe)) <= 255


def test_a_name_that_looks_like_html_is_kept():
    assert safe_file_name("<img src=x onerror=alert(1)>.png") == "<img src=x onerror=alert(1)>.png"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "No file was chosen"),
        ([{"name": "a.png", "size": 200_000_001}], "at most 200 MB"),
        ([{"name": "a.zip", "size": 1}, {"name": "b.png", "size": 1}], "a.zip is a zip file among other files"),
        ([{"name": "a.png", "size": -1}], "Reload the page"),
        ([{"name": "a.png", "size": True}], "Reload the page"),
        ([{"name": 5, "size": 1}], "Reload the page"),
        ([{"name": "a.png", "size": 0}] * 20_001, "Put them into one zip"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said(receiver, files, words):
    with pytest.raises(UploadError, match=words):
        receiver.begin(files)


@pytest.mark.parametrize(
    ("position", "offset", "data"),
    [(0, 5, b"12345"), (1, 0, b"12345"), (0, 0, b"12345678901"), (0, 0, b""), (0, -1, b"1")],
)
def test_a_piece_that_was_not_asked_for_ends_the_upload(receiver, tmp_path, position, offset, data):
    receiver.begin([{"name": "a.png", "size": 10}])
    with pytest.raises(UploadError):
        receiver.write(position, offset, data)
    assert receiver.wanted is None
    assert not list((tmp_path / "runs" / ".uploads").iterdir())
    with pytest.raises(UploadError):
        receiver.finished()


def test_a_piece_over_the_limit_is_refused(receiver):
    receiver.begin([{"name": "a.png", "size": CHUNK_BYTES + 1}])
    with pytest.raises(UploadError):
        receiver.write(0, 0, bytes(CHUNK_BYTES + 1))


def test_a_new_upload_removes_the_broken_one_and_the_old_ones_but_not_the_last(receiver, tmp_path):
    kept, _ = send(receiver, {"a.png": b"1"})
    old, _ = send(receiver, {"a.png": b"2"})
    _age(old, 8 * 24)
    receiver.begin([{"name": "b.png", "size": 5}])
    receiver.write(0, 0, b"12")
    new, _ = send(receiver, {"c.png": b"3"})
    assert set((tmp_path / "runs" / ".uploads").iterdir()) == {kept, new}


def _age(folder, hours):
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - hours * 3600,) * 2)


def test_an_upload_that_was_broken_off_is_removed_once_nothing_comes_any_more(receiver, tmp_path):
    """A closed tab ends its kernel in the middle of an upload; the next one of the same person finds what was left."""
    receiver.begin([{"name": "a.png", "size": 10}])
    receiver.write(0, 0, b"12345")
    (left,) = (tmp_path / "runs" / ".uploads").iterdir()
    elsewhere = UploadReceiver(tmp_path / "runs", 200)
    elsewhere.tidy()
    assert left.exists(), "another tab may still be sending"
    _age(left, 2)
    elsewhere.tidy()
    assert not left.exists()


def test_one_person_cannot_fill_the_disk_with_uploads(tmp_path, monkeypatch):
    monkeypatch.setattr("tidelab.widgets.receive.KEEP_UPLOADS", 2)
    megabyte = b"x" * 1_000_000

    def upload():
        return send(UploadReceiver(tmp_path / "runs", 1), {"a.png": megabyte}, CHUNK_BYTES)[0]

    first, second = upload(), upload()
    with pytest.raises(UploadError, match=r"2\.0 MB that are kept for each person"):
        upload()
    assert first.exists()
    assert second.exists(), "a run may be reading them"
    _age(first, 25)
    third = upload()
    assert not first.exists(), "the oldest makes room"
    assert second.exists()
    assert third.exists()


@pytest.fixture
def eves(tmp_path):
    """An upload of eve's in the hub, two pieces of three, and a file of ada's that is to stay as it is."""
    homes = tmp_path / "data" / "homes"
    (homes / "ada" / "files").mkdir(parents=True)
    (homes / "ada" / "files" / "a.png").write_bytes(b"ada's")
    receiver = UploadReceiver(homes / "eve" / "runs", 200)
    receiver.begin([{"name": "a.png", "size": 3}, {"name": "empty.png", "size": 0}])
    receiver.write(0, 0, b"1")
    receiver.write(0, 1, b"2")
    (folder,) = (homes / "eve" / "runs" / ".uploads").iterdir()
    yield receiver, folder, homes / "ada" / "files"
    assert {path.name: path.read_bytes() for path in (homes / "ada" / "files").iterdir()} == {
        "a.png": b"ada's"
    }


def test_a_piece_is_not_written_through_a_link_at_the_file(eves):
    receiver, folder, theirs = eves
    (folder / "a.png").unlink()
    (folder / "a.png").symlink_to(theirs / "a.png")
    with pytest.raises(UploadError, match="could not be stored"):
        receiver.write(0, 2, b"3")
    assert receiver.wanted is None


def test_an_empty_file_is_not_made_through_a_link(eves):
    receiver, folder, theirs = eves
    (folder / "empty.png").symlink_to(theirs / "made.png")
    with pytest.raises(UploadError, match="could not be stored"):
        receiver.write(0, 2, b"3")


def test_a_piece_is_not_written_nor_removed_through_a_link_at_the_upload(eves):
    receiver, folder, theirs = eves
    folder.rename(folder.parent / "moved")
    folder.symlink_to(theirs)
    with pytest.raises(UploadError, match="could not be stored"):
        receiver.write(0, 2, b"3")
    receiver.tidy()


def test_a_finished_upload_that_became_a_link_is_none(eves):
    receiver, folder, theirs = eves
    receiver.write(0, 2, b"3")
    folder.rename(folder.parent / "moved")
    folder.symlink_to(theirs)
    with pytest.raises(UploadError, match="no longer there"):
        receiver.finished()


@pytest.mark.parametrize("linked", ["runs/.uploads", "runs"])
def test_uploads_begin_in_real_folders_of_the_visitor_alone(eves, linked):
    receiver, _, theirs = eves
    place = theirs.parent.parent / "eve" / linked
    place.rename(place.parent / "moved")
    place.symlink_to(theirs)
    with pytest.raises(UploadError, match="must be a real folder"):
        UploadReceiver(receiver.runs_root, 200).begin([{"name": "a.png", "size": 1}])
    _age(theirs, 24 * 100)
    receiver.tidy()


def test_an_upload_that_is_a_link_is_neither_measured_nor_removed_to_make_room(eves, monkeypatch):
    receiver, folder, theirs = eves
    monkeypatch.setattr("tidelab.widgets.receive.KEEP_UPLOADS", 0)
    (folder.parent / "link").symlink_to(theirs)
    _age(theirs, 24 * 3)
    with pytest.raises(UploadError, match="are kept for each person"):
        UploadReceiver(receiver.runs_root, 200).begin([{"name": "a.png", "size": 1}])


def test_a_person_may_keep_uploads_behind_a_link_of_their_own(tmp_path):
    # Not a home of the hub: nobody else put it there.
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".uploads").symlink_to(tmp_path / "disk")
    folder, _ = send(UploadReceiver(tmp_path / "runs", 200), {"a.png": b"1", "b.png": b""})
    assert sorted(path.name for path in (tmp_path / "disk" / folder.name).iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("files", [[1], ["a"], [None], [{"name": "a.png"}], [{"size": 1}]])
def test_a_list_that_is_none_is_refused_in_words(receiver, files):
    with pytest.raises(UploadError, match="cannot be read"):
        receiver.begin(files)


def test_many_files_of_one_name_are_numbered_in_no_time(receiver):
    started = time.process_time()
    receiver.begin([{"name": "a.png", "size": 0}] * 5000)
    assert receiver.finished()[1] == 5000
    assert time.process_time() - started < 10
