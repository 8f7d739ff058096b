"""What a person says of themselves: checked, kept apart from others', private, gone with the account."""

import asyncio
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidehub import __main__ as command_line
from tidehub import sweeper
from tidehub.accounts import AccountStore
from tidehub.person_profile import (
    PersonProfile,
    ProfileValueError,
    checked_profile,
    forget_profile,
    read_profile,
    write_profile,
)
from tidehub.settings import load_settings
from tidelab import paths
from tidelab.runs.usage_context import usage_context


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))


def test_what_a_person_types_is_checked_and_kept() -> None:
    write_profile("ada", checked_profile("  Flanders  Marine Institute ", "be"))
    assert read_profile("ada") == PersonProfile("Flanders Marine Institute", "BE")
    assert read_profile("bo") == PersonProfile()
    assert stat.S_IMODE(paths.profile("ada").stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.profile("ada").parent.stat().st_mode) == 0o700
    forget_profile("ada")
    forget_profile("ada")
    assert read_profile("ada") == PersonProfile()


@pytest.mark.parametrize(
    ("institution", "country", "kind", "words"),
    [
        ("x" * 201, "", "person", "at most 200 printable"),
        ("a\x00b", "", "person", "printable"),
        ("", "Belgium", "person", "two-letter code of a country"),
        ("", "ZZ", "person", "two-letter code of a country"),
        ("", "", "robot", "must be one of person, service, guest, vessel"),
    ],
)
def test_what_cannot_stand_there_is_a_sentence(institution: str, country: str, kind: str, words: str) -> None:
    with pytest.raises(ProfileValueError, match=words):
        checked_profile(institution, country, kind)


@given(st.text(max_size=30), st.sampled_from(["", "BE", "pt"]))
def test_runs_read_what_the_hub_wrote(institution: str, country: str) -> None:
    try:
        profile = checked_profile(institution, country, "vessel")
    except ProfileValueError:
        return
    write_profile("RV Simon", profile)
    found = usage_context("RV Simon", environ={})
    assert (found.institution, found.country, found.person_kind) == (
        profile.institution,
        profile.country,
        "vessel",
    )
    assert read_profile("RV Simon") == profile


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"institution": "x"}', b'{"institution": "x", "country": "ZZ"}', b"\xff"]
)
def test_a_file_that_cannot_be_read_is_an_empty_profile(content: bytes) -> None:
    write_profile("ada", PersonProfile("x", "BE"))
    paths.profile("ada").write_bytes(content)
    assert read_profile("ada") == PersonProfile()


def test_admins_set_it_on_the_command_line_and_it_goes_with_the_account(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = AccountStore(paths.data() / "hub" / "accounts.sqlite", shared_trust=True)
    for name in ("root", "ship"):
        store.add(name, admin=name == "root")
    assert command_line.main(["accounts", "profile", "ship", "--kind", "vessel", "--country", "be"]) == 0
    assert "ship: vessel, no institution, BE" in capsys.readouterr().out
    assert command_line.main(["accounts", "profile", "ship"]) == 0
    assert command_line.main(["accounts", "profile", "nobody"]) == 1
    assert command_line.main(["accounts", "profile", "ship", "--country", "Belgium"]) == 1
    assert "two-letter code" in capsys.readouterr().err
    assert read_profile("ship") == PersonProfile("", "BE", "vessel")
    assert command_line.main(["accounts", "remove", "ship"]) == 0
    assert not paths.profile("ship").exists()


@pytest.mark.parametrize(
    ("host", "public_url", "chosen", "access"),
    [
        ("127.0.0.1", "", "", "local"),
        ("localhost", "", "", "local"),
        ("127.0.0.1", "https://lab.example.org/", "", "virtual"),
        ("0.0.0.0", "", "", "virtual"),
        ("127.0.0.1", "", "remote", "remote"),
    ],
)
def test_how_people_reach_a_hub(
    monkeypatch: pytest.MonkeyPatch, host: str, public_url: str, chosen: str, access: str
) -> None:
    monkeypatch.setenv("TIDEHUB_HOST", host)
    monkeypatch.setenv("TIDEHUB_PUBLIC_URL", public_url)
    monkeypatch.setenv("TIDELAB_ACCESS", chosen)
    assert load_settings().access == access


def test_a_sweep_runs_in_the_environment_of_the_analyses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "envs"))
    assert asyncio.run(sweeper.sweep_once()) is None
    python = tmp_path / "envs" / "analyse" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked; env > {tmp_path}/env; exit 3\n')
    python.chmod(0o755)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    assert asyncio.run(sweeper.sweep_once()) == 3
    assert (tmp_path / "asked").read_text() == "-I -m tidelab.runs sweep --all\n"
    assert "secret" not in (tmp_path / "env").read_text()
    python.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(sweeper, "LONGEST_S", 0.1)
    assert asyncio.run(sweeper.sweep_once()) is None
