"""A report that was sent by mail: it opens without a network and runs nothing, whatever the files were called."""

import base64
from pathlib import Path

import pytest

from tests.support.app_page import browser
from tests.support.brightness import grey_png
from tests.support.faces import make_case
from tidelab.reports import render

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDELAB_DATA", str(folder / "data"))
        patch.setenv("TIDELAB_RUNS", str(folder / "runs"))
        patch.setenv("TIDELAB_USECASES", str(folder / "cases"))
        case = make_case(folder / "cases")
        grey_png(folder / "pictures" / HOSTILE, 20)
        grey_png(folder / "pictures" / "plain.png", 200)
        (folder / "pictures" / "<script>document.title='hacked'<b>.png").touch()
        done = render(case, images=folder / "pictures", out=folder / "out", progress=False)
        assert done.ok, done.words
        yield done


@pytest.mark.parametrize("width", [1440, 800])
def test_it_opens_offline_asks_for_nothing_and_runs_nothing(report, chromium, tmp_path, width):
    asked: list[str] = []
    with browser(chromium) as started:
        context = started.new_context(
            viewport={"width": width, "height": 900}, offline=True, accept_downloads=True
        )
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((report.folder / "report.html").as_uri())
        assert page.title().startswith("Brightness")
        assert page.get_by_text(HOSTILE).first.is_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        broken = page.evaluate(
            "() => [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        )
        assert broken == 0
        with page.expect_download() as waiting:
            page.click("a[download='results.csv']")
        assert Path(waiting.value.path()).read_bytes() == (report.folder / "results.csv").read_bytes()
        assert problems == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1


def test_the_page_holds_its_tables(report):
    text = (report.folder / "report.html").read_text()
    assert base64.b64encode((report.folder / "results.csv").read_bytes()).decode() in text
