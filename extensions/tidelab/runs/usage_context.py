"""Who a run is counted for: kind of person, institution, country, access and purpose, settled when it is prepared.

On the hub, institution and country are what the person wrote on the page Profile (``<data>/profiles/<person>.json``); elsewhere they
come from the environment. Both may be left out.
"""

import json
import os
from collections.abc import Mapping
from typing import Final, get_args

from pydantic import ValidationError

from tidelab import paths
from tidelab.catalogue.countries import checked_country
from tidelab.domain.usage import Access, PersonKind, Purpose, UsageContext
from tidelab.runs.errors import RunError

_MOST_BYTES: Final = 4096
_LONGEST: Final = 200


def usage_context(
    person: str, *, demo: bool = False, environ: Mapping[str, str] | None = None
) -> UsageContext:
    """Return what is counted about a person's run.

    Parameters
    ----------
    person
        Name at the hub, or of the operating system's user.
    demo
        Whether the model is a demonstration or the images are the generated sample: such a run is never a real one.
    environ
        ``TIDELAB_INSTITUTION``, ``TIDELAB_COUNTRY``, ``TIDELAB_PERSON_KIND``, ``TIDELAB_ACCESS``, ``TIDELAB_PURPOSE``.

    Raises
    ------
    RunError
        When a variable has a value that is not allowed; the text names it and the values that are.
    """
    env = os.environ if environ is None else environ
    profile = _profile(person)
    purpose: Purpose = _one_of(env, "TIDELAB_PURPOSE", get_args(Purpose)) or "real"  # type: ignore[assignment]
    try:
        country = checked_country(env.get("TIDELAB_COUNTRY", ""))
    except ValueError as error:
        raise RunError(f"TIDELAB_COUNTRY {error}.") from None
    kind = _one_of(env, "TIDELAB_PERSON_KIND", get_args(PersonKind)) or profile.person_kind
    access = _one_of(env, "TIDELAB_ACCESS", get_args(Access)) or "local"
    return UsageContext(
        person_kind=kind,
        institution=_line(env.get("TIDELAB_INSTITUTION", "")) or profile.institution,
        country=country or profile.country,
        access=access,
        purpose="demo" if demo and purpose == "real" else purpose,
    )


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = env.get(name, "").strip()
    if value and value not in allowed:
        raise RunError(f"{name} is {value[:40]!r}; it must be one of {', '.join(allowed)}.")
    return value


def _line(text: str) -> str:
    """Return one printable line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST]


def _profile(person: str) -> UsageContext:
    """Return what a person's profile says; nothing where there is none, or what it says cannot be read."""
    try:
        with paths.profile(person).open("rb") as stream:
            values = json.loads(stream.read(_MOST_BYTES))
        return UsageContext(
            person_kind=values.get("kind", "person"),
            institution=_line(str(values.get("institution", ""))),
            country=checked_country(str(values.get("country", ""))),
        )
    except (OSError, ValueError, AttributeError, ValidationError):
        return UsageContext()
