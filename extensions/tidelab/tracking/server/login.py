"""Login of a browser through the hub: OAuth with PKCE, one cookie at a time, no page of its own.

Works on Flask's request, because both services are Flask applications. MLflow 3.17 keeps only one ``Set-Cookie`` per
response, so each response sets one at most: the redirect to the hub the short-lived state, the way back the session.
"""

import base64
import hashlib
import secrets
from urllib.parse import urlencode, urlsplit

from flask import Request, Response, make_response, redirect
from itsdangerous import BadSignature, URLSafeTimedSerializer

from .identity import Caller, HubIdentity, HubUnreachableError, bearer_token
from .pages import message_page

STATE_SECONDS = 600
SESSION_SECONDS = 12 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class HubLogin:
    """Finds the caller of a Flask request, or the response that leads to one."""

    def __init__(self, identity: HubIdentity, secret: str, title: str) -> None:
        service = identity.service
        self.identity = identity
        self.title = title
        self.prefix = service.prefix
        self.session_cookie = f"tidelab-{service.name}"
        self.state_cookie = f"tidelab-{service.name}-state"
        self.hub_url = service.base_url.rstrip("/") + "/hub"
        self._state = URLSafeTimedSerializer(secret, salt=f"{service.name}-oauth-state")
        self._session = URLSafeTimedSerializer(secret, salt=f"{service.name}-session")

    def caller(self, request: Request) -> Caller | Response:
        """Return who sends this request, or the answer to send instead (login, 401, 403, 503)."""
        try:
            if request.path == f"{self.prefix}/oauth_callback":
                return self._callback(request)
            if request.path == f"{self.prefix}/logout":
                return self._logout(request)
            if "Authorization" in request.headers:
                return self._by_header(request)
            return self._by_cookie(request)
        except HubUnreachableError as error:
            return self.answer(request, 503, "The hub does not answer", str(error))

    def session_token(self, request: Request) -> str | None:
        """Return the hub token in the browser's session cookie, if the cookie is ours and not too old."""
        try:
            token = self._session.loads(request.cookies.get(self.session_cookie, ""), max_age=SESSION_SECONDS)
        except BadSignature:
            return None
        return token if isinstance(token, str) else None

    def answer(self, request: Request, status: int, title: str, text: str) -> Response:
        """Return a page for a browser, the sentence as plain text for a program."""
        if wants_html(request):
            home = f"{self.hub_url}/home"
            response = make_response(message_page(title, text, home), status)
        else:
            response = make_response(f"{title}: {text}\n", status)
            response.mimetype = "text/plain"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _by_header(self, request: Request) -> Caller | Response:
        token = bearer_token(request.headers["Authorization"])
        caller = self.identity.caller(token) if token else None
        if caller is not None:
            return caller
        response = self.answer(
            request, 401, f"{self.title} does not know this token",
            "Expected `Authorization: Bearer <hub token>` with a token that is valid now and may use this service. In "
            "a notebook of the hub it is set for you: restart your server. Elsewhere, ask for a new token on the "
            "hub's Token page.",
        )  # fmt: skip
        response.headers["WWW-Authenticate"] = 'Bearer realm="hub"'
        return response

    def _by_cookie(self, request: Request) -> Caller | Response:
        token = self.session_token(request)
        caller = self.identity.caller(token) if token else None
        if caller is None:
            if request.method == "GET" and wants_html(request):
                return self._to_hub(request)
            return self.answer(
                request, 401, f"{self.title} does not know you",
                "Log in at the hub in a browser, or send `Authorization: Bearer <hub token>`.",
            )  # fmt: skip
        if request.method not in SAFE_METHODS and not same_origin(request):
            return self.answer(
                request, 403, "This request came from another site",
                "Nothing was changed. Open the page from the hub and try again.",
            )  # fmt: skip
        return caller

    def _to_hub(self, request: Request) -> Response:
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": self.identity.service.client_id,
            "redirect_uri": f"{self.prefix}/oauth_callback",
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        response = _redirect(f"{self.hub_url}/api/oauth2/authorize?{urlencode(query)}")
        value = self._state.dumps({"state": state, "verifier": verifier, "next": self._way_back(request)})
        self._set_cookie(request, response, self.state_cookie, value, STATE_SECONDS)
        return response

    def _callback(self, request: Request) -> Response:
        try:
            state = self._state.loads(request.cookies.get(self.state_cookie, ""), max_age=STATE_SECONDS)
        except BadSignature:
            state = None
        given, code = request.args.get("state", ""), request.args.get("code", "")
        if state is None or not code or not secrets.compare_digest(state["state"].encode(), given.encode()):
            return self.answer(
                request, 403, "This login is too old or was started elsewhere",
                f"Open {self.title} again from the hub's home page.",
            )  # fmt: skip
        token = self.identity.exchange(code, state["verifier"])
        if token is None or self.identity.caller(token) is None:
            return self.answer(
                request, 403, f"The hub does not let you use {self.title}",
                "Ask the people who run the hub for the right to use this service.",
            )  # fmt: skip
        response = _redirect(state["next"])
        self._set_cookie(request, response, self.session_cookie, self._session.dumps(token), SESSION_SECONDS)
        return response

    def _logout(self, request: Request) -> Response:
        token = self.session_token(request)
        if token:
            self.identity.forget(token)
        response = _redirect(f"{self.hub_url}/logout")
        self._set_cookie(request, response, self.session_cookie, "", 0)
        return response

    def _way_back(self, request: Request) -> str:
        path = request.full_path.rstrip("?")
        return path if path.startswith(f"{self.prefix}/") else f"{self.prefix}/"

    def _set_cookie(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        secure = request.is_secure or request.headers.get("X-Forwarded-Proto", "").split(",")[0] == "https"
        response.set_cookie(
            name, value, max_age=seconds, path=f"{self.prefix}/", httponly=True, samesite="Lax", secure=secure
        )


def wants_html(request: Request) -> bool:
    """Return whether a browser asks for a page."""
    return "text/html" in str(request.headers.get("Accept", ""))


def same_origin(request: Request) -> bool:
    """Return whether a browser says that this request comes from a page of the same origin.

    Browsers leave ``Sec-Fetch-Site`` out on plain http, so ``Origin`` is read too; a request with neither is refused,
    because every browser of today sends one of them with a write.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return bool(site == "same-origin")
    return bool(urlsplit(str(origin)).netloc == request.host)


def _redirect(location: str) -> Response:
    response = make_response(redirect(location))
    response.headers["Cache-Control"] = "no-store"
    return response
