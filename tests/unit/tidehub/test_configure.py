"""The configuration: set-only, safe by default, derived from catalogue and settings."""

import copy
import json
from pathlib import Path

import pytest
from jupyterhub.roles import _validate_role_name
from traitlets.config import Config

from tidehub.authenticator import LocalAccounts, OidcAccounts
from tidehub.configure import apply
from tidehub.configure.network import CONTENT_SECURITY_POLICY as HUB_POLICY
from tidehub.pages.base import CONTENT_SECURITY_POLICY as OUR_POLICY
from tidehub.services import PLAN_VARIABLE
from tidehub.settings import Settings
from tidehub.spawner import TideSpawner
from tidelab.catalogue import load_catalogue


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))


def configured(**settings: object) -> Config:
    c = Config()
    apply(c, Settings(**settings), load_catalogue)  # type: ignore[arg-type]
    return c


def test_configuration_only_sets() -> None:
    """Applied twice, or over something else, the result is the same."""
    c = configured()
    names = {section: sorted(c[section]) for section in c}
    c.JupyterHub.load_roles = [{"name": "left-over"}]
    apply(c, Settings(), load_catalogue)
    assert {section: sorted(c[section]) for section in c} == names
    assert "left-over" not in [role["name"] for role in c.JupyterHub.load_roles]


def test_nothing_but_the_proxy_listens_outside() -> None:
    c = configured(host="0.0.0.0")
    assert c.JupyterHub.hub_bind_url.startswith("http://127.0.0.1:")
    assert c.JupyterHub.bind_url.startswith("http://0.0.0.0:")
    for service in c.JupyterHub.services:
        assert service.get("url", "http://127.0.0.1:").startswith("http://127.0.0.1:")


def test_people_and_servers_get_the_least() -> None:
    c = configured()
    roles = {role["name"]: role for role in c.JupyterHub.load_roles}
    for name in roles:
        _validate_role_name(name)
    assert set(roles["user"]["scopes"]) == {
        "self",
        *(f"access:services!service={name}" for name in ("mlflow", "models", "apps", "gpus")),
    }
    assert set(roles["server"]["scopes"]) == {
        *("users:activity!user", "access:servers!server"),
        *(f"access:services!service={name}" for name in ("mlflow", "models", "gpus")),
    }
    assert roles["service-models"]["scopes"] == ["access:services!service=mlflow"]
    assert "service-apps" not in roles
    assert "service-mlflow" not in roles
    assert not [scope for role in roles.values() for scope in role["scopes"] if scope.startswith("admin:u")]


def test_the_hub_starts_the_keeper_alone_and_tokens_differ() -> None:
    c = configured()
    commands = [service["name"] for service in c.JupyterHub.services if "command" in service]
    assert commands == ["keeper"]
    plan = json.loads(c.JupyterHub.services[0]["environment"][PLAN_VARIABLE])
    tokens = {
        service["name"]: service["api_token"] for service in c.JupyterHub.services if "api_token" in service
    }
    assert len(set(tokens.values())) == len(tokens) == 5
    assert {entry["name"]: entry["environment"]["JUPYTERHUB_API_TOKEN"] for entry in plan} == tokens
    for entry in plan:
        assert not [word for word in entry["command"] if word in tokens.values()], (
            "a token in a command is seen by everyone"
        )
    again = configured()
    assert again.JupyterHub.services[1]["api_token"] != tokens["mlflow"]


def test_services_can_be_left_out() -> None:
    c = configured(services=["cull"])
    assert [service["name"] for service in c.JupyterHub.services] == ["keeper", "cull"]
    assert configured(services=[]).JupyterHub.services == []


def test_services_get_places_but_nothing_of_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_MOUNTS", "/instrument")
    monkeypatch.setenv("TIDELAB_RUNS", "/home/ada/runs")
    monkeypatch.setenv("TIDEHUB_PROXY_TOKEN", "secret-of-the-proxy")
    plan = json.loads(configured().JupyterHub.services[0]["environment"][PLAN_VARIABLE])
    for entry in plan:
        assert entry["environment"]["TIDELAB_MOUNTS"] == "/instrument"
        assert "TIDELAB_RUNS" not in entry["environment"]
    assert "secret-of-the-proxy" not in json.dumps(plan)


@pytest.mark.parametrize("policy", [HUB_POLICY, OUR_POLICY])
def test_no_page_can_be_framed_or_load_from_elsewhere(policy: str) -> None:
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["frame-ancestors"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert "http" not in policy
    assert "*" not in policy
    assert "'unsafe-inline'" not in OUR_POLICY


def test_the_spawner_inherits_nothing_and_copies_of_the_configuration_are_cheap() -> None:
    c = configured()
    assert c.Spawner.env_keep == []
    assert c.JupyterHub.spawner_class is TideSpawner
    assert copy.deepcopy(c.TidePages.page_context) is c.TidePages.page_context


def test_local_accounts_load() -> None:
    authenticator = LocalAccounts(config=configured(shared_trust=True))
    assert authenticator.allow_all
    assert authenticator.shared_trust
    paths = [handler[0] for handler in authenticator.get_handlers(None)]
    assert {"/home", "/account", "/accounts"} <= set(paths)


def test_oidc_lets_in_allowed_groups_alone() -> None:
    c = configured(
        auth="oidc", shared_trust=True, oidc_client_id="tidelab", oidc_client_secret="s3cret", oidc_allowed_groups=["plankton"],
        oidc_admin_groups=["lab-admins"], oidc_authorize_url="https://id.example.org/auth", public_url="https://lab.example.org",
        oidc_token_url="https://id.example.org/token", oidc_userdata_url="https://id.example.org/userinfo",
    )  # fmt: skip
    authenticator = OidcAccounts(config=c)
    assert authenticator.enable_pkce
    assert not authenticator.allow_all
    assert authenticator.allowed_groups == {"plankton", "lab-admins"}
    assert authenticator.oauth_callback_url == "https://lab.example.org/hub/oauth_callback"
    paths = [handler[0] for handler in authenticator.get_handlers(None)]
    assert "/home" in paths
    assert "/oauth_callback" in paths
    assert "/accounts" not in paths


async def _allowed(authenticator: OidcAccounts, groups: list[str]) -> bool:
    return bool(
        await authenticator.check_allowed(
            "x", {"name": "x", "groups": groups, "admin": False, "auth_state": {}}
        )
    )


@pytest.mark.asyncio
async def test_oidc_groups_decide() -> None:
    c = configured(
        auth="oidc", shared_trust=True, oidc_client_id="tidelab", oidc_client_secret="s3cret", oidc_allowed_groups=["plankton"],
        oidc_authorize_url="https://id.example.org/auth", oidc_token_url="https://id.example.org/token",
        oidc_userdata_url="https://id.example.org/userinfo",
    )  # fmt: skip
    authenticator = OidcAccounts(config=c)
    assert await _allowed(authenticator, ["plankton"])
    assert not await _allowed(authenticator, ["others"])
    assert not await _allowed(authenticator, [])


def test_the_database_is_the_one_that_was_set(tmp_path: Path) -> None:
    assert configured().JupyterHub.db_url == f"sqlite:///{tmp_path}/hub/hub.sqlite"
    c = configured(db_url="postgresql:///hub", mlflow_db_url="postgresql://m:s3cret@db/mlflow")
    assert c.JupyterHub.db_url == "postgresql:///hub"
    plan = {
        entry["name"]: entry["environment"]
        for entry in json.loads(c.JupyterHub.services[0]["environment"][PLAN_VARIABLE])
    }
    assert plan["mlflow"]["TIDELAB_MLFLOW_DB"] == "postgresql://m:s3cret@db/mlflow"
    assert not [name for name, given in plan.items() if name != "mlflow" and "s3cret" in json.dumps(given)]
