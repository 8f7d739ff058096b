"""Whatever goes wrong in the hello of a page, the page says one sentence."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidelab.domain.ticket import issue, public_text
from tidelab.runs import RunError
from tidelab.runs.owner import ON_BEHALF
from tidelab.widgets import analysis as module
from tidelab.widgets.analysis import Analysis

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def page(use_case, monkeypatch):
    monkeypatch.setenv("VOILA_BASE_URL", "/")
    monkeypatch.setenv(ON_BEHALF, "1")
    monkeypatch.setenv("TIDELAB_TICKET_KEY", public_text(KEY))
    monkeypatch.setattr(module, "hold_to", lambda _: "")

    async def made():
        analysis = Analysis(use_case.slug)
        analysis._build()
        return analysis

    return asyncio.run(made())


def said(page, use_case):
    page._greet(issue(KEY, "ada", use_case.slug))
    assert page._hello.answered
    return str(page._form.message.outputs)


def refusing(error):
    def refuse(*_):
        raise error

    return refuse


@pytest.mark.parametrize(
    "error", [PermissionError(13, "secret/path"), RuntimeError("can't start new thread")]
)
def test_a_page_whose_kernel_cannot_be_held_says_what_to_do(page, use_case, monkeypatch, error):
    monkeypatch.setattr(module, "hold_to", refusing(error))
    words = said(page, use_case)
    assert "Reload it; if that does not help, tell the hub" in words
    assert "secret" not in words
    assert page.model.visitor is None
    assert page._form.button.disabled


def test_a_page_that_cannot_list_earlier_runs_says_what_to_do(page, use_case, monkeypatch):
    monkeypatch.setattr(page, "_list_runs", refusing(OSError(5, "Input/output error")))
    assert "could not be prepared" in said(page, use_case)


def test_what_is_known_is_said_as_it_is(page, use_case, monkeypatch):
    monkeypatch.setattr(module, "hold_to", refusing(RunError("runs is a link.")))
    words = said(page, use_case)
    assert "runs is a link." in words
    assert "could not be prepared" not in words


def test_a_page_that_is_well_says_nothing(page, use_case):
    assert said(page, use_case) == "()"
    assert page.model.visitor.user == "ada"
