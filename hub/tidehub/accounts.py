"""Accounts of the hub: a small SQLite file of its own, readable by the hub's operating-system user only.

The file is apart from JupyterHub's database because the command line writes it too, also while no hub runs.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidehub.names import ACCOUNT_NAME_RULE, is_account_name
from tidehub.passwords import (
    COST,
    Cost,
    check_new_password,
    generate_password,
    hash_password,
    needs_upgrade,
    verify_password,
)

ONE_TRUST_DOMAIN = (
    "In embedded mode every server runs as one operating-system user, so every account can read and change every "
    "other account's files. A second account is therefore refused. If the people share one account anyway, or trust "
    "each other with everything, set TIDEHUB_SHARED_TRUST=1 and start the hub again; otherwise Tidelab needs its "
    "docker mode, which is not part of this version."
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    admin INTEGER NOT NULL,
    generated INTEGER NOT NULL,      -- the password was made by us and not changed since
    created TEXT NOT NULL,
    password_changed TEXT NOT NULL,
    revoke INTEGER NOT NULL DEFAULT 0 -- the hub still has to end this account's browser sessions
) STRICT
"""


class AccountError(ValueError):
    """An account that cannot be added, changed or removed; the text says why and what to do."""


@dataclass(frozen=True)
class Account:
    """One account, without its password."""

    name: str
    admin: bool
    generated: bool
    created: str
    password_changed: str


class AccountStore:
    """Accounts in one SQLite file.

    Parameters
    ----------
    file
        The database; made with mode 0600 if it is not there.
    shared_trust
        Whether a second account may be added (embedded mode is one trust domain).
    cost
        Cost of new password hashes; older hashes are upgraded at sign-in.
    """

    def __init__(self, file: Path, *, shared_trust: bool = False, cost: Cost = COST) -> None:
        self._file = file
        self._shared_trust = shared_trust
        self._cost = cost
        self._decoy = ""
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        file.chmod(0o600)
        with self._open() as database:
            database.execute(_SCHEMA)

    def list(self) -> "list[Account]":
        """Return all accounts by name."""
        with self._open() as database:
            return [_account(row) for row in database.execute("SELECT * FROM accounts ORDER BY name")]

    def get(self, name: str) -> Account | None:
        """Return one account, or None."""
        with self._open() as database:
            row = database.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
        return _account(row) if row else None

    def add(self, name: str, *, admin: bool = False, password: str | None = None) -> str:
        """Add an account and return its password, which is not kept anywhere in readable form.

        Raises
        ------
        AccountError
            The name is taken or not allowed, or it would be a second account in one trust domain.
        PasswordError
            The given password breaks a rule.
        """
        if not is_account_name(name):
            raise AccountError(f"The account name {name[:40]!r} cannot be used: {ACCOUNT_NAME_RULE}.")
        generated = password is None
        secret = generate_password() if password is None else password
        check_new_password(secret, name)
        stored, now = hash_password(secret, self._cost), _now()
        with self._open() as database:
            names = [row["name"] for row in database.execute("SELECT name FROM accounts")]
            if name in names:
                raise AccountError(f"There is an account {name!r} already; reset its password instead.")
            if names and not self._shared_trust:
                raise AccountError(ONE_TRUST_DOMAIN)
            database.execute(
                "INSERT INTO accounts (name, password, admin, generated, created, password_changed) VALUES (?,?,?,?,?,?)",
                (name, stored, int(admin), int(generated), now, now),
            )
        return secret

    def set_password(self, name: str, password: str | None = None, *, revoke: bool = True) -> str:
        """Give an account a new password (a generated one by default) and return it.

        With `revoke` the hub ends the account's browser sessions the next time it sees one of them.

        Raises
        ------
        AccountError
            There is no such account.
        PasswordError
            The given password breaks a rule.
        """
        generated = password is None
        secret = generate_password() if password is None else password
        check_new_password(secret, name)
        stored = hash_password(secret, self._cost)
        with self._open() as database:
            changed = database.execute(
                "UPDATE accounts SET password = ?, generated = ?, password_changed = ?, revoke = max(revoke, ?) "
                "WHERE name = ?",
                (stored, int(generated), _now(), int(revoke), name),
            )
            if changed.rowcount == 0:
                raise _unknown(name)
        return secret

    def remove(self, name: str) -> None:
        """Remove an account; its home folder stays.

        Raises
        ------
        AccountError
            There is no such account, or it is the last admin's.
        """
        with self._open() as database:
            row = database.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise _unknown(name)
            admins = database.execute("SELECT count(*) FROM accounts WHERE admin = 1").fetchone()[0]
            if row["admin"] and admins == 1:
                raise AccountError(
                    f"{name!r} is the last admin account. Add another admin first, then remove it."
                )
            database.execute("DELETE FROM accounts WHERE name = ?", (name,))

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if name and password fit together, else None, after the same work either way."""
        # The same work is done for a name that does not exist, so that time tells nothing about names.
        self._decoy = self._decoy or hash_password(generate_password(), self._cost)
        with self._open() as database:
            row = database.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
        right = verify_password(password, row["password"] if row else self._decoy)
        if row is None or not right:
            return None
        if needs_upgrade(row["password"], self._cost):
            with self._open() as database:
                database.execute(
                    "UPDATE accounts SET password = ? WHERE name = ? AND password = ?",
                    (hash_password(password, self._cost), name, row["password"]),
                )
        return _account(row)

    def take_revocation(self, name: str) -> bool:
        """Tell, once, whether the account's browser sessions are to be ended."""
        with self._open() as database:
            done = database.execute("UPDATE accounts SET revoke = 0 WHERE name = ? AND revoke = 1", (name,))
            return done.rowcount > 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._file, timeout=10)
        database.row_factory = sqlite3.Row
        try:
            with database:
                database.execute("BEGIN IMMEDIATE")
                yield database
        finally:
            database.close()


def _account(row: sqlite3.Row) -> Account:
    return Account(
        row["name"], bool(row["admin"]), bool(row["generated"]), row["created"], row["password_changed"]
    )


def _unknown(name: str) -> AccountError:
    return AccountError(
        f"There is no account {name[:40]!r}. `python -m tidehub accounts list` shows them all."
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
