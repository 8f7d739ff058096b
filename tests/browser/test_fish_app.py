"""Fish at a fixed camera in the app: a camera that sent nothing is told beside the verdict, in the effort and in the totals, at both widths."""

import csv
import io
import re

import pytest
from playwright.sync_api import expect

from tests.support.app_page import apps_hub, quiet_tab
from tests.support.pages import SLOW_MS

SLUG = "obsea-fish"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with apps_hub(tmp_path_factory.mktemp("hub"), **{"TIDELAB_APPS_MAX_KERNELS": "2"}) as running:
        yield running


@pytest.fixture
def app(hub, chromium):
    """Ada's tab."""
    with quiet_tab(chromium, hub.client("ada")) as tab:
        yield tab


def test_a_camera_that_sent_nothing_is_named_where_the_numbers_are(app, screenshots):
    app.open(SLUG).choose("Sample")
    page = app.page
    page.screenshot(path=screenshots / "fish-form-1440.png", full_page=True)
    page.locator(".tl-field", has_text="Cameras expected").locator("input").fill("cam1, cam2")
    app.analyse()
    silent = page.locator(".tl-banner", has_text=re.compile("camera silent", re.IGNORECASE))
    expect(silent).to_contain_text(
        "1 camera sent nothing. 674 pictures expected, 304 received.", timeout=SLOW_MS
    )
    expect(silent).to_contain_text("Camera cam2 sent nothing that can be used")
    # The model's own verdict stands first.
    expect(page.locator(".tl-banner").first).to_contain_text("demonstration model")
    expect(page.get_by_role("cell", name="cam2: sent nothing").first).to_be_visible()
    expect(page.get_by_role("cell", name="sent nothing: nobody looked")).to_be_visible()
    expect(page.get_by_text("the interval rests on fewer than 20 blocks")).to_be_visible()
    page.screenshot(path=screenshots / "fish-app-1440.png", full_page=True)
    page.set_viewport_size({"width": 800, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth <= 800")
    page.screenshot(path=screenshots / "fish-app-800.png", full_page=True)
    gaps = list(csv.DictReader(io.StringIO(app.download("outages.csv").decode())))
    assert [row["pictures_expected"] for row in gaps if row["kind"] == "silent"] == ["337"]
    counted = csv.DictReader(io.StringIO(app.download("abundance.csv").decode()))
    assert {row["camera"] for row in counted} == {"cam1"}
