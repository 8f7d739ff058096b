"""Settings of the apps service."""

import pytest

from tidelab.apps.settings import AppsSettings, SettingsError


def test_behind_the_hub():
    settings = AppsSettings.from_environment(
        {
            "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:10133",
            "JUPYTERHUB_SERVICE_PREFIX": "/tide/services/apps/",
            "JUPYTERHUB_BASE_URL": "/tide/",
            "TIDELAB_APPS_MAX_KERNELS": "3",
        }
    )
    assert (settings.ip, settings.port, settings.prefix) == ("127.0.0.1", 10133, "/tide/services/apps/")
    assert settings.home == "/tide/hub/home"
    assert settings.max_kernels == 3


def test_without_a_hub_it_listens_to_this_computer_alone():
    settings = AppsSettings.from_environment({})
    assert (settings.ip, settings.prefix, settings.home) == ("127.0.0.1", "/", "")


@pytest.mark.parametrize("value", ["many", "0", "-1", "2.5", "1e9"])
def test_a_wrong_number_is_named(value):
    with pytest.raises(SettingsError, match=r"TIDELAB_APPS_MAX_KERNELS is .*whole number"):
        AppsSettings.from_environment({"TIDELAB_APPS_MAX_KERNELS": value})
