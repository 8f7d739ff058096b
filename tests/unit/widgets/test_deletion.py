"""Deleting an earlier analysis from the form: asked first, in words, and only one's own."""

import asyncio

from tests.support.brightness import grey_png
from tidelab.reports import views
from tidelab.runs import get_executor, prepare
from tidelab.widgets.analysis import Analysis
from tidelab.widgets.deletion import WHAT_GOES, WHAT_STAYS


def page(use_case, tmp_path, n_runs=2):
    """Return a Lab page of one shown analysis and n - 1 earlier ones."""
    grey_png(tmp_path / "in" / "1.png", 30)
    for _ in range(n_runs - 1):
        get_executor("inline").submit(prepare(use_case, images=tmp_path / "in"))

    async def opened():
        analysis = Analysis(use_case.slug, images=str(tmp_path / "in"))
        analysis.form()
        analysis.show(views.counts)
        return analysis

    return asyncio.run(opened())


def test_it_asks_in_words_and_deletes_what_it_asked_about(use_case, tmp_path):
    analysis = page(use_case, tmp_path)
    form, shown = analysis._form, analysis.run
    control, (other,) = form.deletion, [run for run in analysis.model.earlier_runs() if run != shown]
    form.runs.value = other.run_id
    assert control.box.layout.display == "none"
    control.button.click()
    assert control.box.layout.display == ""
    for words in (WHAT_GOES.split(",")[0], WHAT_STAYS.split(",")[0], "1 image"):
        assert words in control._question.value
    form.runs.value = shown.run_id  # the question was about the other one
    control.confirm.click()
    assert not other.path.exists()
    assert shown.path.exists()
    assert analysis.run == shown
    assert [name for _, name in form.runs.options] == [shown.run_id]
    assert "The analysis is deleted." in str(form.message.outputs)
    assert control.box.layout.display == "none"


def test_the_shown_analysis_disappears_from_the_page(use_case, tmp_path):
    analysis = page(use_case, tmp_path, n_runs=1)
    run = analysis.run
    analysis._form.deletion.button.click()
    analysis._form.deletion.confirm.click()
    assert not run.path.exists()
    assert analysis.run is None
    assert all(output.outputs == () for output, _ in analysis._shown)
    assert not analysis._form.button.disabled


def test_keep_keeps(use_case, tmp_path):
    analysis = page(use_case, tmp_path, n_runs=1)
    control = analysis._form.deletion
    control.button.click()
    control.keep.click()
    assert control.box.layout.display == "none"
    control.confirm.click()  # what is asked no more does nothing
    assert analysis.run.path.exists()


def test_a_run_that_goes_on_is_refused_in_words(use_case, tmp_path, monkeypatch):
    analysis = page(use_case, tmp_path, n_runs=1)
    monkeypatch.setattr("tidelab.runs.delete._is_going", lambda _: True)
    analysis._form.deletion.button.click()
    analysis._form.deletion.confirm.click()
    assert "Cancel it first" in str(analysis._form.message.outputs)
    assert analysis.run.path.exists()


def test_nobody_deletes_a_run_that_is_not_in_their_list(use_case, tmp_path):
    analysis = page(use_case, tmp_path, n_runs=1)
    theirs = prepare(use_case, images=tmp_path / "in", person="bo", runs_root=tmp_path / "bo")
    for name in (theirs.run_id, f"../../bo/{use_case.slug}/{theirs.run_id}", ""):
        assert not analysis.model.delete(name)
        assert analysis.model.message == "That analysis is no longer there."
    assert theirs.path.exists()


def test_the_policy_stands_below_the_upload_field(use_case, tmp_path):
    analysis = page(use_case, tmp_path, n_runs=1)
    assert "Private: images and results stay in your own folder" in analysis._form._policy.value


def test_an_upload_that_is_gone_is_said_to_be_gone(use_case, tmp_path):
    analysis = page(use_case, tmp_path, n_runs=1)
    analysis.model.source, analysis.model.uploaded = "upload", tmp_path / "gone"
    assert not analysis.model.start()
    assert analysis.model.message == "Your upload is no longer kept. Upload your images again."
