"""Accounts: who may be added, what a password must be, what is stored, and that names cannot be asked for."""

import sqlite3
import stat
import time
from pathlib import Path

import pytest

from tidehub import __main__ as command_line
from tidehub.accounts import AccountError, AccountStore
from tidehub.first_account import make_first_account, take_first_password
from tidehub.passwords import (
    Cost,
    PasswordError,
    check_new_password,
    generate_password,
    hash_password,
    needs_upgrade,
    verify_password,
)

CHEAP = Cost(n=2**10, r=8, p=1)


@pytest.fixture
def store(tmp_path: Path) -> AccountStore:
    return AccountStore(tmp_path / "accounts.sqlite", shared_trust=True, cost=CHEAP)


def test_a_password_fits_only_itself() -> None:
    stored = hash_password("correct horse", CHEAP)
    assert verify_password("correct horse", stored)
    assert not verify_password("correct hors", stored)
    assert not verify_password("", stored)
    assert hash_password("correct horse", CHEAP) != stored, "every password has its own salt"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "scrypt$1$2",
        "md5$1024$8$1$AAAA$AAAA",
        "scrypt$x$8$1$AA$AA",
        "scrypt$1024$8$1$*$*",
        "scrypt$1099511627776$8$1$AAAA$AAAA",
    ],
)
def test_an_unreadable_stored_password_fits_nothing(stored: str) -> None:
    assert not verify_password("anything at all", stored)
    assert needs_upgrade(stored)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "at least 10 characters"),
        ("a" * 300, "at most 256"),
        ("aaaaaaaaaaaa", "different characters"),
        ("ada-lovelace", "account's name"),
    ],
)
def test_a_new_password_has_rules(password: str, words: str) -> None:
    with pytest.raises(PasswordError, match=words):
        check_new_password(password, "ada-lovelace")


def test_generated_passwords_are_allowed_and_differ() -> None:
    made = {generate_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_new_password(password, "ada")


def test_sign_in(store: AccountStore) -> None:
    password = store.add("ada", admin=True)
    account = store.verify("ada", password)
    assert account is not None
    assert account.admin
    assert account.generated
    assert store.verify("ada", password + " ") is None
    assert store.verify("bob", password) is None


def test_the_file_is_private_and_holds_no_password(store: AccountStore, tmp_path: Path) -> None:
    password = store.add("ada")
    file = tmp_path / "accounts.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password.encode() not in file.read_bytes()


def test_an_unknown_name_costs_the_same_time(tmp_path: Path) -> None:
    store = AccountStore(tmp_path / "a.sqlite", cost=Cost(n=2**14, r=8, p=1))
    store.add("ada")

    def seconds(name: str) -> float:
        best = []
        for _ in range(5):
            start = time.process_time()
            store.verify(name, "not the password")
            best.append(time.process_time() - start)
        return min(best)

    known, unknown = seconds("ada"), seconds("nobody")
    assert 0.5 < known / unknown < 2.0


def test_an_old_hash_is_upgraded_at_sign_in(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    password = AccountStore(file, cost=CHEAP).add("ada")
    dearer = AccountStore(file, cost=Cost(n=2**11, r=8, p=1))
    assert dearer.verify("ada", password)
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT password FROM accounts").fetchone()[0].startswith("scrypt$2048$")
    assert dearer.verify("ada", password)


def test_a_second_account_needs_shared_trust(tmp_path: Path) -> None:
    store = AccountStore(tmp_path / "a.sqlite", cost=CHEAP)
    store.add("ada", admin=True)
    with pytest.raises(AccountError, match="TIDEHUB_SHARED_TRUST=1"):
        store.add("bob")
    assert [account.name for account in store.list()] == ["ada"]


@pytest.mark.parametrize("name", ["", "Ada", "a b", "../ada", "ada\n", "-ada", "a" * 33, "ada/bob", "ада"])
def test_names_that_are_refused(store: AccountStore, name: str) -> None:
    with pytest.raises(AccountError, match="cannot be used"):
        store.add(name)


def test_a_name_is_taken_once(store: AccountStore) -> None:
    store.add("ada")
    with pytest.raises(AccountError, match="already"):
        store.add("ada")


def test_a_reset_ends_sessions_once(store: AccountStore) -> None:
    old = store.add("ada")
    assert not store.take_revocation("ada")
    new = store.set_password("ada")
    assert store.verify("ada", old) is None
    assert store.verify("ada", new)
    assert store.take_revocation("ada")
    assert not store.take_revocation("ada")
    store.set_password("ada", "my very own words", revoke=False)
    assert not store.take_revocation("ada"), "who changes it in the browser stays signed in there"
    assert store.get("ada").generated is False  # type: ignore[union-attr]


def test_the_last_admin_stays(store: AccountStore) -> None:
    store.add("ada", admin=True)
    store.add("bob")
    with pytest.raises(AccountError, match="last admin"):
        store.remove("ada")
    store.remove("bob")
    with pytest.raises(AccountError, match="no account 'bob'"):
        store.remove("bob")
    with pytest.raises(AccountError, match="no account 'bob'"):
        store.set_password("bob")


def test_the_first_password_is_handed_over_once(store: AccountStore, tmp_path: Path) -> None:
    assert make_first_account(store, "ada", tmp_path)
    file = tmp_path / "first-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = take_first_password(tmp_path)
    assert password is not None
    assert store.verify("ada", password)
    assert take_first_password(tmp_path) is None
    assert not file.exists()
    assert not make_first_account(store, "eve", tmp_path), "there is an account now"


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    assert command_line.main(["accounts", "list"]) == 1
    assert "no accounts" in capsys.readouterr().err
    assert command_line.main(["accounts", "add", "ada", "--admin"]) == 0
    password = capsys.readouterr().out.split("password")[1].split()[0]
    store = AccountStore(tmp_path / "hub" / "accounts.sqlite")
    assert store.verify("ada", password)
    assert command_line.main(["accounts", "add", "bob"]) == 1
    assert "TIDEHUB_SHARED_TRUST=1" in capsys.readouterr().err
    assert command_line.main(["accounts", "list"]) == 0
    assert "ada" in capsys.readouterr().out
    assert command_line.main(["accounts", "reset", "ada"]) == 0
    assert store.verify("ada", password) is None
    assert command_line.main(["accounts", "remove", "ada"]) == 1
    assert "last admin" in capsys.readouterr().err
