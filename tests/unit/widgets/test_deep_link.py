"""An address with ``?run=`` shows that analysis, to the person whose it is."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.brightness import grey_png
from tidelab.domain.ticket import issue, public_text
from tidelab.reports import views
from tidelab.runs import get_executor, prepare
from tidelab.widgets.analysis import Analysis
from tidelab.widgets.identity import app_visitor

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def adas_run(use_case, tmp_path, monkeypatch):
    monkeypatch.setenv("VOILA_BASE_URL", "/")
    monkeypatch.setenv("TIDELAB_TICKET_KEY", public_text(KEY))
    visitor = app_visitor(issue(KEY, "ada", use_case.slug), use_case.slug)
    pictures = visitor.runs_root.parent / "in"
    grey_png(pictures / "1.png", 30)
    run = prepare(
        use_case, images=pictures, parameters={}, person="ada", face="app", runs_root=visitor.runs_root
    )
    get_executor("inline").submit(run)
    assert run.state().status == "done", run.log()
    return run


def visit(use_case, person, run_id):
    """Return the page after the hello of a person whose address names a run."""

    async def hello():
        analysis = Analysis(use_case.slug)
        analysis._build()
        analysis.show(views.counts)
        analysis._greet(issue(KEY, person, use_case.slug), run_id)
        if analysis._watcher is not None:
            await analysis._watcher
        return analysis

    return asyncio.run(hello())


def test_its_owner_sees_it_and_the_address_keeps_it(use_case, adas_run):
    page = visit(use_case, "ada", adas_run.run_id)
    assert page.run.path == adas_run.path
    assert page._hello.has_results
    assert page._hello.run == adas_run.run_id
    assert "Finished: 1 image." in page._form.text.value


@pytest.mark.parametrize("name", ["", "../ada", "no-such-run"])
def test_another_name_shows_nothing(use_case, adas_run, name):
    page = visit(use_case, "ada", name)
    assert page.run is None
    assert not page._hello.has_results
    assert bool(page._form.message.outputs) == bool(name), "an analysis that is gone is said to be gone"


def test_nobody_else_sees_it(use_case, adas_run):
    page = visit(use_case, "bob", adas_run.run_id)
    assert page.run is None
    assert not page._hello.has_results
    assert adas_run.run_id not in page._form.text.value
