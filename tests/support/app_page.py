"""An app's page in a real Chromium, behind a real hub: what a visitor does, and what the page asked the network for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.hub import HubClient, RunningHub, wait_for

READY_MS = 120_000
FAREWELL_S = 3
LOCAL = ("data:", "blob:")


@contextmanager
def browser(chromium: str) -> Iterator[Browser]:
    """Start Chromium without a screen."""
    with sync_playwright() as playwright:
        # No sandbox: CI containers run as root or without user namespaces; only our own pages are opened.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def wait_for_apps(hub: RunningHub) -> RunningHub:
    """Wait until the apps service of a hub answers; the hub answers earlier."""
    wait_for(lambda: HubClient(hub).get("services/apps/none").status_code < 500, "the apps service", 90)
    return hub


@contextmanager
def apps_hub(folder: Path, **settings: str) -> Iterator[RunningHub]:
    """Start a hub with apps; `settings` hold for it and for what the test itself reads."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        with RunningHub(folder, services=("apps",), **settings) as running:
            yield wait_for_apps(running)


@contextmanager
def quiet_tab(chromium: str, client: HubClient) -> Iterator["AppPage"]:
    """Open a visitor's tab; at the end it may not have asked the network for anything, or met a fault of a script."""
    with browser(chromium) as started:
        tab = AppPage(started, client).sign_in()
        yield tab
        assert tab.outside == []
        assert tab.problems == []


class AppPage:
    """One visitor's tab.

    Attributes
    ----------
    page : Page
        Playwright's page.
    outside : list of str
        Addresses outside this computer that the page asked for; they are refused.
    problems : list of str
        Errors of scripts.
    """

    def __init__(self, started: Browser, client: HubClient, width: int = 1440) -> None:
        self.client = client
        self.context = started.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.outside: list[str] = []
        self.problems: list[str] = []
        self.context.route("**/*", self._only_here)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def sign_in(self) -> Self:
        """Fill in the hub's login form."""
        self.page.goto(self.client.hub.url + "hub/login")
        self.page.fill("input[name=username]", self.client.name)
        self.page.fill("input[name=password]", self.client.password)
        self.page.click("[type=submit]")
        self.page.wait_for_url("**/hub/home*")
        return self

    def open(self, slug: str) -> Self:
        """Open an app and wait until it can be used."""
        self.page.goto(f"{self.client.hub.url}services/apps/{slug}", wait_until="commit")
        self.page.wait_for_selector("button.tl-analyse:not([disabled])", timeout=READY_MS)
        return self

    def open_running(self, slug: str) -> Self:
        """Open an app in which an analysis of this person is under way; its button stays off."""
        self.page.goto(f"{self.client.hub.url}services/apps/{slug}", wait_until="commit")
        return self

    def choose(self, source: str) -> Self:
        """Choose where the images come from: Upload, Folder on the hub, Sample."""
        self.page.get_by_role("button", name=source, exact=True).click()
        return self

    def upload(self, *files: Path | dict[str, Any]) -> str:
        """Upload files and return what the page says when it has taken or refused them."""
        self.page.set_input_files("input.tl-upload-input", list(files))
        said = self.page.locator(".tl-upload-line")
        self.page.wait_for_function(
            "() => { const t = document.querySelector('.tl-upload-line').textContent; return t && !t.startsWith('Uploading'); }",
            timeout=READY_MS,
        )
        return said.inner_text()

    def analyse(self) -> Self:
        """Press the button and wait for the results."""
        self.page.click("button.tl-analyse")
        return self.results()

    def results(self) -> Self:
        """Wait for results."""
        self.page.wait_for_selector("body.tl-has-results .tl-provenance", timeout=READY_MS)
        return self

    def download(self, name: str) -> bytes:
        """Press a download button and return the file; a name's end is enough."""
        with self.page.expect_download() as waiting:
            self.page.click(f".tl-download-button[data-file$='{name}']")
        return Path(waiting.value.path()).read_bytes()

    def close(self) -> None:
        """Close the tab as a person does: the browser stays open, so the page's farewell still reaches the server."""
        kernel = self.page.evaluate(
            "() => JSON.parse(document.getElementById('jupyter-config-data')?.textContent || '{}').kernelId || ''"
        )
        self.page.close(run_before_unload=True)
        until = time.monotonic() + FAREWELL_S
        while kernel and time.monotonic() < until:
            if self.client.get(f"services/apps/api/kernels/{kernel}").status_code == 404:
                break
            time.sleep(0.1)
        self.context.close()

    def _only_here(self, route: Any) -> None:
        url = route.request.url
        if url.startswith(LOCAL) or urlsplit(url).hostname == self.client.hub.host:
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()
