"""Sign-in: our own accounts by default, an OpenID Connect provider by settings; both carry our pages."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.httputil import HTTPServerRequest
from traitlets import Any as AnyTrait
from traitlets import Bool, List, Unicode

from tidehub.accounts import Account, AccountStore
from tidehub.addresses import client_address
from tidehub.pages import page_handlers
from tidehub.sessions import end_browser_sessions
from tidehub.throttle import Throttle, wait_sentence

MAX_WAITING = 40


class TidePages(Authenticator):  # type: ignore[misc]
    """Brings our pages with it: an authenticator is where JupyterHub takes additional handlers from."""

    page_context = AnyTrait(
        None, allow_none=True, config=True, help="What our pages show: a tidehub.pages.context.PageContext"
    )

    def get_handlers(self, app: Any) -> list[Any]:
        """Return the handlers of our pages, before JupyterHub's own."""
        handlers: list[Any] = super().get_handlers(app)
        return [*page_handlers(local_accounts=isinstance(self, LocalAccounts)), *handlers]


class LocalAccounts(TidePages):
    """Accounts in a file of the hub: scrypt, rate limit per account and per address, no way to ask which names exist."""

    accounts_file = Unicode("", config=True, help="SQLite file of the accounts")
    shared_trust = Bool(False, config=True, help="Whether a second account may be added in embedded mode")
    trusted_proxies = List(Unicode(), config=True, help="Addresses of reverse proxies in front of ours")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store = AccountStore(Path(self.accounts_file), shared_trust=self.shared_trust)
        self._per_account = Throttle(free=5, longest=300)
        # Several people may come from one address, so it may fail more often before it waits.
        self._per_address = Throttle(free=20, longest=300)
        # scrypt takes 64 MiB and a third of a second on purpose: at most two at a time, and never in the event loop.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="scrypt")
        self._waiting = 0

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Return the account's name and rights if name and password fit together.

        Raises
        ------
        tornado.web.HTTPError
            400 for an incomplete form, 429 for too many attempts; the message is a sentence for the login page.
        """
        if not data or not data.get("username") or "password" not in data:
            raise web.HTTPError(400, "Please type your name and your password.")
        account = await self.check_password(data["username"], data["password"], handler.request)
        return {"name": account.name, "admin": account.admin} if account else None

    async def check_password(
        self, username: str, password: str, request: HTTPServerRequest
    ) -> Account | None:
        """Check a password under the rate limit; see `authenticate` for what it raises."""
        name = self.normalize_username(username)[:64]
        address = client_address(request, self.trusted_proxies)
        wait = max(self._per_account.wait(name), self._per_address.wait(address))
        if wait > 0:
            raise web.HTTPError(429, wait_sentence(wait))
        if self._waiting >= MAX_WAITING:
            raise web.HTTPError(
                503, "Many people are signing in at this moment. Please try again in a few seconds."
            )
        self._per_account.begin(name)
        self._per_address.begin(address)
        self._waiting += 1
        try:
            account = await asyncio.get_running_loop().run_in_executor(
                self._pool, self.store.verify, name, password
            )
        finally:
            self._waiting -= 1
        if account is None:
            self._per_account.fail(name)
            self._per_address.fail(address)
        else:
            self._per_account.succeed(name)
            self._per_address.undo(address)
        return account

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool | dict[str, Any]:
        """Sign out whose account was removed or reset since; keep admin rights as the account has them."""
        account = self.store.get(user.name)
        if account is None:
            end_browser_sessions(user, api_tokens=True)
            return False
        if self.store.take_revocation(user.name):
            end_browser_sessions(user)
            # A kernel that is logging a training meanwhile goes on: its token is not a browser session.
            if not getattr(handler, "_token_authenticated", False):
                return False
        return {"name": account.name, "admin": account.admin}


class OidcAccounts(TidePages, GenericOAuthenticator):  # type: ignore[misc]
    """Accounts of an OpenID Connect provider, limited to allowed groups, with PKCE."""
