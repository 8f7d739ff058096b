"""Looks at a test set: appended, counted by experiment, readable after a crash."""

import json
import multiprocessing

import pytest

from tidelab.training.looks import FILE, look


def looked(images, home, experiment, rows=range(30), model="m"):
    return look(images, rows, experiment=experiment, model=model, name="Network", home=home)


def test_each_experiment_is_one_look(images, tmp_path):
    assert [looked(images, tmp_path, one).number for one in ("a", "a", "b", "a", "c")] == [1, 1, 2, 1, 3]
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [one["experiment"] for one in lines] == ["a", "a", "b", "a", "c"], "every look is written down"
    assert {one["n_images"] for one in lines} == {30}


def test_another_division_of_the_same_images_counts_and_other_images_do_not(images, tmp_path):
    looked(images, tmp_path, "a")
    assert looked(images, tmp_path, "b", range(20, 50)).number == 2
    assert looked(images.subset(range(60)), tmp_path, "c", range(10)).number == 1
    assert looked(images.subset(range(60)), tmp_path, "d", range(30)).number == 3, "the very same test images"


def test_the_words_say_what_it_means(images, tmp_path):
    assert looked(images, tmp_path, "a").words == "This is the first look at these test images."
    words = looked(images, tmp_path, "b").words
    assert "look number 2" in words
    assert "below 0.008 instead of 0.04" in words


def test_a_line_cut_off_by_a_crash_loses_nothing_else(images, tmp_path):
    looked(images, tmp_path, "a")
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes() + b'{"at": "2026')
    assert looked(images, tmp_path, "b").number == 2
    assert looked(images, tmp_path, "c").number == 3


@pytest.mark.parametrize("rubbish", [b"\xff\xfe\n", b"[]\n", b"{}\n", b"null\n"])
def test_rubbish_in_the_log_is_passed_over(images, tmp_path, rubbish):
    (tmp_path / FILE).write_bytes(rubbish)
    assert looked(images, tmp_path, "a").number == 1


def test_a_log_that_cannot_be_written_is_said(images, tmp_path):
    (tmp_path / FILE).mkdir()
    found = looked(images, tmp_path, "a")
    assert "could not be written down" in found.words
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / FILE).symlink_to(tmp_path / "elsewhere")
    assert "could not be written down" in looked(images, tmp_path / "link", "a").words
    assert not (tmp_path / "elsewhere").exists()


def _many(images, home, name):
    for number in range(20):
        looked(images, home, f"{name}{number}")


def test_two_notebooks_at_once_lose_no_line(images, tmp_path):
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_many, args=(images.subset(range(30)), tmp_path, name)) for name in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert len((tmp_path / FILE).read_text().splitlines()) == 40
