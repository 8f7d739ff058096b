"""What people said of a run's images, in every view that counts or shows them."""

import csv
import io
import json

import pytest
from bs4 import BeautifulSoup

from tests.support.brightness import grey_png
from tidelab.reports import views
from tidelab.reports.views.downloads import downloadable
from tidelab.runs.validation import Validation

HOSTILE = "<img src=x onerror=alert(1)>"


def soup(displayable):
    return BeautifulSoup(displayable.html, "html.parser")


def tables(displayable):
    """Return caption -> rows of texts."""
    return {
        table.caption.get_text(): [
            [cell.get_text(" ", strip=True) for cell in row.find_all("td")] for row in table.select("tbody tr")
        ]
        for table in soup(displayable).find_all("table")
        if table.caption
    }  # fmt: skip


@pytest.fixture
def validated(run, tmp_path):
    """Six dark, two middle; two dark confirmed, one dark moved to bright, one middle unknown."""
    for number in range(6):
        grey_png(tmp_path / "in" / f"dark-{number}.png", 18 + number)
    for number in range(2):
        grey_png(tmp_path / "in" / f"middle-{number}.png", 128 + number)
    folder = run(tmp_path / "in")
    ids = folder.results()["image_id"].tolist()
    validation = Validation(folder)
    validation.confirm(ids[:2], "ada")
    validation.move(ids[2:3], "bright", "bob")
    validation.unknown(ids[6:7], HOSTILE)
    return folder


def test_counts_follow_the_names_in_force(validated):
    rows = [
        [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
        for row in soup(views.counts(validated)).select(".tl-table tbody tr")
    ]
    # Class, images, share, validated, mean score: the model's score says nothing of a name it did not give.
    found = {row[0]: (row[2], row[3], row[4]) for row in rows}
    assert found == {
        "dark": ("5", "62.5 %", "2"),
        "middle": ("1", "12.5 %", "0"),
        "bright": ("1", "12.5 %", "1"),
        "Unknown (a person looked and could not tell)": ("1", "12.5 %", "1"),
    }
    assert {row[0]: row[5] for row in rows}["bright"] == "–"
    assert "dark: 5 (62.5 %), 2 validated" in views.counts(validated).text


def test_unknown_to_a_person_is_not_unidentified_by_the_model(run, tmp_path):
    for grey in (20, 75, 130):
        grey_png(tmp_path / "in" / f"{grey}.png", grey)
    folder = run(tmp_path / "in", parameters={"threshold": 0.97})
    labels = folder.results()["label"].tolist()
    assert labels.count("") >= 2
    unnamed = folder.results().loc[folder.results()["label"] == "", "image_id"].tolist()
    Validation(folder).unknown(unnamed[:1], "ada")
    text = views.counts(folder).text
    assert f"Unidentified (below the threshold): {labels.count('') - 1} " in text
    assert "Unknown (a person looked and could not tell): 1 " in text
    assert f"{labels.count('') - 1} unidentified" in views.summary(folder).text
    assert "1 looked at by a person" in views.summary(folder).text


def test_plot_and_gallery_tell_what_a_person_looked_at(validated):
    assert "dark 5 (2 validated)" in soup(views.counts_plot(validated)).img["alt"]
    page = soup(views.gallery(validated))
    groups = [heading.get_text(" ", strip=True) for heading in page.find_all("h3")]
    assert groups[0] == "dark 5"
    assert "Unknown (a person looked and could not tell) 1" in groups
    marks = [mark["aria-label"] for mark in page.select(".tl-looked")]
    assert sorted(marks) == [
        f"unknown to {HOSTILE}",
        "validated by ada",
        "validated by ada",
        "validated by bob",
    ]
    assert not page.select("[onerror]")


def test_the_view_says_what_is_validated_by_whom_and_when(validated):
    Validation(validated).draw_audit(3, 7, "cleo")
    shown = views.validation(validated)
    assert "4 of 8 images were looked at by ada, <img" in shown.text
    assert (
        "3 validated (1 of them under another name than the model gave), 1 that could not be told."
        in shown.text
    )
    assert not soup(shown).select("[onerror]")
    found = tables(shown)
    day = Validation(validated).events()[0].time.strftime("%Y-%m-%d %H:%M UTC")
    assert found["By whom and when"][0] == ["ada", "2", "0", day, day]
    assert {row[0] for row in found["By whom and when"]} == {"ada", "bob", HOSTILE}
    # Class the model gave: images, confirmed, given another name, could not tell, not looked at.
    assert found["Of each class, as the model had named it"] == [
        ["dark", "6", "2", "1", "0", "3"],
        ["middle", "2", "0", "0", "1", "1"],
    ]
    (audit,) = found["Random audits; the chances of all images are kept in audits.json"]
    assert audit[1:6] == ["3", "0", "by predicted class", "7", "cleo"]


def test_nobody_validated_is_said(run):
    assert "Nobody has validated this run" in views.validation(run()).text


def test_what_was_adopted_says_from_where(validated, run, tmp_path):
    again = run(tmp_path / "in")
    text = views.validation(again).text
    assert "4 of 8 images were looked at by ada" in text
    assert f"4 images had been validated in an earlier analysis of the same images; this was taken over from {validated.run_id} (4 images)." in text  # fmt: skip
    assert views.counts(again).text == views.counts(validated).text


def test_a_damaged_line_is_told(validated):
    with (validated.path / "validations.jsonl").open("a") as stream:
        stream.write(json.dumps({"event_id": 1}) + "\n")
    assert "1 line of the validation log cannot be read" in views.validation(validated).text


def test_the_table_of_names_follows_at_each_download(validated):
    (file,) = (file for file in downloadable(validated) if file.name == "determinations.csv")
    rows = list(csv.DictReader(io.StringIO(file.path().read_text())))
    assert [row["status"] for row in rows] == ["validated"] * 3 + ["predicted"] * 3 + ["unknown", "predicted"]
    assert [row["label"] for row in rows][:4] == ["dark", "dark", "bright", "dark"]
    assert {row["predicted_label"] for row in rows} == {"dark", "middle"}
    Validation(validated).undo("ada")
    assert file.path().read_text().count(",validated,") == 1
