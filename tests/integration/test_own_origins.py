"""With ``TIDEHUB_SUBDOMAIN_HOST``: a page of somebody's server is not the hub's origin, and everything works as before."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integration.test_user_html import SCRIPT, said
from tests.support.hub import RunningHub, wait_for

SLUG = "flowcam-plankton"
HOST = "lab.localhost"


class ApartHub(RunningHub):
    """A hub under a host name, whose proxy looks at host names."""

    def __init__(self, folder: Path, services: tuple[str, ...] = ()) -> None:
        super().__init__(folder, services)
        address = f"http://{HOST}:{self.port}"
        self.url = f"{address}/"
        self.proxy_options = ("--host-routing",)
        self._settings |= {"TIDEHUB_SUBDOMAIN_HOST": address, "TIDEHUB_PUBLIC_URL": self.url}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApartHub]:
    found = socket.getaddrinfo

    def here(host: Any, *args: Any, **kwargs: Any) -> Any:
        """Every name below localhost is this machine (RFC 6761); browsers know, and not every resolver does."""
        return found("127.0.0.1" if str(host).endswith(".localhost") else host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", here)
        with ApartHub(tmp_path_factory.mktemp("apart"), ("mlflow",)) as running:
            yield running


@pytest.fixture
def page(chromium: str, hub: ApartHub) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        made = browser.new_page()
        ada = hub.client("ada")
        made.goto(hub.url + "hub/login")
        made.fill("input[name=username]", "ada")
        made.fill("input[name=password]", ada.password)
        made.press("input[name=password]", "Enter")
        made.wait_for_url("**/hub/home")
        yield made
        browser.close()


def test_a_server_is_opened_at_its_owners_address_and_is_nobody_at_the_hub(page: Page, hub: ApartHub) -> None:
    page.evaluate(SCRIPT)
    assert said(page) == "ran;cookies;fetched;", "on the hub's own page both work"
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "form-action" in line.text else None)
    # A browser holds the redirects of a form to the form's own policy.
    page.locator(f"form[action*='/hub/spawn/ada/{SLUG}'] button").first.click()
    page.wait_for_url(f"http://ada.{HOST}:{hub.port}/user/ada/{SLUG}/lab**", timeout=120_000)
    assert refused == []
    page.evaluate(SCRIPT.replace('"/hub/home"', f'"{hub.url}hub/home"'))
    assert said(page) == "ran;cookies;no fetch;"
    names = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert names["jupyterhub-hub-login"]["domain"] == HOST, "not sent to a person's address"
    assert all(cookie["httpOnly"] for cookie in names.values() if cookie["name"] != "_xsrf")


def test_mlflow_is_reached_at_the_hubs_address_and_from_servers(hub: ApartHub) -> None:
    scopes = ["access:services!service=mlflow"]
    assert hub.client("bob").signed_in()
    token = hub.api("POST", "users/bob/tokens", json={"scopes": scopes}).json()["token"]

    def version(base: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{base}services/mlflow/version", headers=headers, timeout=20).status_code

    wait_for(lambda: version(hub.url) == 200, "MLflow", 90)
    assert version(f"http://127.0.0.1:{hub.port}/") == 200, "as a kernel asks: by the proxy's local address"
