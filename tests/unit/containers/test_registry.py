"""How this machine reaches registries: read from pip, passed on as files that no digest and no argument knows."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.containers.build import command
from tidelab.containers.content import content_digest
from tidelab.containers.errors import ImageError
from tidelab.containers.plan import Build
from tidelab.containers.registry import read_settings, registry_items

LISTED = "\n".join(
    (
        "global.index-url='https://old.example/simple'",
        "global.extra-index-url='file:///opt/pypi/simple https://b.example/simple'",
        "global.find-links='/opt/wheels'",
        "install.no-compile='true'",
        ":env:.index-url='https://me:se%cret@new.example/simple'",
        ":env:.timeout='180'",
        ":env:.cert='/etc/ca.pem'",
        "nonsense",
    )
)


def files(environment: dict[str, str], listed: str) -> dict[str, str]:
    return {item.name: item.text for item in registry_items(environment, listed)}


def test_what_is_kept() -> None:
    assert read_settings(LISTED) == {
        "index-url": "https://me:se%cret@new.example/simple",
        "extra-index-url": "https://b.example/simple",
        "no-compile": "true",
        "timeout": "180",
        "cert": "/etc/ca.pem",
    }


def test_pip_conf_holds_the_registry_and_nothing_of_this_disk(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    made = files({"PIP_CERT": str(ca)}, LISTED)
    assert made["host/pip.conf"] == (
        "[global]\nextra-index-url = https://b.example/simple\nindex-url = https://me:se%cret@new.example/simple\ntimeout = 180\n"
    )
    assert made["host/ca.crt"] == "PEM"


def test_nothing_of_it_counts() -> None:
    items = registry_items({}, LISTED.replace("cert", "retries"))
    assert content_digest(items, {}) == content_digest([], {})


def test_without_settings_the_system_s_certificates(tmp_path: Path) -> None:
    made = files({}, "")
    assert made["host/pip.conf"] == "[global]\n"
    assert "host/ca.crt" in made


def test_a_certificate_file_that_is_not_there() -> None:
    with pytest.raises(ImageError, match=r"/nowhere/ca\.pem is not there\. Correct PIP_CERT"):
        registry_items({"PIP_CERT": "/nowhere/ca.pem"}, "")


def test_pip_s_own_setting_is_used_where_no_variable_is(tmp_path: Path) -> None:
    ca = tmp_path / "own.pem"
    ca.write_text("OWN")
    assert files({}, f"global.cert='{ca}'")["host/ca.crt"] == "OWN"


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_any_listing_is_read(text: str) -> None:
    for name, value in read_settings(text).items():
        assert name
        assert value


def test_the_command_names_proxies_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    build = Build("a:b", "A", "c:d", {"PARENT": "c:d"}, {"l": "v"}, ())
    line = command(build, "sha256:1", "id", "host", False)
    assert "HTTPS_PROXY" in line
    assert not any("secret" in part for part in line)
    assert line[-1] == "-"
