"""A person's word on the images of a run: what is in force, what an undo takes back, what survives."""

import datetime
import json
import multiprocessing
import os

import pandas as pd
import pytest

from tests.support.brightness import grey_png
from tidelab.domain.determination import DETERMINATION_COLUMNS, ValidationEvent
from tidelab.runs import RunError, RunFolder, append_log
from tidelab.runs.validation import Validation
from tidelab.runs.validation.log import FILE_NAME
from tidelab.runs.validation.replay import Replay

GREYS = (20, 30, 130, 140, 240, 250)


@pytest.fixture
def folder(run, tmp_path):
    for grey in GREYS:
        grey_png(tmp_path / "in" / f"grey-{grey}.png", grey)
    return run(images=tmp_path / "in", parameters={"threshold": 0.5})


def names(folder: RunFolder) -> dict[str, tuple[str, str, str]]:
    """Return image -> (name in force, status, person)."""
    frame = folder.determinations()
    return {row.image: (row.label, row.status, row.validated_by) for row in frame.itertuples()}


def ids(folder: RunFolder, *greys: int) -> list[str]:
    frame = folder.results().set_index("image")["image_id"]
    return [frame[f"grey-{grey}.png"] for grey in greys]


def test_before_anybody_looked_the_model_s_names_are_in_force(folder):
    frame = folder.determinations()
    assert tuple(frame.columns) == DETERMINATION_COLUMNS
    assert frame["label"].tolist() == folder.results()["label"].tolist() == frame["predicted_label"].tolist()
    assert set(frame["status"]) == {"predicted"}
    assert set(frame["validated_by"]) | set(frame["validated_at"]) | set(frame["audit"]) == {""}
    assert Validation(folder).summary().looked_at == 0


def test_confirm_move_and_unknown_are_in_force_with_person_and_time(folder):
    before = (folder.path / "results.csv").read_bytes()
    validation = Validation(folder)
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    events = validation.confirm(ids(folder, 20, 130), "ada")
    assert [(event.label, len(event.image_ids)) for event in events] == [("dark", 1), ("middle", 1)]
    validation.move(ids(folder, 30), "bright", "bob")
    validation.unknown(ids(folder, 240), "ada")
    assert names(folder) == {
        "grey-20.png": ("dark", "validated", "ada"),
        "grey-30.png": ("bright", "validated", "bob"),
        "grey-130.png": ("middle", "validated", "ada"),
        "grey-140.png": ("middle", "predicted", ""),
        "grey-240.png": ("", "unknown", "ada"),
        "grey-250.png": ("bright", "predicted", ""),
    }
    frame = folder.determinations()
    assert frame["predicted_label"].tolist() == ["dark", "dark", "middle", "middle", "bright", "bright"]
    at = pd.to_datetime(frame.loc[frame["status"] != "predicted", "validated_at"])
    assert ((at >= start) & (at <= datetime.datetime.now(datetime.UTC))).all()
    assert (folder.path / "results.csv").read_bytes() == before
    summary = validation.summary()
    assert (summary.images, summary.validated, summary.unknown, summary.moved) == (6, 3, 1, 1)
    assert [(one.person, one.validated, one.unknown) for one in summary.people] == [
        ("ada", 2, 1),
        ("bob", 1, 0),
    ]
    assert {one.label: (one.images, one.validated, one.unknown, one.moved) for one in summary.classes} == {
        "dark": (2, 2, 0, 1), "middle": (2, 1, 0, 0), "bright": (2, 0, 1, 0),
    }  # fmt: skip


def test_undo_takes_back_the_person_s_own_last_act_as_often_as_asked_and_after_a_restart(folder):
    both = ids(folder, 20, 130)
    Validation(folder).confirm(both, "ada")
    Validation(folder).move(both, "bright", "bob")
    Validation(folder).move(both[:1], "middle", "ada")
    again = Validation(folder)
    assert [event.label for event in again.undo("ada")] == ["middle"]
    assert names(folder)["grey-20.png"] == ("bright", "validated", "bob")
    # Ada's first act named two classes, with one press of a key: one undo takes back both, and leaves what Bob said.
    assert sorted(event.label for event in Validation(folder).undo("ada")) == ["dark", "middle"]
    assert names(folder)["grey-20.png"] == ("bright", "validated", "bob")
    assert Validation(folder).undo("ada") == []
    assert Validation(folder).undo("cleo") == []
    Validation(folder).undo("bob")
    assert {status for _, status, _ in names(folder).values()} == {"predicted"}
    assert [event.action for event in again.events()].count("undo") == 4


def test_confirming_again_seconds_the_name_that_somebody_gave(folder):
    validation = Validation(folder)
    validation.move(ids(folder, 20), "bright", "bob")
    assert [event.label for event in validation.confirm(ids(folder, 20), "ada")] == ["bright"]


def test_an_image_without_a_name_cannot_be_confirmed(folder, run, tmp_path):
    unsure = run(images=tmp_path / "in", parameters={"threshold": 1.0})
    validation = Validation(unsure)
    with pytest.raises(RunError, match="2 of 2 images carry no name"):
        validation.confirm(ids(unsure, 20, 30), "ada")
    validation.move(ids(unsure, 20), "dark", "ada")
    with pytest.raises(RunError, match="1 of 2 images carry no name"):
        validation.confirm(ids(unsure, 20, 30), "ada")
    assert names(unsure)["grey-20.png"] == ("dark", "validated", "ada")


def test_what_cannot_be_said_is_refused_in_words(folder):
    validation = Validation(folder)
    with pytest.raises(RunError, match=r"'brihgt' is no class of this run.*did you mean bright"):
        validation.move(ids(folder, 20), "brihgt", "ada")
    with pytest.raises(RunError, match="the classes are dark, middle, bright"):
        validation.move(ids(folder, 20), "", "ada")
    with pytest.raises(RunError, match=r"1 of 2 images are not of run .*'sha256:no'"):
        validation.confirm([*ids(folder, 20), "sha256:no"], "ada")
    with pytest.raises(RunError, match="No image was chosen"):
        validation.unknown([], "ada")
    for nobody in ("", "a\nb", "x" * 256):
        with pytest.raises(RunError, match="person's name"):
            validation.confirm(ids(folder, 20), nobody)
    assert not (folder.path / FILE_NAME).exists()


def test_identical_copies_follow_together(run, tmp_path):
    grey_png(tmp_path / "in" / "a.png", 20)
    grey_png(tmp_path / "in" / "b.png", 20)
    folder = run(images=tmp_path / "in")
    Validation(folder).move(folder.results()["image_id"].tolist()[:1], "bright", "ada")
    assert names(folder) == dict.fromkeys(("a.png", "b.png"), ("bright", "validated", "ada"))
    assert Validation(folder).summary().validated == 2


def test_a_torn_line_is_passed_over_and_the_next_writer_ends_it(folder):
    validation = Validation(folder)
    validation.confirm(ids(folder, 20), "ada")
    log = folder.path / FILE_NAME
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:40])
    assert Validation(folder).summary().skipped == 1
    assert names(folder)["grey-20.png"][1] == "validated"
    Validation(folder).confirm(ids(folder, 130), "bob")
    assert names(folder)["grey-130.png"] == ("middle", "validated", "bob")
    assert Validation(folder).summary().skipped == 1
    assert log.read_bytes().startswith(whole + whole[:40] + b"\n{")
    # An instance that looked while the line was torn sees the same.
    assert [event.person for event in validation.events()] == ["ada", "bob"]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"{}", b"[1]", b'{"event_id": 1}', b"null", b"x" * 100_000])
def test_a_damaged_line_spoils_no_other(folder, line):
    Validation(folder).confirm(ids(folder, 20), "ada")
    with (folder.path / FILE_NAME).open("ab") as stream:
        stream.write(line + b"\n")
    Validation(folder).confirm(ids(folder, 130), "ada")
    summary = Validation(folder).summary()
    assert (summary.validated, summary.skipped) == (2, 1)


def test_nobody_undoes_what_another_person_said_even_by_hand(folder):
    event = Validation(folder).confirm(ids(folder, 20), "ada")[0]
    forged = {"event_id": "x.1", "time": "2030-01-01T00:00:00Z", "person": "eve", "action": "undo", "undoes": event.event_id}  # fmt: skip
    with (folder.path / FILE_NAME).open("a") as stream:
        stream.write(json.dumps(forged) + "\n")
        stream.write(json.dumps({**forged, "event_id": "y.1", "undoes": "nothing"}) + "\n")
    assert names(folder)["grey-20.png"][1] == "validated"


def test_a_run_that_was_deleted_says_so(folder, tmp_path):
    validation = Validation(folder)
    validation.confirm(ids(folder, 20), "ada")
    folder.path.rename(tmp_path / "away")
    with pytest.raises(RunError, match="was deleted, so nothing was saved"):
        validation.confirm(list(validation.predicted)[:1], "ada")


def test_a_full_disk_leaves_no_half_of_an_act(folder, monkeypatch):
    validation = Validation(folder)
    validation.confirm(ids(folder, 20), "ada")
    before = (folder.path / FILE_NAME).read_bytes()
    real = os.write

    def full(handle, data):
        real(handle, bytes(data)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidelab.runs.append_log.os.write", full)
    with pytest.raises(RunError, match="The disk is full; this was not saved"):
        validation.confirm(ids(folder, 130), "ada")
    assert (folder.path / FILE_NAME).read_bytes() == before
    monkeypatch.undo()
    assert names(folder)["grey-130.png"][1] == "predicted"


def test_a_folder_that_may_not_be_written_says_so(folder):
    (folder.path / FILE_NAME).symlink_to("/dev/null")
    with pytest.raises(RunError):
        Validation(folder).confirm(ids(folder, 20), "ada")


def _many(path, person, image_ids):
    validation = Validation(RunFolder(path))
    for image_id in image_ids:
        validation.confirm([image_id], person)
        validation.move([image_id], "bright", person)
        validation.undo(person)


def test_two_people_at_once_lose_nothing(folder):
    images = list(Validation(folder).predicted)
    context = multiprocessing.get_context("fork")
    people = [context.Process(target=_many, args=(folder.path, who, images * 5)) for who in ("ada", "bob")]
    for one in people:
        one.start()
    for one in people:
        one.join(60)
    assert [one.exitcode for one in people] == [0, 0]
    validation = Validation(folder)
    events = validation.events()
    assert validation.summary().skipped == 0
    assert len(events) == 2 * 5 * len(images) * 3
    assert len({event.event_id for event in events}) == len(events)
    assert {word.label for word in validation.words().values()} == {"dark", "middle", "bright"}


def test_names_in_force_of_20_000_images_with_10_000_acts_take_well_under_a_second(folder):
    import time

    frame = folder.results()
    many = pd.concat([frame] * 3334, ignore_index=True).head(20_000)
    many["image_id"] = [f"sha256:{number:064x}" for number in range(20_000)]
    many.to_csv(folder.path / "results.csv", index=False)
    line = '{{"event_id":"a{0}.1","time":"2026-01-01T00:00:00Z","person":"ada","action":"validate","image_ids":["sha256:{1:064x}","sha256:{2:064x}"],"label":"dark"}}\n'
    with (folder.path / FILE_NAME).open("w") as stream:
        stream.writelines(line.format(n, n, 19_999 - n) for n in range(10_000))
    start = time.process_time()
    found = folder.determinations()
    assert time.process_time() - start < 0.8
    assert (found["status"] == "validated").all()


def test_an_undo_costs_the_same_after_thousands_of_acts(monkeypatch):
    compared = []
    monkeypatch.setattr(ValidationEvent, "__eq__", lambda one, other: compared.append(one) or one is other)
    replay, time = Replay(), datetime.datetime.now(datetime.UTC)
    for number in range(500):
        replay.add(
            ValidationEvent(event_id=f"{number}.1", time=time, person="ada", action="unknown", image_ids=("a", f"b{number}"))
        )  # fmt: skip
    for number in range(499, -1, -1):
        (last,) = replay.last_act("ada")
        assert last.event_id == f"{number}.1"
        replay.add(
            ValidationEvent(
                event_id=f"{number}.undo", time=time, person="ada", action="undo", undoes=last.event_id
            )
        )
    assert replay.words() == {}
    assert compared == []


def test_a_long_log_is_read_before_the_lock_is_taken(folder, monkeypatch):
    Validation(folder).unknown(ids(folder, 20), "ada")
    late = Validation(folder)
    seen = []
    monkeypatch.setattr(append_log, "_lock", lambda handle, path: seen.append(late._log.position))
    late.unknown(ids(folder, 30), "ben")
    assert seen[0] > 0
    assert [event.person for event in late.events()] == ["ada", "ben"]
