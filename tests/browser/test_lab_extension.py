"""The panel Tidelab in JupyterLab: a leased GPU is shown, kept against a warning, given back; light, dark, narrow, by keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.integration.test_gpus_service import SLUG, with_gpu_flavour
from tests.support.hub import HubClient, RunningHub, wait_for
from tests.support.pages import SLOW_MS, USE_CASE, Person, person

WARN_S = 12
SETTINGS = {
    "TIDEHUB_GPUS": "simulated:1",
    "TIDEHUB_GPU_WARN_MINUTES": str(WARN_S / 60),
    "TIDEHUB_GPU_RELEASE_MINUTES": "30",
    "TIDEHUB_GPU_KEEP_MINUTES": "60",
    "TIDEHUB_GPU_KEEP_TIMES": "1",
    "TIDEHUB_GPU_SAMPLE_SECONDS": "1",
    "TIDEHUB_IDLE_MINUTES": "0",
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    cases = with_gpu_flavour(tmp_path_factory.mktemp("cases"))
    file = cases / SLUG / "usecase.yaml"
    file.write_text(file.read_text().replace(USE_CASE, "Plankton on a GPU"))
    folder = tmp_path_factory.mktemp("hub")
    with RunningHub(folder, services=("gpus",), TIDELAB_USECASES=str(cases), **SETTINGS) as running:
        wait_for(
            lambda: requests.get(f"{running.url}services/gpus/", timeout=10).status_code < 500, "gpus", 30
        )
        yield running


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    client = hub.client("ada").signed_in()
    client.open_lab(SLUG, "card")
    return client


@pytest.fixture
def window(chromium: str, hub: RunningHub, ada: HubClient, screenshots: Path) -> Iterator[Person]:
    with person(chromium, hub.url, screenshots) as someone:
        someone.sign_in(ada.name, ada.password)
        yield someone


def open_lab(someone: Person) -> Page:
    page = someone.page
    page.goto(f"{someone.address}user/ada/{SLUG}/lab?reset")
    expect(item(page)).to_be_visible(timeout=SLOW_MS)
    return page


def item(page: Page):  # type: ignore[no-untyped-def]
    return page.locator(".tide-item")


def panel(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("region", name="Tidelab", exact=True)


def test_a_warning_is_said_and_keep_ends_it(window: Person) -> None:
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.url))
    page = open_lab(window)
    expect(item(page)).to_contain_text("Simulated GPU", timeout=SLOW_MS)
    item(page).focus()
    page.keyboard.press("Enter")  # by keyboard
    expect(panel(page)).to_be_visible()
    for heading in ("This server", "GPU", "Runs in progress", "Your GPU time", "Go to"):
        expect(panel(page).get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(panel(page)).to_contain_text("A simulated GPU: no card is used.")
    expect(panel(page)).to_contain_text("promise and not isolation")

    warning = page.locator(".Toastify__toast").filter(has_text="Nothing has used your GPU")
    expect(warning).to_be_visible(timeout=SLOW_MS)
    expect(warning).to_contain_text(re.compile(r"It is given back at \d+:\d+"))
    expect(warning.get_by_role("button", name="Give back now")).to_be_visible()
    expect(item(page)).to_contain_text("given back at")
    window.photograph("lab-panel-warned", focus=panel(page))
    warning.get_by_role("button", name="Keep it 1 h more").click()
    expect(warning).to_have_count(0, timeout=SLOW_MS)
    expect(panel(page)).to_contain_text(re.compile(r"Kept\s*until .*, used or not"))
    expect(panel(page).get_by_role("button", name="Keep it 1 h more")).to_have_count(0)
    expect(page.locator(".tide-chart")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".tide-figure figcaption")).to_contain_text("readings in the last")

    home = panel(page).get_by_role("link", name=re.compile("Home page"))
    assert home.get_attribute("href") == "/hub/home"
    outside = [url for url in asked if not url.startswith((window.address, "data:", "blob:"))]
    assert outside == [], "the Lab calls nobody outside"
    assert window.faults == []


def test_dark_and_narrow(window: Person) -> None:
    page = open_lab(window)
    item(page).click()
    expect(panel(page)).to_be_visible()
    page.locator(".lm-MenuBar-itemLabel").get_by_text("Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
    page.locator(".lm-Menu-itemLabel").get_by_text("JupyterLab Dark", exact=True).click()
    expect(page.locator("body[data-jp-theme-light=false]")).to_be_attached()
    page.wait_for_timeout(1000)
    window.photograph("lab-panel-dark", focus=panel(page))
    page.set_viewport_size({"width": 800, "height": 900})
    for row in panel(page).locator("dd, p, button, a").all():
        box = row.bounding_box()
        assert box is None or box["x"] + box["width"] <= 800, row.inner_text()
    words, ground = panel(page).evaluate(
        "element => [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]"
    )
    assert _contrast(words, ground) >= 4.5
    assert window.faults == []


def test_a_server_that_does_not_answer_is_said_once(window: Person) -> None:
    page = open_lab(window)
    item(page).click()
    expect(panel(page)).to_contain_text("This server")
    page.route("**/tidelab/api/status*", lambda route: route.abort())
    expect(item(page)).to_contain_text("Server does not answer", timeout=SLOW_MS)
    expect(panel(page)).to_contain_text("It is asked again by itself")
    page.unroute("**/tidelab/api/status*")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(item(page)).to_contain_text("Simulated GPU", timeout=SLOW_MS)
    expect(panel(page)).not_to_contain_text("It is asked again by itself")


def test_given_back_and_gone_on_without(window: Person, ada: HubClient) -> None:
    page = open_lab(window)
    item(page).click()
    panel(page).get_by_role("button", name="Give back now").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Give the GPU back now?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(panel(page).get_by_role("button", name="Give back now")).to_be_visible()
    panel(page).get_by_role("button", name="Give back now").click()
    page.get_by_role("dialog").get_by_role("button", name="Give back").click()

    def restarted() -> bool:
        server = ada.ready_server(SLUG)
        return bool(server and server["user_options"]["resources"] == "small")

    wait_for(restarted, "the server without GPU", 90)
    expect(page.get_by_role("button", name="Reload", exact=True)).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("dialog")).to_have_count(
        0
    )  # Lab's own would offer to start what starts by itself
    expect(item(page)).to_contain_text("Reload this page")
    window.photograph("lab-panel-restarted", focus=panel(page))
    page.get_by_role("button", name="Reload", exact=True).click()
    expect(item(page)).to_have_text("CPU server", timeout=SLOW_MS)
    expect(page.locator(".Toastify__toast")).to_contain_text("because you asked for it")
    item(page).click()
    expect(panel(page)).to_contain_text("no GPU")
    expect(panel(page)).to_contain_text("Your files are as you left them")
    expect(panel(page).get_by_role("button")).to_have_count(0)
    page.reload()
    expect(item(page)).to_have_text("CPU server", timeout=SLOW_MS)
    page.wait_for_timeout(1500)
    expect(page.locator(".Toastify__toast")).to_have_count(0)  # each notice is said once


def _contrast(first: str, second: str) -> float:
    """Return the contrast of two CSS colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
