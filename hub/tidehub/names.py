"""Names of accounts: one rule for the login, the command line and the settings."""

import re

ACCOUNT_NAME_RULE = (
    "an account name has 1 to 32 characters: small letters, digits, '-', '_' and '.', beginning with a letter"
)
_NAME = re.compile(r"^[a-z][a-z0-9_.-]{0,31}$")


def is_account_name(name: str) -> bool:
    """Tell whether a name may be an account's."""
    return bool(_NAME.match(name)) and name == name.strip()


def account_name(name: str) -> str:
    r"""Return the account name made from an operating-system user's name; ``admin`` if nothing of it fits.

    >>> account_name("Ada"), account_name("DOMAIN\\ada"), account_name("42")
    ('ada', 'domain-ada', 'admin')
    """
    made = re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).lstrip("-_.0123456789")[:32].rstrip("-.")
    return made if is_account_name(made) else "admin"
