"""Deleting an analysis in the app with the keyboard alone, and an app whose data policy keeps nothing."""

from pathlib import Path

import pytest

from tests.support.app_page import READY_MS, AppPage, browser, wait_for_apps
from tests.support.brightness import grey_png
from tests.support.faces import make_case
from tests.support.hub import RunningHub, wait_for

KEPT, FLEETING = "brightness-case", "fleeting-case"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    cases = tmp_path_factory.mktemp("cases")
    make_case(cases, KEPT)
    file = make_case(cases, FLEETING).folder / "usecase.yaml"
    file.write_text(file.read_text() + "data_policy: {kind: ephemeral, ephemeral_hours: 3}\n")
    limits = {"TIDELAB_USECASES": str(cases), "TIDELAB_APPS_MAX_KERNELS": "3"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setenv(name, value)
        with RunningHub(tmp_path_factory.mktemp("hub"), services=("apps",), **limits) as running:
            yield wait_for_apps(running)


@pytest.fixture
def app(hub, chromium):
    with browser(chromium) as chrome:
        page = AppPage(chrome, hub.client("ada")).sign_in()
        yield page
        page.close()
        assert page.problems == []


def runs_of(hub: RunningHub, slug: str) -> list[Path]:
    return sorted((hub.data / "homes" / "ada" / "runs" / slug).glob("*/request.json"))


def focused(app: AppPage) -> str:
    return app.page.evaluate("document.activeElement.textContent.trim()")


def uploads(hub: RunningHub) -> list[Path]:
    return list((hub.data / "homes" / "ada" / "runs" / ".uploads").iterdir())


def test_an_analysis_is_deleted_with_the_keyboard_after_a_question(hub, app, tmp_path):
    app.open(KEPT)
    assert "Private: images and results stay in your own folder" in app.page.inner_text(".tl-policy >> nth=0")
    app.upload(grey_png(tmp_path / "a.png", 40))
    app.analyse()
    assert len(runs_of(hub, KEPT)) == len(uploads(hub)) == 1
    app.page.focus(".tl-delete")
    app.page.keyboard.press("Enter")
    question = app.page.locator(".tl-delete-question [role=alert]")
    question.wait_for(timeout=READY_MS)
    assert "This cannot be undone." in question.inner_text()
    assert "What you downloaded, reports you made" in question.inner_text()
    app.page.wait_for_function("document.activeElement.textContent.trim() === 'Keep it'")
    app.page.keyboard.press("Enter")
    question.wait_for(state="hidden")
    assert len(runs_of(hub, KEPT)) == 1
    app.page.wait_for_function("document.activeElement.textContent.trim() === 'Delete…'")
    app.page.keyboard.press("Enter")
    app.page.wait_for_function("document.activeElement.textContent.trim() === 'Keep it'")
    app.page.keyboard.press("Tab")
    assert focused(app) == "Delete it"
    app.page.keyboard.press("Enter")
    app.page.get_by_text("The analysis is deleted.").wait_for(timeout=READY_MS)
    assert runs_of(hub, KEPT) == uploads(hub) == []
    assert not app.page.evaluate("document.body.classList.contains('tl-has-results')")
    # The upload went with it, and the page says so instead of failing.
    app.page.click("button.tl-analyse")
    app.page.get_by_text("Your upload is no longer kept.").wait_for(timeout=READY_MS)


def test_an_app_that_keeps_nothing_says_so_and_keeps_nothing(hub, app, tmp_path):
    app.open(FLEETING)
    assert "3 hours after its end" in app.page.inner_text(".tl-policy >> nth=0")
    app.upload(grey_png(tmp_path / "a.png", 41))
    app.analyse()
    wait_for(lambda: uploads(hub) == [], "the upload to be removed", 30)
    assert app.page.locator(".tl-thumb").count() > 0
    assert not (hub.data / "homes" / "ada" / "runs" / ".cache" / "results.sqlite").exists()
    (request,) = runs_of(hub, FLEETING)
    assert (request.parent / ".ephemeral").read_text().strip() == "3"
