"""What a person chooses to say of themselves for the statistics: institution and country, both may be left out.

A file for each person, apart from the accounts: people who sign in with their institution have no account here. Runs read it
(`tidelab.runs.usage_context`).
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass

from tidelab import paths
from tidelab.catalogue.countries import checked_country

LONGEST_INSTITUTION = 200
KINDS = ("person", "service", "guest", "vessel")
_MOST_BYTES = 4096


class ProfileValueError(ValueError):
    """A value that cannot stand in a profile; the text says which are allowed."""


@dataclass(frozen=True)
class PersonProfile:
    """Institution and country (ISO 3166-1 alpha-2, in capitals); `kind` is set by admins on the command line."""

    institution: str = ""
    country: str = ""
    kind: str = "person"


def checked_profile(institution: str, country: str, kind: str = "person") -> PersonProfile:
    """Return a profile of what a person typed.

    Raises
    ------
    ProfileValueError
        The institution is too long or not one printable line, the country is none, or the kind is unknown.
    """
    line = " ".join(institution.split())
    if len(line) > LONGEST_INSTITUTION or not line.isprintable():
        raise ProfileValueError(
            f"The institution must be one line of at most {LONGEST_INSTITUTION} printable characters."
        )
    if kind not in KINDS:
        raise ProfileValueError(f"The kind is {kind[:40]!r}; it must be one of {', '.join(KINDS)}.")
    try:
        return PersonProfile(line, checked_country(country), kind)
    except ValueError as error:
        raise ProfileValueError(f"The country {error}.") from None


def read_profile(user: str) -> PersonProfile:
    """Return a person's profile; an empty one where there is none or it cannot be read."""
    try:
        with paths.profile(user).open("rb") as stream:
            values = json.loads(stream.read(_MOST_BYTES))
        return checked_profile(
            str(values["institution"]), str(values["country"]), str(values.get("kind", "person"))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return PersonProfile()


def write_profile(user: str, profile: PersonProfile) -> None:
    """Keep a person's profile; raises OSError. Analyses that have ended keep what they were counted with."""
    path = paths.profile(user)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(asdict(profile), stream, ensure_ascii=False)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def forget_profile(user: str) -> None:
    """Remove a person's profile, as their account is."""
    with suppress(OSError):
        paths.profile(user).unlink(missing_ok=True)
