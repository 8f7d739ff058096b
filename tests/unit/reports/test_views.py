"""What the views say of a run, and what they never do: let a name become HTML."""

import json

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from tests.support.brightness import grey_png
from tidelab.domain.verdict import DriftedImage, SampleVerdict, StatisticTest, Verdict
from tidelab.reports import views
from tidelab.reports.views.counts import class_counts
from tidelab.reports.views.downloads import downloadable

ALL = [
    views.verdict, views.summary, views.counts, views.counts_plot, views.gallery, views.failed_files, views.downloads,
    views.provenance, views.outcome, views.validation,
]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>.png"


def soup(displayable):
    return BeautifulSoup(displayable.html, "html.parser")


def rows(displayable):
    return [
        [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
        for row in soup(displayable).select("tbody tr")
    ]


@pytest.fixture
def pictures(tmp_path):
    """Eight dark, three middle, one bright; an empty file; names that look like HTML."""
    folder = tmp_path / "input"
    for number in range(7):
        grey_png(folder / f"dark-{number}.png", 18 + number)
    grey_png(folder / HOSTILE, 16)
    for number in range(3):
        grey_png(folder / f"middle-{number}.png", 128 + number)
    grey_png(folder / "bright.png", 240)
    (folder / "<script>alert(2)</script>.png").parent.mkdir(parents=True, exist_ok=True)
    (folder / "<b>empty<b>.png").touch()
    return folder


@pytest.mark.parametrize("view", ALL, ids=lambda view: view.__name__)
def test_no_name_becomes_html(run, pictures, view):
    finished = run(pictures)
    shown = view(finished)
    page = soup(shown)
    assert not page.find_all("script")
    assert not page.select("[onerror]")
    assert not [tag for tag in page.find_all("img") if not tag["src"].startswith("data:image/")]
    assert not page.find_all("b", string="empty")
    assert shown.text


def test_hostile_names_are_shown_as_they_are(run, pictures):
    finished = run(pictures)
    assert HOSTILE in soup(views.gallery(finished)).get_text()
    assert rows(views.failed_files(finished))[0][0] == "<b>empty<b>.png"


def test_counts_are_those_of_the_results(run, pictures):
    assert rows(views.counts(run(pictures)))[0][:1] + rows(views.counts(run(pictures)))[0][2:4] == [
        "dark",
        "8",
        "66.7 %",
    ]
    table = {row[0]: row[1:4] for row in rows(views.counts(run(pictures)))}
    assert table == {
        "dark": ["–", "8", "66.7 %"],
        "middle": ["148947", "3", "25.0 %"],
        "bright": ["–", "1", "8.3 %"],
    }
    link = soup(views.counts(run(pictures))).select_one("td a")
    assert link["href"] == "https://www.marinespecies.org/aphia.php?p=taxdetails&id=148947"


def test_images_below_the_threshold_come_last_and_have_a_name(run, pictures):
    table = rows(views.counts(run(pictures, parameters={"threshold": 0.9})))
    assert table[-1][0] == "Unidentified (below the threshold)"
    assert sum(int(row[2]) for row in table) == 12


def test_class_counts_of_a_plain_table():
    results = pd.DataFrame(
        {"label": ["a", "", "b", "a"], "aphia_id": [1.0, None, pd.NA, 1.0], "score": [0.5, 0.2, 0.9, 0.7]}
    )
    found = [(one.label, one.aphia_id, one.images, round(one.mean_score, 3)) for one in class_counts(results)]
    assert found == [("a", "1", 2, 0.6), ("b", "", 1, 0.9), ("", "", 1, 0.2)]


def test_plot_has_a_text_for_those_who_cannot_see_it_and_survives_any_label(run, use_case, pictures):
    image = soup(views.counts_plot(run(pictures))).img
    assert image["alt"] == "Bar chart of images per class: dark 8, middle 3, bright 1"
    from tidelab.reports.views.counts import ClassCount, _draw

    assert _draw([ClassCount("$x_{", "", 3, 0.5), ClassCount("a$b$\\c", "", 1, 0.5)]).startswith(b"\x89PNG")


def test_gallery_is_bounded_and_says_what_it_leaves_out(run, tmp_path):
    for number in range(40):
        grey_png(tmp_path / "many" / f"{number}.png", 5 + number)
    page = soup(views.gallery(run(tmp_path / "many"), per_class=6))
    assert len(page.find_all("figure")) == 6
    assert "34 more in results.csv" in page.get_text()
    scores = [float(tag.get_text()) for tag in page.select("figcaption b")]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert max(scores[3:]) <= min(scores[:3])


def test_the_demo_model_says_so_loudly(run):
    assert "Demo model" in soup(views.summary(run())).select_one(".tl-note-warn").get_text()


def test_nothing_failed_is_said(run):
    assert "None" in views.failed_files(run()).html


def test_when_no_file_could_be_used_each_is_named_with_what_to_do(run, tmp_path):
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "a.png").touch()
    finished = run(tmp_path / "only")
    assert finished.state().status == "failed"
    assert rows(views.outcome(finished))[0][:2] == ["a.png", "The file is empty (0 bytes)."]


def test_downloads_carry_the_files_byte_for_byte(run, pictures):
    import base64

    finished = run(pictures)
    links = {link["download"]: link["href"] for link in soup(views.downloads(finished)).select("a[download]")}
    assert set(links) == {"results.csv", "counts.csv", "failed_files.csv", "determinations.csv"}
    files = {file.name: file for file in downloadable(finished)}
    for name, href in links.items():
        assert base64.b64decode(href.partition("base64,")[2]) == files[name].path().read_bytes()
    files = {
        file.name.removeprefix(f"{finished.request.use_case}-{finished.run_id}"): file
        for file in downloadable(finished)
    }
    assert {"results.csv", ".zip", "-ecotaxa.zip", "-coco.json"} <= set(files)
    assert all(file.path().exists() for file in files.values() if not file.reason)


def test_formats_are_listed_with_their_command_or_with_the_reason(run, tmp_path):
    finished = run()
    said = {item.get_text() for item in soup(views.downloads(finished)).select(".tl-formats li")}
    assert f"EcoTaxa (zip): tidelab export {finished.run_id} ecotaxa" in said
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "a.png").touch()
    failed = run(tmp_path / "only")
    (told,) = (file for file in downloadable(failed) if "ecotaxa" in file.name)
    assert told.reason == "The run did not finish (failed); run it again, finished images are kept."


VERDICT = {
    "green": ("Fit", "circle"), "amber": ("Take care", "path"), "red": ("Not fit", "path"), "grey": ("Cannot tell", "rect"),
}  # fmt: skip


@pytest.mark.parametrize("state", VERDICT)
def test_a_verdict_has_a_word_and_a_shape_of_its_own(run, state):
    finished = run()
    said = Verdict(
        state=state,
        headline="<b>How it is</b>",
        reasons=["First & foremost.", "Second."],
        n_images=3,
        n_reference=9,
    )
    (finished.path / "verdict.json").write_text(said.model_dump_json())
    page = soup(views.verdict(finished))
    word, shape = VERDICT[state]
    assert page.select_one(".tl-word").get_text() == word
    assert page.svg["aria-label"] == word
    assert page.svg.find(shape)
    assert page.h2.get_text() == "<b>How it is</b>"
    assert [item.get_text() for item in page.select("li")] == ["First & foremost.", "Second."]
    assert len({views.verdict(finished).html for _ in range(2)}) == 1


def test_the_effect_stands_beside_what_known_samples_show(run):
    finished = run()
    said = Verdict(
        state="green", headline="h", n_images=290, n_reference=300, unlike=9, unlike_share=0.031, unlike_low=0.016, unlike_high=0.058,
        known_samples=24, known_low=0.0, known_high=0.024,
    )  # fmt: skip
    (finished.path / "verdict.json").write_text(said.model_dump_json())
    page = soup(views.verdict(finished))
    words = page.select_one(".tl-effect p").get_text()
    assert words == (
        "3.1 % of the images are unlike the known ones (diamond; line: 95 % interval, 1.6 % to 5.8 %); "
        "0 to 2.4 % (grey bar) would be normal among 24 known samples."
    )
    drawing = page.select_one(".tl-effect svg")
    assert drawing["aria-label"] == words
    scale = float(drawing.rect["width"]) / 0.024
    lines = drawing.find_all("line")
    assert float(lines[1]["x1"]) == pytest.approx(0.016 * scale, rel=0.01)
    assert float(lines[1]["x2"]) == pytest.approx(0.058 * scale, rel=0.01)
    ticks = {one.get_text(): float(one["x"]) for one in drawing.find_all("text") if "%" in one.get_text()}
    assert list(ticks) == ["0 %", "1 %", "2 %", "3 %", "4 %", "5 %", "6 %"]
    assert ticks["4 %"] == pytest.approx(0.04 * scale, rel=0.01)
    unjudged = said.model_copy(update={"known_low": None, "known_high": None})
    (finished.path / "verdict.json").write_text(unjudged.model_dump_json())
    page = soup(views.verdict(finished))
    assert "would be normal" not in page.get_text()
    assert not page.select_one(".tl-effect rect")


def test_each_sample_of_a_run_has_its_row(run):
    finished = run()
    samples = [
        SampleVerdict(
            sample_id=HOSTILE, state="amber", n_images=60, unlike=9, unlike_low=0.08, unlike_high=0.26, words="15% unlike"
        ),
        SampleVerdict(sample_id="b", state="grey", n_images=3, words="fewer than 30 images"),
    ]  # fmt: skip
    said = Verdict(state="amber", headline="h", samples=samples)
    (finished.path / "verdict.json").write_text(said.model_dump_json())
    shown = rows(views.verdict(finished))
    assert shown[0] == [HOSTILE, "Take care", "60", "9 (15.0 %)", "8.0 % to 26.0 %", "15% unlike"]
    assert shown[1] == ["b", "Cannot tell", "3", "–", "–", "fewer than 30 images"]


def test_drifted_images_stand_beside_their_nearest(run, pictures):
    finished = run(pictures)
    first = finished.results().iloc[0]
    drifted = [DriftedImage(image_id=first.image_id, image=HOSTILE, distance=2.0, nearest=99)]
    said = json.loads((finished.path / "verdict.json").read_text())
    (finished.path / "verdict.json").write_text(
        json.dumps({**said, "drifted": [one.model_dump() for one in drifted]})
    )
    page = soup(views.verdict(finished))
    assert len(page.select(".tl-pair")) == 1
    assert page.select_one(".tl-pair img")["src"].startswith("data:image/jpeg")
    assert page.select_one(".tl-pair .tl-missing"), (
        "a demo bundle without a reference has no picture, and says so"
    )


def test_statistics_of_the_verdict_are_a_table(run):
    finished = run()
    test = StatisticTest(
        name="b",
        title="<i>brightness</i>",
        statistic=0.42,
        p_value=0.001,
        reference_median=165,
        median=120.5,
        plain="darker",
    )
    said = Verdict(state="amber", headline="h", statistic_tests=[test], mmd=0.0123, p_value=0.004)
    (finished.path / "verdict.json").write_text(said.model_dump_json())
    assert rows(views.verdict(finished))[0][:5] == ["<i>brightness</i>", "165", "120", "0.42", "0.001"]


def test_provenance_names_model_person_and_citation(run):
    finished = run()
    text = soup(views.provenance(finished)).get_text(" ")
    for word in (
        finished.run_id,
        finished.request.model.digest,
        "ada",
        "Tests. How bright?",
        "Threshold 0.5",
    ):
        assert word in text


def test_a_failed_run_says_what_to_do_and_folds_the_log_away(run):
    finished = run()
    state = json.loads((finished.path / "state.json").read_text())
    (finished.path / "state.json").write_text(
        json.dumps({**state, "status": "failed", "message": "The <disk> is full. Free some space."})
    )
    (finished.path / "log.txt").write_text("Traceback <most recent>")
    page = soup(views.outcome(finished))
    assert "The <disk> is full. Free some space." in page.select_one(".tl-note").get_text()
    assert page.select_one("details:not([open]) pre").get_text() == "Traceback <most recent>"
