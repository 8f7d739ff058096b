"""What stands behind a verdict, shown for a real run of the demonstration model."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidelab.domain.verdict import Verdict
from tidelab.drift import Timeline
from tidelab.reports.views import fitness
from tidelab.runs import RunFolder, get_executor, prepare

VIEWS = [fitness.image_statistics, fitness.class_shares, fitness.drifted_images, fitness.timeline]


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> RunFolder:
    folder = prepare(
        "flowcam-plankton", images="sample", model="demo", runs_root=tmp_path_factory.mktemp("runs")
    )
    get_executor("inline").submit(folder)
    assert folder.state().status == "done", folder.state().message
    return folder


@pytest.fixture
def run(done: RunFolder) -> RunFolder:
    """The run as it ended, whatever the test before wrote into it."""
    before = (done.path / "verdict.json").read_bytes()
    timeline = Timeline(done.runs_root).path
    lines = timeline.read_bytes()
    yield done
    (done.path / "verdict.json").write_bytes(before)
    timeline.write_bytes(lines)


def rewrite(run: RunFolder, **changes):
    content = json.loads((run.path / "verdict.json").read_text())
    (run.path / "verdict.json").write_text(json.dumps({**content, **changes}))


def pictures(html):
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/[a-z]+;base64,([^"]+)"', html)]


def test_every_statistic_has_its_row_and_the_histograms_are_drawn(run):
    shown = fitness.image_statistics(run)
    html = str(shown.html)
    for test in run.verdict().statistic_tests:
        assert f"<td>{test.title}</td>" in html
    (png,) = pictures(html)
    assert png.startswith(b"\x89PNG")


def test_each_drifted_image_stands_beside_its_nearest_known_one(run):
    said = run.verdict()
    html = str(fitness.drifted_images(run).html)
    assert html.count('class="tl-pair"') == len(said.drifted) == 12
    assert len(pictures(html)) == 24
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures(html))
    first = said.drifted[0]
    assert first.image in html
    assert f"distance {first.distance / said.unlike_distance:.1f}" in html


def test_class_shares_tell_both_sides(run):
    shown = fitness.class_shares(run)
    change = run.verdict().share_changes[0]
    assert f"{change.label} {change.share:.0%} (known images {change.reference_share:.0%})" in shown.text


def test_a_demonstration_leaves_no_mark_on_the_timeline(run):
    shown = fitness.timeline(run)
    assert "no verdict on images of your own with this model yet" in shown.text
    assert "1 run of a demonstration model" in shown.text
    assert "<img" not in str(shown.html)


def test_the_timeline_shows_each_verdict_in_words(run):
    timeline = Timeline(run.runs_root)
    for day, state, share in ((1, "green", 0.01), (2, "amber", 0.1), (3, "red", 0.5), (4, "grey", None)):
        timeline.append(
            Verdict(state=state, headline="-", n_images=40, unlike_share=share),
            use_case="flowcam-plankton", model="m", version="1", model_digest=run.request.model.digest, run=f"r{day}",
            time=datetime(2026, 5, day, tzinfo=UTC),
        )  # fmt: skip
    shown = fitness.timeline(run)
    for words in (
        "2026-05-01 00:00 UTC: Fit",
        "Take care (40 images, 10.0%",
        "Not fit (40 images, 50.0%",
        "Cannot tell (40 images, –",
    ):
        assert words in shown.text
    assert pictures(str(shown.html))[0].startswith(b"\x89PNG")


def scored(run, scores, **place):
    for week, score in enumerate(scores):
        Timeline(run.runs_root).append(
            Verdict(state="green", headline="-", n_images=40, unlike_share=0.01, score=score, known_samples=20, mmd=week * 1e-3),
            use_case="flowcam-plankton", model="m", version="1", model_digest=run.request.model.digest,
            run=f"{place}{week}", time=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(weeks=week), **place,
        )  # fmt: skip


def test_the_chart_says_when_an_alarm_is_on_since_when_and_what_to_do(run):
    scored(run, [0.0, 0.2, 2.5, 2.5, 2.5], site="<b>Ostend</b>", camera="$1$")
    scored(run, [0.1, -0.3], site="Calais")
    shown = fitness.timeline(run)
    html = str(shown.html)
    assert "ALARM since 2026-05-" in shown.text
    assert "No alarm (Calais)" in shown.text
    assert "Look for what changed then" in shown.text
    assert "tl-note-warn" in html
    assert len(pictures(html)) == 2
    assert "<b>Ostend" not in html
    assert "&lt;b&gt;Ostend&lt;/b&gt;, $1$" in html


def test_runs_without_a_score_have_no_chart_and_that_is_said(run):
    scored(run, [None, None])
    assert "No run has a score yet" in fitness.timeline(run).text


@pytest.mark.parametrize("view", VIEWS[:3])
def test_nothing_to_compare_is_said_in_words(run, view):
    rewrite(
        run,
        statistic_tests=[],
        share_changes=[],
        drifted=[],
        reasons=["There are 3 images; at least 30 are needed."],
    )
    assert "There are 3 images; at least 30 are needed." in view(run).text


def test_names_from_outside_are_text(run):
    evil = '<img src=x onerror="alert(1)">$x^'
    content = json.loads((run.path / "verdict.json").read_text())
    for image in content["drifted"]:
        image["image"] = evil
    content["share_changes"][0]["label"] = evil
    (run.path / "verdict.json").write_text(json.dumps(content))
    for view in VIEWS:
        html = str(view(run).html)
        assert "<img src=x" not in html
        assert 'onerror="' not in html


def test_a_model_that_is_gone_costs_the_pictures_only(run, monkeypatch):
    gone = run.request.model_copy(
        update={"model": run.request.model.model_copy(update={"folder": "/nowhere"})}
    )
    monkeypatch.setattr(RunFolder, "request", property(lambda self: gone))
    assert "no longer where the run found it" in str(fitness.image_statistics(run).html)
    assert len(pictures(str(fitness.drifted_images(run).html))) == 12


def test_the_notebook_shows_each_view_once():
    source = (Path(__file__).parents[3] / "notebooks/flowcam-plankton/drift.ipynb").read_text()
    for view in VIEWS:
        assert source.count(f"fitness.{view.__name__})") == 1
