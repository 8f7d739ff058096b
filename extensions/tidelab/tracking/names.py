"""Names in MLflow: who owns an experiment or a registered model can be read from its name.

A person owns the experiment ``<slug>/<person>`` and the registered model ``<slug>--<person>``; the protected
registered model is ``<slug>`` alone. Both are split at the *first* separator and a slug holds no separator, so
no choice of user name makes one person's name equal to another's.
"""

import re

MODEL_SEPARATOR = "--"
EXPERIMENT_SEPARATOR = "/"
SERVICE_PREFIX = "service:"
CHAMPIONS_EXPERIMENT = "champions/service:models"

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.@+-")
_SLUG = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")


def person_key(user: str) -> str:
    """Return the name under which a hub user is known in MLflow.

    Usual names stay as they are. Every other byte of the UTF-8 name becomes ``~`` and two hexadecimal digits, so
    that two people never share a key, and no key holds ``/``, ``:`` or an upper-case letter.

    >>> person_key("ada"), person_key("Ada"), person_key("a/b")
    ('ada', '~41da', 'a~2fb')
    """
    if not user:
        raise ValueError("A person needs a name: the hub user's name is empty.")
    return "".join(chr(byte) if byte in _PLAIN else f"~{byte:02x}" for byte in user.encode())


def service_key(name: str) -> str:
    """Return the name under which a hub service is known in MLflow; no person's key holds a colon.

    >>> service_key("models")
    'service:models'
    """
    return SERVICE_PREFIX + person_key(name)


def check_slug(use_case: str) -> str:
    """Return the slug, or raise ``ValueError`` naming the rule it breaks."""
    if not _SLUG.fullmatch(use_case) or MODEL_SEPARATOR in use_case:
        raise ValueError(
            f"{use_case!r} is no use-case slug: expected 3 to 30 lower-case letters, digits and single hyphens, "
            "starting with a letter, for example 'flowcam-plankton'."
        )
    return use_case


def model_name(use_case: str, user: str) -> str:
    """Return the registered model that a person owns in one use case.

    >>> model_name("flowcam-plankton", "ada")
    'flowcam-plankton--ada'
    """
    return f"{check_slug(use_case)}{MODEL_SEPARATOR}{person_key(user)}"


def experiment_name(use_case: str, user: str) -> str:
    """Return the experiment that a person owns in one use case.

    >>> experiment_name("flowcam-plankton", "ada")
    'flowcam-plankton/ada'
    """
    return f"{check_slug(use_case)}{EXPERIMENT_SEPARATOR}{person_key(user)}"


def model_owner(name: str) -> str | None:
    """Return the key of the person who owns a registered model, or None for a protected model."""
    _, separator, owner = name.partition(MODEL_SEPARATOR)
    return owner if separator else None


def experiment_owner(name: str) -> str | None:
    """Return the key of the person who owns an experiment, or None if its name names nobody."""
    _, separator, owner = name.partition(EXPERIMENT_SEPARATOR)
    return owner if separator else None
