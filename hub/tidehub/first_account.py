"""The first account: made when there is none, its password handed over once through a private file."""

import os
from pathlib import Path

from tidehub.accounts import AccountStore

FILE_NAME = "first-password"


def make_first_account(store: AccountStore, name: str, folder: Path) -> bool:
    """Add the first admin account if there is no account yet.

    The password is written to ``<folder>/first-password`` (mode 0600, one line); whoever starts the hub shows it with
    `take_first_password`.

    Returns
    -------
    bool
        Whether an account was made.
    """
    if store.list():
        return False
    password = store.add(name, admin=True)
    file = folder / FILE_NAME
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(password + "\n")
    return True


def take_first_password(folder: Path) -> str | None:
    """Read and delete the first password; None if it was taken already."""
    file = folder / FILE_NAME
    try:
        password = file.read_text().strip()
    except FileNotFoundError:
        return None
    file.unlink(missing_ok=True)
    return password
