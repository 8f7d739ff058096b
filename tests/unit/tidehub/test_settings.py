"""Settings fail at start with the variable, its value and the rule, and never print a secret."""

import pytest

from tidehub.names import account_name, is_account_name
from tidehub.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("TIDEHUB_"):
            monkeypatch.delenv(name)


def test_defaults_listen_on_this_machine_alone() -> None:
    settings = load_settings()
    assert (settings.host, settings.address) == ("127.0.0.1", "http://127.0.0.1:8000/")
    assert settings.auth == "local"
    assert not settings.shared_trust
    assert is_account_name(settings.admin)


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("PORT", "99999", "less than or equal to 65535"),
        ("HOST", "my lab", "IP address"),
        ("ADMIN", "Ada Lovelace", "an account name has"),
        ("PUBLIC_URL", "lab.example.org", "http:// or https://"),
        ("IDLE_MINUTES", "-1", "greater than or equal to 0"),
        ("SERVICES", '["mlflw"]', "'mlflow'"),
        ("SERVICES", '["models"]', "needs the service 'mlflow'"),
        ("AUTH", "none", "'local' or 'oidc'"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, rule: str
) -> None:
    monkeypatch.setenv(f"TIDEHUB_{variable}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    said = str(raised.value)
    assert f"TIDEHUB_{variable}={value!r}" in said
    assert rule in said
    assert "docs/admin.md" in said


def test_a_list_that_is_no_json_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEHUB_SERVICES", "mlflow, apps")
    with pytest.raises(SettingsError, match=r"services.*written as JSON"):
        load_settings()


def test_oidc_names_what_is_missing_and_hides_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEHUB_AUTH", "oidc")
    monkeypatch.setenv("TIDEHUB_OIDC_CLIENT_SECRET", "do-not-print-me")
    monkeypatch.setenv("TIDEHUB_PORT", "0")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "do-not-print-me" not in str(raised.value)
    monkeypatch.setenv("TIDEHUB_PORT", "8000")
    with pytest.raises(
        SettingsError, match=r"TIDEHUB_OIDC_CLIENT_ID.*TIDEHUB_OIDC_ALLOWED_GROUPS.*SHARED_TRUST"
    ) as raised:
        load_settings()
    assert "do-not-print-me" not in repr(raised.value)


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEHUB_HOST", "0.0.0.0")
    monkeypatch.setenv("TIDEHUB_PORT", "9000")
    settings = load_settings()
    assert settings.bind_url == "http://0.0.0.0:9000/"
    assert settings.local_url == "http://127.0.0.1:9000/"
    monkeypatch.setenv("TIDEHUB_PUBLIC_URL", "https://lab.example.org")
    assert load_settings().address == "https://lab.example.org/"


def test_account_names_from_the_operating_system() -> None:
    for given in ("Ada", "DOMAIN\\ada", "ada.lovelace", "42", "", "ÄÖÜ", "x" * 80, "-.-"):
        assert is_account_name(account_name(given)), given
    assert account_name("Ada") == "ada"
    assert account_name("42") == "admin"
    assert not is_account_name("ada\n")


def test_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().db_url is None
    monkeypatch.setenv("TIDEHUB_DB_URL", "")  # as an empty line of an EnvironmentFile leaves it
    assert load_settings().db_url is None
    monkeypatch.setenv("TIDEHUB_DB_URL", "postgresql+psycopg2://hub:s3cret@db/hub")
    assert "s3cret" not in repr(load_settings())
    monkeypatch.setenv("TIDEHUB_MLFLOW_DB_URL", "mysql://mlflow:s3cret@db/mlflow")
    with pytest.raises(
        SettingsError, match=r"TIDEHUB_MLFLOW_DB_URL=\(secret\): must begin with postgresql"
    ) as raised:
        load_settings()
    assert "s3cret" not in str(raised.value)
