"""Views of a detector's run: counts with their pictures, boxes drawn where objects are, nothing found said in words."""

import base64
import io
import sys

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from tests.support.blobs import LABELS, make_use_case, picture
from tidelab.reports import views
from tidelab.reports.views._boxes import Drawn, colours, draw_boxes
from tidelab.reports.views.objects import chosen
from tidelab.runs import get_executor, prepare
from tidelab.runs.validation import Validation


@pytest.fixture
def spots(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        monkeypatch.delitem(sys.modules, name)
    return make_use_case(tmp_path / "spots")


@pytest.fixture
def found(spots):
    def start(images="sample", **more):
        folder = prepare(spots, images=images, person="ada", **more)
        get_executor("inline").submit(folder)
        assert folder.state().status == "done", folder.log()
        return folder

    return start


def soup(shown):
    return BeautifulSoup(str(shown.html), "html.parser")


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))).convert("RGB"))


def test_objects_per_picture_gives_effort_mean_and_most(found):
    shown = views.objects_per_picture(found())
    cells = [[cell.get_text() for cell in row.find_all("td")] for row in soup(shown).select("tbody tr")]
    assert cells == [
        [LABELS[0], "1", "0.333", "1 (33.3 %)", "1"],
        [LABELS[1], "1", "0.333", "1 (33.3 %)", "1"],
    ]
    assert "3 pictures" in soup(shown).caption.get_text()
    assert "not individuals" in soup(shown).get_text()


def test_pictures_are_shown_with_their_boxes(found, tmp_path):
    picture(tmp_path / "in" / "a.png", [(10, 30, 20, 15, 228)], (60, 60))
    page = soup(views.pictures(found(tmp_path / "in")))
    drawn = pixels(page.img)
    assert drawn.shape == (60, 60, 3)
    red, _, blue = drawn[44, 20].astype(int)  # the lower edge of the box, in the colour of the first class
    assert red > 180
    assert blue < 110
    assert abs(int(drawn[5, 55, 0]) - 128) < 12
    assert page.select_one(".tl-key").get_text() == LABELS[0]


def test_a_picture_that_is_gone_is_shown_small_with_the_reason(found, tmp_path):
    file = picture(tmp_path / "in" / "a.png", [(10, 10, 20, 15, 228)])
    picture(tmp_path / "in" / "b.png", [])
    run = found(tmp_path / "in")
    file.unlink()
    text = soup(views.pictures(run)).get_text()
    assert "Shown small and without boxes: It is no longer where it was." in text


def test_names_are_escaped(found, tmp_path):
    picture(tmp_path / "in" / "<img src=x onerror=alert(1)>.png", [(10, 10, 20, 15, 228)])
    html = str(views.pictures(found(tmp_path / "in")).html)
    assert "<img src=x" not in html


def test_an_ephemeral_run_shows_no_picture(found, monkeypatch):
    run = found()
    (run.path / ".ephemeral").write_text("1\n")
    assert soup(views.pictures(run)).img is None


def test_what_was_found_is_called_objects_and_nothing_found_is_said(found, tmp_path):
    run = found()
    assert "Objects" in [cell.get_text() for cell in soup(views.counts(run)).find_all("th")]
    summary = views.summary(run).text
    assert "3 pictures searched; 1 of them with objects; 2 objects found" in summary
    picture(tmp_path / "none" / "a.png", [])
    empty = found(tmp_path / "none")
    (empty.path / "failed_files.csv").write_text("image,reason,expected,next_step\nb.png,a,b,c\n")
    assert (
        "1 picture searched; 0 of them with objects; 0 objects found; 0 classes found; 1 file could not be used"
        in (views.summary(empty).text)
    )
    for view in (views.counts, views.counts_plot, views.gallery, views.summary, views.objects_per_picture):
        assert "No object was found in 1 picture that was searched." in soup(view(empty)).get_text(), view
    assert len(soup(views.pictures(empty)).find_all("figure")) == 1


def test_a_box_that_a_person_called_none_counts_no_more(found):
    run = found()
    Validation(run).move([run.results()["image_id"][0]], "no object", "ada")
    cells = [
        row.find_all("td")[1].get_text() for row in soup(views.objects_per_picture(run)).select("tbody tr")
    ]
    assert cells == ["1", "0"]
    assert "1 called no object by a person" in views.summary(run).text


def test_products_and_those_that_failed_stand_among_the_downloads(found, spots):
    file = spots.folder / "usecase.yaml"
    file.write_text(
        file.read_text().replace(
            "- blob_case.hooks:table", "- blob_case.hooks:table\n  - blob_case.hooks:failing"
        )
    )
    shown = views.downloads(found())
    assert "could not be made: ValueError: no tide today." in soup(shown).get_text()
    assert "series-objects.csv: made by this use case" in shown.text
    assert "Note (products/note.txt, 11 bytes)" in soup(shown).get_text()
    assert "pictures.csv" in shown.text


def test_a_classifier_says_that_it_looks_for_no_objects(run):
    for view in (views.pictures, views.objects_per_picture):
        assert "names images" in view(run()).text


def test_pictures_are_chosen_by_most_objects_least_sure_and_none():
    pictures = pd.DataFrame({"picture_id": [f"p{n}" for n in range(8)]})
    rows = pd.DataFrame(
        {
            "picture_id": ["p0", "p0", "p0", "p1", "p1", "p2", "p3", "p4"],
            "score": [0.9, 0.9, 0.9, 0.8, 0.8, 0.3, 0.7, 0.6],
        }
    )
    groups = chosen(pictures, rows, 4)
    assert groups == {"Most objects": ["p0", "p1"], "Least sure": ["p2"], "Nothing found": ["p5"]}
    assert chosen(pictures, rows.iloc[:0], 4)["Nothing found"] == ["p0", "p1", "p2", "p3"]


def test_a_large_picture_is_shrunk_with_its_boxes():
    large = np.full((2000, 4000, 3), 90, np.uint8)
    by_label = colours(["fish"])
    jpeg = draw_boxes(large, [Drawn((2000, 1000, 400, 400), "fish" * 30, by_label["fish"], 0.99999)])
    image = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    assert image.shape == (480, 960, 3)
    assert image[300, 480, 0] > 180, "the left edge, at a fraction 0.24 of its place"
    assert len(jpeg) < 60_000


def test_objects_in_pictures_are_in_no_water(found):
    shown = views.estimates(found())
    heads = [cell.get_text() for cell in soup(shown).find_all("th")]
    assert heads == ["Class", "Named", "Validated", "Corrected (95 % interval)", "How"]
    assert all(len(row.find_all("td")) == len(heads) for row in soup(shown).find_all("tr")[1:])
