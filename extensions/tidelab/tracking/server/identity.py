"""Who is calling: the hub's own answer, for every service of ours that is not the hub.

A caller shows a hub token (``Authorization: Bearer``) or the cookie of :mod:`.login`, which holds one. The hub says
whose it is and what it may do; the answer is remembered briefly, under a digest of the token, never the token.
A hub that does not answer is an error, never a permission.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tidelab.tracking.names import person_key, service_key

from .settings import HubService

GOOD_SECONDS = 30.0
"""How long the hub's answer is believed: a removed right or a logout works after this time at the latest."""
BAD_SECONDS = 5.0
"""How long a refused token stays refused without asking again."""
CACHE_SIZE = 2048
TIMEOUT_SECONDS = 5.0
LONGEST_TOKEN = 512


class HubUnreachableError(Exception):
    """The hub did not answer, so nobody can be let in; the text is for the person who waits."""

    def __init__(self) -> None:
        super().__init__(
            "The hub does not answer, so it cannot be checked who you are. Nothing was changed. Try again in a "
            "minute; if it stays like this, tell the people who run the hub."
        )


@dataclass(frozen=True)
class Caller:
    """A person or a service that the hub knows and that may use this service.

    Parameters
    ----------
    name
        Name at the hub.
    kind
        ``user`` or ``service``.
    admin
        Whether the hub calls this person an administrator. Never true for a service.
    groups
        Hub groups of the person.
    """

    name: str
    kind: str
    admin: bool = False
    groups: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Name in MLflow (:func:`tidelab.tracking.names.person_key`); a service's can never be a person's."""
        return service_key(self.name) if self.kind == "service" else person_key(self.name)

    def maintains(self, group: str) -> bool:
        """Return whether this person may confirm promotions for which a member of ``group`` is responsible."""
        return self.kind == "user" and (self.admin or group in self.groups)


class HubIdentity:
    """Asks the hub about tokens and remembers its answers for a short while. Safe to use from many threads."""

    def __init__(self, service: HubService, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, Caller | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    def caller(self, token: str) -> Caller | None:
        """Return who holds a token, or None if the hub does not know it or it may not use this service.

        Raises
        ------
        HubUnreachableError
            If the hub does not answer.
        """
        if not token or len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            return None
        digest = hashlib.sha256(token.encode("ascii")).hexdigest()
        now = self._clock()
        with self._lock:
            known = self._answers.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        caller = self._ask(token)
        with self._lock:
            self._answers[digest] = (now + (GOOD_SECONDS if caller else BAD_SECONDS), caller)
            self._answers.move_to_end(digest)
            while len(self._answers) > CACHE_SIZE:
                self._answers.popitem(last=False)
        return caller

    def forget(self, token: str) -> None:
        """Ask the hub again about this token next time."""
        with self._lock:
            self._answers.pop(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest(), None)

    def exchange(self, code: str, verifier: str) -> str | None:
        """Exchange an OAuth code for the person's token; None if the hub refuses the code.

        Raises
        ------
        HubUnreachableError
            If the hub does not answer.
        """
        form = {
            "client_id": self.service.client_id,
            "client_secret": self.service.api_token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.service.prefix}/oauth_callback",
            "code_verifier": verifier,
        }
        try:
            answer = self._session().post(
                f"{self.service.api_url}/oauth2/token",
                data=form,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            if answer.status_code >= 500:
                raise HubUnreachableError
            return str(answer.json()["access_token"]) if answer.ok else None
        except (requests.RequestException, ValueError, KeyError):
            raise HubUnreachableError from None

    def _ask(self, token: str) -> Caller | None:
        try:
            answer = self._session().get(
                f"{self.service.api_url}/user",
                headers={"Authorization": f"token {token}"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            if answer.status_code in (401, 403, 404):
                return None
            if answer.status_code != 200:
                raise HubUnreachableError
            model = answer.json()
        except (requests.RequestException, ValueError):
            raise HubUnreachableError from None
        return caller_from_model(model, self.service.access_scopes)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # a netrc or proxy variable must not replace the caller's token
        return session


def caller_from_model(model: object, access_scopes: frozenset[str]) -> Caller | None:
    """Read the hub's user model; None unless it names a user or service that holds one of the scopes."""
    if not isinstance(model, dict) or not access_scopes & set(model.get("scopes") or ()):
        return None
    kind, name = model.get("kind"), model.get("name")
    if kind not in ("user", "service") or not isinstance(name, str) or not name:
        return None
    if kind == "service":
        return Caller(name=name, kind=kind)
    groups = frozenset(group for group in model.get("groups") or () if isinstance(group, str))
    return Caller(name=name, kind=kind, admin=model.get("admin") is True, groups=groups)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization`` header (``Bearer`` or the hub's own ``token``), if it holds one.

    >>> bearer_token("Bearer abc"), bearer_token("Basic abc")
    ('abc', None)
    """
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() or None if scheme.lower() in ("bearer", "token") else None
