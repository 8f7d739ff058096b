"""``make password``: a new password for somebody who lost theirs; whoever can run this owns the data anyway."""

import argparse
import sys

from tidehub.accounts import AccountError, AccountStore
from tidehub.settings import SettingsError, load_settings


def main(arguments: list[str] | None = None) -> int:
    """Give an account a new password and print it; works while the hub runs. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="tidehub.embedded.password", description="Give an account a new password."
    )
    parser.add_argument("name", nargs="?", help="account; default: the first one, the admin")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        file = settings.folder / "accounts.sqlite"
        if not file.exists():
            print("There is no account yet. `make run` makes one and shows its password.", file=sys.stderr)
            return 1
        name = options.name or settings.admin
        password = AccountStore(file, shared_trust=settings.shared_trust).set_password(name)
    except (SettingsError, AccountError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"  user      {name}\n  password  {password}\n\nIt is shown this once. Browsers that were logged in are signed out."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
