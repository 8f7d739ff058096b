"""Origins of their own: who gets one, which routes and policies follow, and settings that do not fit together."""

from pathlib import Path

import pytest
from traitlets.config import Config

from tidehub.configure.network import configure_network
from tidehub.embedded.ports import Ports
from tidehub.embedded.supervisor import Plan, command_of_proxy
from tidehub.origins import local_routes, people_apart, with_servers
from tidehub.services import service_definitions
from tidehub.settings import Settings, SettingsError, load_settings

ADDRESS = "https://lab.example.org"


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))


def settings(**changes: object) -> Settings:
    return Settings(subdomain_host=f"{ADDRESS}/", public_url=ADDRESS, **changes)  # type: ignore[arg-type]


def test_people_have_hosts_and_services_share_the_hubs() -> None:
    assert people_apart("ada", "lab.example.org", "user") == "ada.lab.example.org"
    assert people_apart("apps", "lab.example.org", "service") == "lab.example.org"
    hosts = {
        people_apart(name, "lab.example.org", "user")
        for name in ("ada", "ada.b", "ada-b", "ada_b", "lab", "www")
    }
    assert len(hosts) == 6
    assert "lab.example.org" not in hosts


def test_forms_may_lead_to_peoples_hosts_only_where_they_have_some() -> None:
    policy = "script-src 'self'; form-action 'self'; frame-ancestors 'none'"
    assert with_servers(policy, Settings()) == policy
    assert "form-action 'self' https://*.lab.example.org;" in with_servers(policy, settings())


def test_the_configuration_takes_it() -> None:
    given = settings(mode="docker", services=["mlflow", "cull"])
    c = Config()
    configure_network(c, given, service_definitions(given))
    assert c.JupyterHub.subdomain_host == ADDRESS
    assert c.JupyterHub.subdomain_hook is people_apart
    assert list(c.Proxy.extra_routes) == ["172.30.77.1/services/mlflow/"]
    assert c.JupyterHub.tornado_settings["xsrf_cookie_kwargs"] == {"samesite": "Lax", "secure": True}
    plain = Config()
    configure_network(plain, Settings())
    assert "subdomain_host" not in plain.JupyterHub
    assert "secure" not in plain.JupyterHub.tornado_settings["xsrf_cookie_kwargs"]


def test_the_proxy_looks_at_hosts_only_then() -> None:
    plan = Plan("127.0.0.1", Ports(8000, 8001, 8081), "http://127.0.0.1:8000/")
    assert "--host-routing" not in command_of_proxy(plan)
    assert "--host-routing" in command_of_proxy(Plan(plan.host, plan.ports, plan.address, by_host=True))


def test_services_without_an_address_need_no_route() -> None:
    given = settings(services=["cull"])
    assert local_routes(given, service_definitions(given)) == {}


@pytest.mark.parametrize("public", ["", "https://other.example.org/", f"{ADDRESS}/hub/"])
def test_both_addresses_are_the_same(public: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEHUB_SUBDOMAIN_HOST", ADDRESS)
    monkeypatch.setenv("TIDEHUB_PUBLIC_URL", public)
    with pytest.raises(SettingsError, match=rf"TIDEHUB_PUBLIC_URL={ADDRESS}/"):
        load_settings()
