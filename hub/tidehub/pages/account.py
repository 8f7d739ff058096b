"""One's own account: change the password."""

from tornado import web

from tidehub.accounts import AccountStore
from tidehub.pages.base import TideHandler
from tidehub.passwords import MINIMUM_LENGTH, PasswordError
from tidehub.sessions import end_browser_sessions


class AccountHandler(TideHandler):
    """Change one's own password; every other browser is signed out."""

    @web.authenticated
    async def get(self) -> None:
        """Show the form."""
        await self._show()

    @web.authenticated
    async def post(self) -> None:
        """Change the password if the current one is right and the new one, typed twice, is allowed."""
        current, new, again = (
            self.get_body_argument(name, "", strip=False) for name in ("current", "new", "again")
        )
        name = self.current_user.name
        store: AccountStore = self.authenticator.store
        try:
            account = await self.authenticator.check_password(name, current, self.request)
            if account is None:
                raise PasswordError("The current password is not right.")
            if new != again:
                raise PasswordError("The two new passwords differ. Please type the new one twice.")
            if new == current:
                raise PasswordError("The new password is the current one.")
            store.set_password(name, new, revoke=False)
        except (PasswordError, web.HTTPError) as error:
            message = str(error.log_message) if isinstance(error, web.HTTPError) else str(error)
            self.set_status(error.status_code if isinstance(error, web.HTTPError) else 400)
            await self._show(problem=message)
            return
        self.log.info("%s changed the password", name)
        end_browser_sessions(self.current_user)
        self.set_login_cookie(self.current_user)
        await self._show(
            done="The password is changed. Every other browser is signed out; this one stays signed in."
        )

    async def _show(self, *, problem: str = "", done: str = "") -> None:
        account = self.authenticator.store.get(self.current_user.name)
        await self.show("account.html", account=account, problem=problem, done=done, minimum=MINIMUM_LENGTH)
