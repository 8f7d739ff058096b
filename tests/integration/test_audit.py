"""What an admin does to others is written down before they see anything; a disk that fails stops the admin and nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.hub import HubClient, RunningHub

SLUG = "flowcam-plankton"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with RunningHub(tmp_path_factory.mktemp("hub"), TIDEHUB_IDLE_MINUTES="0") as running:
        yield running


@pytest.fixture(scope="module")
def admin(hub: RunningHub) -> HubClient:
    return hub.admin.signed_in()


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    client = hub.client("ada").signed_in()
    client.open_lab(SLUG)
    return client


def log(hub: RunningHub, **wanted: str) -> list[dict[str, Any]]:
    file = hub.data / "hub" / "audit.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [line for line in lines if wanted.items() <= line.items()]


def token_of(hub: RunningHub, name: str) -> dict[str, str]:
    made = hub.api("POST", f"users/{name}/tokens", json={"note": "theirs"}).json()
    return {"Authorization": f"token {made['token']}"}


def enter(client: HubClient, owner: str) -> requests.Response:
    """Open a server as a browser does, pressing Authorize where it is asked."""
    page = client.get(f"user/{owner}/{SLUG}/lab")
    if "oauth2/authorize" not in page.url or not page.ok:
        return page
    fields = {"scopes": ["identify"], "_xsrf": client.session.cookies.get("_xsrf", path="/hub/")}
    origin = {"Origin": client.hub.url.rstrip("/")}
    return client.session.post(page.url, data=fields, headers=origin, timeout=60)


def test_an_admin_who_opens_a_server_is_written_down_and_its_owner_reads_it(
    hub: RunningHub, admin: HubClient, ada: HubClient
) -> None:
    assert enter(ada, "ada").ok
    assert log(hub) == [], "one's own server concerns nobody else"
    answer = enter(admin, "ada")
    assert answer.ok, answer.text[:500]
    assert answer.url.startswith(f"{hub.url}user/ada/{SLUG}/lab")
    (entry,) = log(hub, what="opened")
    assert (entry["who"], entry["whom"], entry["thing"], entry["origin"]) == (
        "admin",
        "ada",
        SLUG,
        "127.0.0.1",
    )
    assert (hub.data / "hub" / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_an_admins_token_opens_no_other_persons_server(
    hub: RunningHub, admin: HubClient, ada: HubClient
) -> None:
    """A token needs no sign-in, so nothing would be written down."""
    server = f"{hub.url}user/ada/{SLUG}/api/contents"
    assert requests.get(server, headers=token_of(hub, "ada"), timeout=30).status_code == 200
    assert requests.get(server, headers=token_of(hub, "admin"), timeout=30).status_code == 403
    assert requests.get(f"{hub.url}hub/api/users", headers=token_of(hub, "admin"), timeout=30).ok


def test_who_may_not_enter_leaves_no_entry(hub: RunningHub, ada: HubClient) -> None:
    eve = hub.client("eve").signed_in()
    assert enter(eve, "ada").status_code == 403
    assert requests.delete(
        f"{hub.url}hub/api/users/ada/servers/{SLUG}", headers=token_of(hub, "eve"), timeout=30
    ).status_code in (403, 404)
    assert log(hub, who="eve") == []


def test_tokens_accounts_and_groups(hub: RunningHub, admin: HubClient, ada: HubClient) -> None:
    headers = token_of(hub, "admin")
    api = f"{hub.url}hub/api"
    assert requests.post(f"{api}/users/ada/tokens", headers=headers, json={}, timeout=30).status_code == 201
    group = f"{api}/groups/maintainers-{SLUG}/users"
    assert requests.post(group, headers=headers, json={"users": ["ada"]}, timeout=30).ok
    assert "is added" in admin.post_form("hub/accounts", "hub/accounts", action="add", name="zed").text
    assert [(entry["what"], entry["whom"]) for entry in log(hub, who="admin")[-3:]] == [
        ("token", "ada"), ("group", "ada"), ("account", "zed"),
    ]  # fmt: skip


def test_a_failing_disk_stops_the_admin_and_nobody_else(
    hub: RunningHub, admin: HubClient, ada: HubClient
) -> None:
    file = hub.data / "hub" / "audit.jsonl"
    kept = file.rename(file.with_suffix(".kept"))
    file.mkdir()  # cannot be appended to, also not by root
    try:
        fresh = HubClient(hub, "admin", admin.password).signed_in()
        refused = enter(fresh, "ada")
        assert refused.status_code == 507
        assert "audit log" in refused.text
        assert enter(HubClient(hub, "ada", ada.password).signed_in(), "ada").ok
        assert enter(ada, "ada").ok
        stopped = requests.delete(
            f"{hub.url}hub/api/users/ada/servers/{SLUG}", headers=token_of(hub, "admin"), timeout=60
        )
        assert stopped.status_code in (202, 204), "a runaway server can be stopped on a full disk"
    finally:
        file.rmdir()
        Path(kept).rename(file)
    assert "Not in the audit log: admin stopped ada" in hub.log
