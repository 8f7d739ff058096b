"""What was said of images in an earlier run holds in a new run of the same images, and says whence."""

import shutil

import pytest

from tests.support.brightness import grey_png
from tidelab.runs.validation import Validation
from tidelab.runs.validation.log import FILE_NAME


@pytest.fixture
def images(tmp_path):
    for grey in range(8, 248, 24):
        grey_png(tmp_path / "in" / f"grey-{grey}.png", grey)
    return tmp_path / "in"


def words(folder):
    return {
        image_id: (word.label, word.person, word.time) for image_id, word in Validation(folder).words().items()
    }  # fmt: skip


def test_a_new_run_of_the_same_images_says_what_was_validated_by_whom_and_where(run, images, tmp_path):
    first = run(images=images)
    validation = Validation(first)
    ids = list(validation.predicted)
    validation.confirm(ids[:3], "ada")
    validation.move(ids[3:4], "dark", "bob")
    validation.unknown(ids[4:5], "ada")
    validation.confirm(ids[5:6], "ada")
    validation.undo("ada")
    # The same content under other names, and one image more.
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(images, elsewhere)
    (elsewhere / "grey-8.png").rename(elsewhere / "zzz.png")
    grey_png(elsewhere / "new.png", 255)
    second = run(images=elsewhere)
    assert words(second) == words(first)
    assert {event.adopted_from for event in Validation(second).events()} == {first.run_id}
    assert Validation(second).summary().adopted == {first.run_id: 5}
    frame = second.determinations().set_index("image")
    assert frame.loc["zzz.png", ["status", "validated_by"]].tolist() == ["validated", "ada"]
    assert frame.loc["new.png", "status"] == "predicted"
    assert "5 images were validated in earlier runs" in second.log()
    assert (second.path / "results.csv").read_bytes() == (run(images=elsewhere).path / "results.csv").read_bytes()  # fmt: skip


def test_nobody_undoes_in_this_run_what_was_said_in_another(run, images):
    first = run(images=images)
    Validation(first).confirm(list(Validation(first).predicted), "ada")
    second = run(images=images)
    assert Validation(second).undo("ada") == []
    assert len(words(second)) == 10


def test_the_latest_word_of_all_runs_counts_and_what_was_taken_back_does_not_return(run, images):
    first = run(images=images)
    ids = list(Validation(first).predicted)
    Validation(first).confirm(ids[:2], "ada")
    second = run(images=images)
    Validation(first).undo("ada")
    Validation(second).move(ids[1:2], "bright", "bob")
    third = run(images=images)
    assert {image_id: word[:2] for image_id, word in words(third).items()} == {ids[1]: ("bright", "bob")}


def test_what_was_said_survives_the_run_it_was_said_in(run, images):
    first = run(images=images)
    Validation(first).confirm(list(Validation(first).predicted), "ada")
    second = run(images=images)
    said, origin = words(second), first.run_id
    shutil.rmtree(first.path)
    third = run(images=images)
    assert words(third) == said
    assert Validation(third).summary().adopted == {origin: 10}


def test_audits_come_along_with_their_chances_when_images_and_predictions_are_the_same(run, images, tmp_path):
    first = run(images=images)
    audit = Validation(first).draw_audit(5, 1, "ada")
    Validation(first).confirm([i for i in audit.image_ids if Validation(first).predicted[i]], "ada")
    n_checked = len(Validation(first).checked(audit))
    assert n_checked
    second = run(images=images)
    (adopted,) = Validation(second).audits()
    assert adopted.model_copy(update={"adopted_from": ""}) == audit
    assert adopted.adopted_from == first.run_id
    assert Validation(second).checked(adopted) == Validation(first).checked(audit)
    # One image more is another population: the words hold, the chances do not.
    shutil.copytree(images, tmp_path / "more")
    grey_png(tmp_path / "more" / "new.png", 255)
    third = run(images=tmp_path / "more")
    assert Validation(third).audits() == []
    assert {word.audit for word in Validation(third).words().values()} == {""}
    assert len(Validation(third).words()) == n_checked


def test_a_name_that_is_no_class_of_the_run_is_left_out_and_told(run, images):
    first = run(images=images)
    Validation(first).confirm(list(Validation(first).predicted)[:3], "ada")
    log = first.path / FILE_NAME
    log.write_text(log.read_text().replace('"dark"', '"Kraken"'))
    second = run(images=images)
    assert "carry a name there that is no class of this run" in second.log()
    assert "Kraken" not in {word.label for word in Validation(second).words().values()}


def test_a_damaged_earlier_run_is_told_and_fails_nothing(run, images):
    first = run(images=images)
    Validation(first).confirm(list(Validation(first).predicted), "ada")
    (first.path / "audits.json").write_text("{")
    (first.path / "results.csv").unlink()
    damaged = run(images=images)
    assert damaged.state().status == "done"
    assert "could not be taken over" in damaged.log()
    assert len(words(damaged)) == 10
    (first.path / FILE_NAME).unlink()
    (first.path / FILE_NAME).symlink_to("/etc/passwd")
    assert run(images=images).state().status == "done"
