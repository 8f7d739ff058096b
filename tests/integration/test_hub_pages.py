"""The hub as a person meets it: login, home page, account, accounts. A real hub behind a real proxy."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.support.hub import HubClient, RunningHub
from tidehub.accounts import AccountStore
from tidelab import paths


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usecases")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, extra: Path) -> Iterator[RunningHub]:
    with RunningHub(tmp_path_factory.mktemp("hub"), TIDELAB_USECASES=str(extra)) as running:
        yield running


@pytest.fixture(scope="module")
def admin(hub: RunningHub) -> HubClient:
    return hub.admin.signed_in()


def test_the_first_visitor_is_asked_to_sign_in(hub: RunningHub) -> None:
    page = requests.get(hub.url, timeout=30)
    assert page.url.startswith(f"{hub.url}hub/login")
    assert "Sign in" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "hub/home",
        "hub/profile",
        "hub/account",
        "hub/accounts",
        "hub/tide/runs",
        "hub/tide/picture/flowcam-plankton",
    ],
)
def test_pages_are_closed_to_strangers(hub: RunningHub, path: str) -> None:
    answer = requests.get(hub.url + path, timeout=30, allow_redirects=False)
    assert answer.status_code in (302, 403)
    assert "/hub/login" in answer.headers.get("Location", "/hub/login")


def test_every_page_carries_the_headers(hub: RunningHub, admin: HubClient) -> None:
    for path in ("hub/login", "hub/home", "hub/account", "hub/token", "hub/nothing-here"):
        client = HubClient(hub) if path == "hub/login" else admin
        headers = client.get(path).headers
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
    assert "unsafe-inline" not in admin.get("hub/home").headers["Content-Security-Policy"]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(hub: RunningHub) -> None:
    client = hub.client("cookie-monster").signed_in()
    cookies = {cookie.name: cookie for cookie in client.session.cookies}
    login = next(cookie for name, cookie in cookies.items() if name == "jupyterhub-hub-login")
    assert login.has_nonstandard_attr("HttpOnly")
    assert login.get_nonstandard_attr("SameSite") == "Lax"


def test_a_wrong_password_and_a_wrong_name_say_the_same(hub: RunningHub) -> None:
    hub.client("carol")
    said = []
    for name in ("carol", "nobody-here"):
        page = HubClient(hub, name).login("not the password")
        assert page.status_code == 403
        said.append(re.findall(r'id="login-problem">([^<]+)<', page.text))
    assert said[0] == said[1] == ["Invalid username or password"]


def test_guessing_has_to_wait_and_the_right_password_too(hub: RunningHub) -> None:
    mallory = hub.client("victim")
    answers = [mallory.login("guess number").status_code for _ in range(9)]
    assert 429 in answers
    page = mallory.login()
    assert page.status_code == 429
    assert re.search(r"Too many sign-in attempts\. Please wait \d+ seconds?, then try again\.", page.text)
    seconds = int(re.search(r"wait (\d+) second", page.text).group(1))  # type: ignore[union-attr]
    time.sleep(seconds + 1)
    assert mallory.login().status_code == 200


def test_a_form_without_its_hidden_token_is_refused(hub: RunningHub, admin: HubClient) -> None:
    for path in (
        "hub/account",
        "hub/accounts",
        "hub/profile",
        "hub/tide/stop/flowcam-plankton",
        "hub/spawn/admin/flowcam-plankton",
    ):
        answer = admin.session.post(hub.url + path, data={"action": "add", "name": "eve"}, timeout=30)
        assert answer.status_code == 403, path
    assert not hub.api("GET", "users/admin").json()["servers"]


def test_the_card_says_what_the_declaration_says(admin: HubClient) -> None:
    page = admin.get("hub/home").text
    assert "Phytoplankton from FlowCam images" in page
    assert "DEMO MODEL" in page
    assert "never use its numbers for science" in page
    assert "Open in Lab" in page
    assert "Who can see what" in page
    assert "people who trust each other" in page
    assert "Simulated GPUs" not in page
    assert "Three first steps" in page
    picture = admin.get("hub/tide/picture/flowcam-plankton")
    assert picture.headers["Content-Type"] in ("image/png", "image/jpeg")
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    assert admin.get("hub/tide/picture/no-such-case").status_code == 404
    # The apps are not started in this test: the button must not lead into the void.
    assert "apps do not answer" in page


def test_what_does_not_answer_yet_says_so_and_looks_again(hub: RunningHub) -> None:
    """The proxy asks the hub for this page, for a server or service that is still starting."""
    answer = requests.get(f"{hub.url}hub/error/503", timeout=30)
    assert "does not answer yet" in answer.text
    assert '<meta http-equiv="refresh" content="5">' in answer.text
    assert "Your server appears to be down" not in answer.text


def test_our_pages_need_nothing_from_elsewhere(hub: RunningHub, admin: HubClient) -> None:
    for path in ("hub/home", "hub/profile", "hub/account", "hub/accounts"):
        page = admin.get(path).text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page), path
        assert not re.findall(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", page), path
        for asset in re.findall(r'(?:src|href)="(/hub/tide/static/[^"]+)"', page):
            assert requests.get(hub.url.rstrip("/") + asset, timeout=30).ok, asset


def test_a_folder_added_now_has_its_card_now(hub: RunningHub, admin: HubClient, extra: Path) -> None:
    assert "Otolith rings" not in admin.get("hub/home").text
    folder = extra / "otolith-age"
    shutil.copytree(paths.checkout() / "notebooks" / "flowcam-plankton", folder)
    text = (folder / "usecase.yaml").read_text().replace("flowcam-plankton", "otolith-age")
    (folder / "usecase.yaml").write_text(re.sub(r"(?m)^title: .*$", 'title: "Otolith rings <b>&"', text))
    page = admin.get("hub/home").text
    assert "Otolith rings &lt;b&gt;&amp;" in page
    assert "Otolith rings <b>" not in page
    (folder / "usecase.yaml").write_text("schema_version: 1\nslug: otolith-age\n")
    page = admin.get("hub/home").text
    assert "1 use case cannot be shown" in page
    assert "is missing" in page
    other = hub.client("reader").signed_in()
    assert "cannot be shown" not in other.get("hub/home").text, "only admins can do something about it"
    shutil.rmtree(folder)


def test_runs_appear_and_are_escaped(hub: RunningHub) -> None:
    dora = hub.client("dora").signed_in()
    folder = hub.data / "homes" / "dora" / "runs" / "flowcam-plankton" / "2026-05-02"
    folder.mkdir(parents=True)
    state = {
        "status": "running",
        "step": "<script>alert(1)</script>",
        "done": 3,
        "total": 12,
        "updated": datetime.now(UTC).isoformat(),
    }
    (folder / "state.json").write_text(json.dumps(state))
    for path in ("hub/home", "hub/tide/runs"):
        page = dora.get(path).text
        assert "(3 of 12 images)" in page
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    (folder / "state.json").write_text("{half")
    assert "its state cannot be read" in dora.get("hub/home").text
    assert "(3 of 12" not in hub.client("emil").signed_in().get("hub/home").text


def test_changing_the_password_ends_other_browsers(hub: RunningHub) -> None:
    here = hub.client("frida").signed_in()
    there = HubClient(hub, "frida", here.password).signed_in()
    wrong = here.post_form(
        "hub/account", "hub/account", current="not it", new="a new password", again="a new password"
    )
    assert wrong.status_code == 400
    assert "current password is not right" in wrong.text
    short = here.post_form("hub/account", "hub/account", current=here.password, new="short", again="short")
    assert "at least 10 characters" in short.text
    typo = here.post_form(
        "hub/account", "hub/account", current=here.password, new="a new password", again="a new passwort"
    )
    assert "differ" in typo.text
    done = here.post_form(
        "hub/account", "hub/account", current=here.password, new="a new password", again="a new password"
    )
    assert "The password is changed" in done.text
    assert here.get("hub/home").url.endswith("/hub/home")
    assert "/hub/login" in there.get("hub/home").url
    assert HubClient(hub, "frida", here.password).login().status_code == 403
    HubClient(hub, "frida", "a new password").signed_in()


def test_accounts_are_for_admins(hub: RunningHub, admin: HubClient) -> None:
    gus = hub.client("gus").signed_in()
    assert gus.get("hub/accounts").status_code in (403, 404)
    answer = gus.post_form("hub/account", "hub/accounts", action="add", name="eve", admin="1")
    assert answer.status_code in (403, 404)
    page = admin.post_form("hub/accounts", "hub/accounts", action="add", name="Hanna")
    password = re.search(r'id="fresh-password">([^<]+)<', page.text)
    assert password
    hanna = HubClient(hub, "hanna", password[1]).signed_in()
    assert password[1] not in admin.get("hub/accounts").text, "shown once"
    page = admin.post_form("hub/accounts", "hub/accounts", action="reset", name="hanna")
    assert "/hub/login" in hanna.get("hub/home").url, "signed out at once"
    hanna.password = re.search(r'id="fresh-password">([^<]+)<', page.text).group(1)  # type: ignore[union-attr]
    hanna.signed_in()
    refused = admin.post_form("hub/accounts", "hub/accounts", action="add", name="../etc")
    assert refused.status_code == 400
    assert "cannot be used" in refused.text
    page = admin.post_form("hub/accounts", "hub/accounts", action="remove", name="hanna")
    assert "is removed" in page.text
    assert "/hub/login" in hanna.get("hub/home").url
    assert hanna.login().status_code == 403
    assert admin.post_form("hub/accounts", "hub/accounts", action="remove", name="admin").status_code == 400


def test_a_name_that_is_used_again_does_not_bring_back_what_was_given_to_it(
    hub: RunningHub, admin: HubClient
) -> None:
    """Removed on the command line, which knows nothing of tokens; the next person of that name is someone else."""
    nora = hub.client("nora").signed_in()
    token = hub.api("POST", "users/nora/tokens", json={"note": "for a script"}).json()["token"]

    def works() -> bool:
        headers = {"Authorization": f"token {token}"}
        return requests.get(f"{hub.url}hub/api/user", headers=headers, timeout=30).ok

    assert works()
    AccountStore(hub.data / "hub" / "accounts.sqlite", shared_trust=True).remove("nora")
    page = admin.post_form("hub/accounts", "hub/accounts", action="add", name="nora")
    assert "is added" in page.text
    assert not works()
    assert "/hub/login" in nora.get("hub/home").url


def test_secrets_are_private_and_not_logged(hub: RunningHub, admin: HubClient) -> None:
    assert admin.password
    for file in (hub.data / "hub").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    assert hub.data.joinpath("hub", "hub.sqlite").stat().st_mode & 0o077 == 0
    log = hub.log
    for secret in (admin.password, hub._token, hub._api_token):
        assert secret not in log
    for cookie in admin.session.cookies:
        assert not cookie.value or len(cookie.value) < 20 or cookie.value not in log


def test_a_server_without_a_use_case_leads_home(admin: HubClient) -> None:
    for path in ("hub/spawn", "hub/spawn/admin"):
        assert admin.get(path).url.endswith("/hub/home")
    page = admin.get("user/admin/")
    assert "choose one on the home page" in page.text


def test_an_account_removed_on_the_command_line_is_out(hub: RunningHub) -> None:
    """Its browser and its tokens; the hub asks again whose they are when it has not for a minute, or was restarted."""
    zoe = hub.client("zoe").signed_in()
    token = hub.api("POST", "users/zoe/tokens", json={"note": "mine"}).json()["token"]
    headers = {"Authorization": f"token {token}"}
    assert requests.get(f"{hub.url}hub/api/user", headers=headers, timeout=30).json()["name"] == "zoe"
    AccountStore(hub.data / "hub" / "accounts.sqlite").remove("zoe")
    hub.kill_hub()
    hub.start_hub()
    assert requests.get(f"{hub.url}hub/api/user", headers=headers, timeout=30).status_code == 403
    assert "/hub/login" in zoe.get("hub/home").url


def test_a_profile_is_ones_own_and_refuses_what_is_no_country(hub: RunningHub) -> None:
    ada, bo = hub.client("pia").signed_in(), hub.client("piet").signed_in()
    page = ada.get("hub/profile")
    assert page.status_code == 200
    assert page.text.count("<option") == 250
    kept = ada.post_form("hub/profile", "hub/profile", institution=" Sea <b>Lab</b> ", country="BE")
    assert "Your profile is kept" in kept.text
    assert "Sea &lt;b&gt;Lab&lt;/b&gt;" in kept.text
    assert '<option value="BE" selected>' in ada.get("hub/profile").text
    assert "selected" not in bo.get("hub/profile").text
    refused = ada.post_form("hub/profile", "hub/profile", institution="x" * 201, country="Belgium")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    assert '<option value="BE" selected>' in ada.get("hub/profile").text
    assert "hub/profile" in ada.get("hub/account").text
