"""People at a browser who share two (simulated) GPUs: see what is free, queue, take a server without, keep, are told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.gpu_case import SLUG, TITLE, gpu_case
from tests.support.hub import HubClient, RunningHub
from tests.support.pages import SLOW_MS, Person, person

KEEP_MINUTES = 2
Come = Callable[[HubClient], Person]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {
        "TIDELAB_USECASES": str(gpu_case(tmp_path_factory.mktemp("cases"))),
        "TIDEHUB_GPUS": "simulated:2",
        "TIDEHUB_IDLE_MINUTES": "0",
        "TIDEHUB_GPU_SAMPLE_SECONDS": "1",
        # Warned after some seconds, and long before it is given back.
        "TIDEHUB_GPU_WARN_MINUTES": "0.1",
        "TIDEHUB_GPU_RELEASE_MINUTES": "30",
        "TIDEHUB_GPU_KEEP_MINUTES": str(KEEP_MINUTES),
        "TIDEHUB_GPU_KEEP_TIMES": "1",
    }
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("gpus",), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def holders(hub: RunningHub) -> list[HubClient]:
    """Two who hold the two GPUs; the second gives hers back in the first test."""
    found = [hub.client(name).signed_in() for name in ("bob", "eve")]
    for client in found:
        client.open_lab(SLUG, "card")
    return found


@pytest.fixture
def come(hub: RunningHub, chromium: str, screenshots: Path) -> Iterator[Come]:
    """Lets a person come; all use one browser, each with a window of their own."""
    with person(chromium, hub.url, screenshots) as first:
        people: list[Person] = []

        def arrive(client: HubClient) -> Person:
            browser = first.page.context.browser
            assert browser is not None
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(SLOW_MS)
            someone = Person(page, hub.url, screenshots)
            page.on("pageerror", lambda error: someone.faults.append(str(error)))
            someone.sign_in(client.name, client.password)
            people.append(someone)
            return someone

        yield arrive
        assert [fault for someone in people for fault in someone.faults] == []


def test_free_queue_and_a_server_without_a_gpu(hub: RunningHub, come: Come, holders: list[HubClient]) -> None:
    ada = come(hub.client("ada"))
    card = ada.page.get_by_role("article", name=TITLE)
    expect(card.locator(".gpu-line").first).to_have_text("all 2 GPUs in use")
    expect(card.get_by_role("button", name="without a GPU")).to_be_visible()
    ada.photograph("gpu-home-full")
    card.get_by_role("combobox").select_option("card")
    card.get_by_role("button", name=f"Open in Lab: {TITLE}").click()
    ada.page.wait_for_url("**/spawn-pending/**")
    expect(ada.page.get_by_text("You are next").first).to_be_visible()
    ada.photograph("gpu-waiting")
    for width in (1440, 800, 400):
        ada.page.set_viewport_size({"width": width, "height": 900})
        ada.never_scrolls_sideways()

    # Everybody else's card follows without a reload.
    fay = come(hub.client("fay"))
    fays = fay.page.get_by_role("article", name=TITLE)
    expect(fays.locator(".gpu-line").first).to_contain_text("1 waits", timeout=SLOW_MS)
    ada.page.get_by_role("button", name="Start without a GPU instead").click()
    ada.page.wait_for_url("**/lab/**", timeout=SLOW_MS)
    expect(fays.locator(".gpu-line").first).to_have_text("all 2 GPUs in use", timeout=SLOW_MS)

    # The one who waits gets the GPU that somebody gives back.
    fays.get_by_role("button", name=f"Open in Lab: {TITLE}").click()
    fay.page.wait_for_url("**/spawn-pending/**")
    expect(fay.page.get_by_text("You are next").first).to_be_visible()
    holders[1].stop_lab(SLUG)
    fay.page.wait_for_url("**/lab/**", timeout=SLOW_MS)
    fay.page.goto(f"{hub.url}hub/home")
    expect(fay.page.locator("#servers")).to_contain_text("Simulated GPU, 16 GB")


def test_a_warning_and_keep(hub: RunningHub, come: Come, holders: list[HubClient]) -> None:
    bob = come(holders[0])
    warning = bob.page.locator("#servers").get_by_role("alert")
    expect(warning).to_contain_text("Nothing has used your GPU", timeout=SLOW_MS)
    bob.photograph("gpu-warned")
    bob.never_scrolls_sideways()
    warning.get_by_role("button", name="Keep the GPU").click()
    expect(bob.page.locator("#servers")).to_contain_text("(kept)")
    expect(bob.page.get_by_role("button", name="Keep the GPU")).to_have_count(0)


def test_the_pages_of_admins_and_of_everyone(hub: RunningHub, come: Come) -> None:
    admin = come(hub.admin)
    bar = admin.page.get_by_role("navigation", name="For admins")
    for link, heading in (
        ("Limits", "Limits"),
        ("Disk", "What fills the disk"),
        ("Audit", "What admins did"),
    ):
        bar.get_by_role("link", name=link).click()
        expect(admin.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        admin.photograph(f"admin-{link.lower()}")
        for width in (1440, 800, 400):
            admin.page.set_viewport_size({"width": width, "height": 900})
            admin.never_scrolls_sideways()
    dan = come(hub.client("dan"))
    dan.page.get_by_role("navigation").get_by_role("link", name="What you use").click()
    expect(dan.page.get_by_role("heading", name="Used, of what you may have")).to_be_visible()
    dan.photograph("what-you-use")
    dan.never_scrolls_sideways()
