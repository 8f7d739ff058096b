from pathlib import Path

import pytest

from tidelab.tracking.server.settings import HubService, SettingsError, secret_key

HUB = {
    "JUPYTERHUB_SERVICE_NAME": "mlflow", "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api/", "JUPYTERHUB_API_TOKEN": "t",
    "JUPYTERHUB_CLIENT_ID": "service-mlflow", "JUPYTERHUB_SERVICE_PREFIX": "/lab/services/mlflow/",
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:5603", "JUPYTERHUB_BASE_URL": "/lab/",
}  # fmt: skip


def test_what_the_hub_gives():
    service = HubService.from_environment({**HUB, "TIDELAB_PUBLIC_HOSTS": "lab.example.org, other"})
    assert service.address == ("127.0.0.1", 5603)
    assert service.prefix == "/lab/services/mlflow"
    assert service.hosts == ("lab.example.org", "other")
    assert service.access_scopes == {"access:services", "access:services!service=mlflow"}


@pytest.mark.parametrize("name", [name for name in HUB if name != "JUPYTERHUB_BASE_URL"])
def test_a_missing_variable_is_named(name: str):
    with pytest.raises(SettingsError, match=name):
        HubService.from_environment({key: value for key, value in HUB.items() if key != name})


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path):
    file = tmp_path / "folder" / "secret"
    key = secret_key(file)
    assert len(key) == 64
    assert secret_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_secret_others_could_read_is_closed_and_a_short_one_refused(tmp_path: Path):
    file = tmp_path / "secret"
    secret_key(file)
    file.chmod(0o644)
    secret_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("short")
    with pytest.raises(SettingsError, match=r"too short .*Delete the file"):
        secret_key(file)
