"""``python -m tidehub accounts ...|kubernetes``: accounts from the command line, with or without a running hub; values for a cluster."""

import argparse
import re
import sys

import yaml

from tidehub.accounts import AccountError, AccountStore
from tidehub.kubernetes import values, withheld
from tidehub.passwords import PasswordError
from tidehub.person_profile import (
    KINDS,
    ProfileValueError,
    checked_profile,
    forget_profile,
    read_profile,
    write_profile,
)
from tidehub.settings import SettingsError, load_settings
from tidelab import paths
from tidelab.catalogue import load_catalogue

_IMAGE_PREFIX = re.compile(r"[a-z0-9]+([._:/-]+[a-z0-9]+)*")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    if given.topic == "kubernetes":
        return _print_values(given.registry)
    try:
        settings = load_settings()
        if settings.auth != "local":
            raise AccountError(
                "Accounts are kept by the OpenID Connect provider (TIDEHUB_AUTH=oidc), not here."
            )
        file = settings.folder / "accounts.sqlite"
        if not file.exists() and given.action != "add":
            raise AccountError(f"There are no accounts in {paths.data()} yet; the first start makes one.")
        _run(AccountStore(file, shared_trust=settings.many_people), given)
    except (AccountError, PasswordError, ProfileValueError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _print_values(registry: str) -> int:
    """Print values for Zero to JupyterHub; what they leave out is said on standard error."""
    if not _IMAGE_PREFIX.fullmatch(registry):
        print(
            f"{registry[:80]!r} is no prefix of an image's name, e.g. registry.example.org/tidelab",
            file=sys.stderr,
        )
        return 1
    catalogue = load_catalogue()
    yaml.safe_dump(values(catalogue, registry), sys.stdout, sort_keys=False, allow_unicode=True)
    if left_out := withheld(catalogue):
        print(f"Left out, because they are for some groups alone: {', '.join(left_out)}.", file=sys.stderr)
    return 0


def _run(store: AccountStore, given: argparse.Namespace) -> None:
    if given.action == "list":
        for account in store.list():
            made = " (generated)" if account.generated else ""
            rights = "admin" if account.admin else "user"
            print(f"{account.name:<32} {rights:<6} password from {account.password_changed[:10]}{made}")
    elif given.action == "add":
        _show(given.name, store.add(given.name, admin=given.admin))
    elif given.action == "profile":
        _set_profile(store, given)
    elif given.action == "reset":
        _show(given.name, store.set_password(given.name))
        print("A hub that runs ends this account's browser sessions within a minute.")
    else:
        store.remove(given.name)
        forget_profile(given.name)
        print(
            f"The account {given.name} is removed; the home folder stays. Servers that run go on until they are stopped."
        )


def _set_profile(store: AccountStore, given: argparse.Namespace) -> None:
    if store.get(given.name) is None:
        raise AccountError(f"There is no account {given.name[:40]!r}.")
    known = read_profile(given.name)
    chosen = checked_profile(
        known.institution if given.institution is None else given.institution,
        known.country if given.country is None else given.country,
        known.kind if given.kind is None else given.kind,
    )
    if chosen != known:
        write_profile(given.name, chosen)
    print(
        f"{given.name}: {chosen.kind}, {chosen.institution or 'no institution'}, {chosen.country or 'no country'}"
    )


def _show(name: str, password: str) -> None:
    print(f"  user      {name}\n  password  {password}\nThe password is shown this once: keep it.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tidehub", description="Look after the hub.")
    topics = parser.add_subparsers(dest="topic", required=True)
    cluster = topics.add_parser(
        "kubernetes", help="print values for Zero to JupyterHub, made of the catalogue"
    )
    cluster.add_argument("--registry", default="tidelab", help="prefix of the images' names")
    accounts = topics.add_parser("accounts", help="who may sign in")
    actions = accounts.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="show all accounts")
    for action, words in (("add", "add one"), ("reset", "make a new password"), ("remove", "remove one")):
        command = actions.add_parser(action, help=words)
        command.add_argument("name")
        if action == "add":
            command.add_argument("--admin", action="store_true", help="with all rights")
    profile = actions.add_parser("profile", help="show or change what one is counted as")
    profile.add_argument("name")
    profile.add_argument("--institution", help="one line; empty: not given")
    profile.add_argument("--country", help="two letters, e.g. BE; empty: not given")
    profile.add_argument("--kind", choices=KINDS, help="what the account stands for")
    return parser


if __name__ == "__main__":
    sys.exit(main())
