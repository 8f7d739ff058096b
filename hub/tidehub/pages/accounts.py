"""All accounts, for admins: add one, reset a password, remove one."""

from typing import Any

from jupyterhub.scopes import needs_scope
from tornado import web

from tidehub.accounts import ONE_TRUST_DOMAIN, AccountError, AccountStore
from tidehub.pages.acts import Acts
from tidehub.pages.base import TideHandler
from tidehub.passwords import PasswordError
from tidehub.person_profile import forget_profile
from tidehub.sessions import end_browser_sessions

_DONE = {"add": "added", "reset": "password reset", "remove": "removed"}


class AccountsHandler(Acts, TideHandler):
    """A generated password is shown once, on the page that made it."""

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Show the list and the forms."""
        await self._show()

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Do what the form says."""
        action = self.get_body_argument("action", "")
        name = self.authenticator.normalize_username(self.get_body_argument("name", ""))
        actions = {"add": self._add, "reset": self._reset, "remove": self._remove}
        if action not in actions:
            raise web.HTTPError(400, "This page can add, reset and remove accounts.")
        try:
            values = await actions[action](name)
        except (AccountError, PasswordError) as error:
            self.set_status(400)
            await self._show(problem=str(error))
            return
        self.log.info("%s: account %s: %s", self.current_user.name, name, action)
        self.note_act("account", name, _DONE[action])
        await self._show(**values)

    async def _add(self, name: str) -> dict[str, Any]:
        admin = self.get_body_argument("admin", "") == "1"
        password = self._store.add(name, admin=admin)
        # The name may have been somebody's before, removed on the command line: what was given to them is not this person's.
        user = self.find_user(name)
        if user is not None:
            end_browser_sessions(user, api_tokens=True)
        return {"done": f"The account {name} is added.", "fresh": (name, password)}

    async def _reset(self, name: str) -> dict[str, Any]:
        password = self._store.set_password(name)
        user = self.find_user(name)
        if user is not None and self._store.take_revocation(name):
            end_browser_sessions(user)
        return {
            "done": f"The password of {name} is reset; {name} is signed out everywhere.",
            "fresh": (name, password),
        }

    async def _remove(self, name: str) -> dict[str, Any]:
        if name == self.current_user.name:
            raise AccountError("You cannot remove the account you are signed in with.")
        user = self.find_user(name)
        running = [spawner.name for spawner in user.spawners.values() if spawner.active] if user else []
        if running:
            raise AccountError(
                f"{name} has servers running ({', '.join(running)}). Stop them on the Servers page first."
            )
        self._store.remove(name)
        forget_profile(name)
        if user is not None:
            end_browser_sessions(user, api_tokens=True)
        return {"done": f"The account {name} is removed. The home folder and everything in it stay."}

    @property
    def _store(self) -> AccountStore:
        store: AccountStore = self.authenticator.store
        return store

    async def _show(self, *, problem: str = "", done: str = "", fresh: tuple[str, str] | None = None) -> None:
        accounts = self._store.list()
        may_add = self.page.settings.many_people or not accounts
        await self.show(
            "accounts.html",
            accounts=accounts,
            problem=problem,
            done=done,
            fresh=fresh,
            may_add=may_add,
            one_trust_domain=ONE_TRUST_DOMAIN,
        )
