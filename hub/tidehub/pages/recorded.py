"""JupyterHub's own handlers where one person acts on another's server or account: the same, and written to the audit log.

JupyterHub's event ``server-action`` names the server but not who acted, so it is not enough. Whatever lets an admin *read*
what is another's (opening a server, a token in somebody's name, a share) is refused while the log cannot be written; what
ends or changes something is done all the same, since stopping servers is how a full disk is freed.
"""

from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from jupyterhub.apihandlers.groups import GroupUsersAPIHandler
from jupyterhub.apihandlers.shares import ServerShareAPIHandler, ServerShareCodeAPIHandler
from jupyterhub.apihandlers.users import (
    SelfAPIHandler,
    UserAPIHandler,
    UserListAPIHandler,
    UserServerAPIHandler,
    UserTokenListAPIHandler,
)
from jupyterhub.user import User
from tornado import web

from tidehub.pages.acts import Acts
from tidehub.pages.own_scopes import without_others_servers


class OpenedHandler(Acts, OAuthAuthorizeHandler):  # type: ignore[misc]
    """Every browser that enters a server comes through here once, and is sent back with a code."""

    def _complete_login(self, uri: str, headers: Any, scopes: Any, credentials: Any) -> None:
        self._note_opening()
        super()._complete_login(uri, headers, scopes, credentials)

    @web.authenticated
    def post(self) -> Any:
        """Go on after "Authorize"."""
        self._note_opening()
        return super().post()

    def _note_opening(self) -> None:
        client = (
            self.db.query(orm.OAuthClient).filter_by(identifier=self.get_argument("client_id", "")).first()
        )
        spawner = client.spawner if client else None
        if spawner is None or not self.get_scope_filter("access:servers")(spawner, kind="server"):
            return
        as_admin = self.has_scope("access:servers")
        self.note_act(
            "opened", spawner.user.name, spawner.name, strict=as_admin, detail="" if as_admin else "it was shared with them"
        )  # fmt: skip


class WhoHandler(SelfAPIHandler):  # type: ignore[misc]
    """Servers ask here whose token they were shown."""

    def write(self, chunk: Any) -> None:
        """Take what only a recorded visit gives out of a token's answer."""
        super().write(without_others_servers(chunk, self.current_user, self.get_token(), self.db))


class ServerHandler(Acts, UserServerAPIHandler):  # type: ignore[misc]
    """Starting and stopping by the API, which the page Servers uses too."""

    async def post(self, user_name: str, server_name: str = "") -> None:
        """Start."""
        await super().post(user_name, server_name)
        self.note_act("started", user_name, server_name)

    async def delete(self, user_name: str, server_name: str = "") -> None:
        """Stop."""
        await super().delete(user_name, server_name)
        self.note_act("stopped", user_name, server_name)


class TokensHandler(Acts, UserTokenListAPIHandler):  # type: ignore[misc]
    """Making tokens; one for another person speaks in that person's name."""

    async def post(self, user_name: str) -> None:
        """Make one."""
        user = self.find_user(user_name)
        if (
            isinstance(self.current_user, User)
            and user is not None
            and self.get_scope_filter("tokens")(user, kind="user")
        ):
            self.note_act("token", user_name, strict=True)  # fmt: skip
        await super().post(user_name)


class ShareHandler(Acts, ServerShareAPIHandler):  # type: ignore[misc]
    """Letting somebody into a server."""

    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Share it."""
        note_share(self, user_name, server_name)
        await super().post(user_name, server_name)


class ShareCodeHandler(Acts, ServerShareCodeAPIHandler):  # type: ignore[misc]
    """Making a code that lets somebody into a server."""

    async def post(self, user_name: str, server_name: str | None = None) -> None:
        """Make it."""
        note_share(self, user_name, server_name)
        await super().post(user_name, server_name)


def note_share(handler: Any, user_name: str, server_name: str | None) -> None:
    """Write down that somebody shares another's server, where they may."""
    if handler.has_scope(f"shares!user={user_name}"):
        handler.note_act("shared", user_name, server_name or "", strict=True)


class UserHandler(Acts, UserAPIHandler):  # type: ignore[misc]
    """Accounts, as the hub knows them."""

    async def post(self, user_name: str) -> None:
        """Add."""
        await super().post(user_name)
        self.note_act("account", user_name, "added")

    async def delete(self, user_name: str) -> None:
        """Remove."""
        await super().delete(user_name)
        self.note_act("account", user_name, "removed from the hub")

    async def patch(self, user_name: str) -> None:
        """Change."""
        await super().patch(user_name)
        changed = self.get_json_body() or {}
        self.note_act("account", user_name, ", ".join(f"{key} changed" for key in sorted(changed)))


class UsersHandler(Acts, UserListAPIHandler):  # type: ignore[misc]
    """Several accounts at once."""

    async def post(self) -> None:
        """Add."""
        await super().post()
        for name in (self.get_json_body() or {}).get("usernames", []):
            self.note_act("account", str(name), "added")


class MembersHandler(Acts, GroupUsersAPIHandler):  # type: ignore[misc]
    """Groups decide who may promote models, which sizes of server there are, and limits."""

    def post(self, group_name: str) -> None:
        """Add members."""
        super().post(group_name)
        self._note(group_name, "added to it")

    async def delete(self, group_name: str) -> None:
        """Remove members."""
        await super().delete(group_name)
        self._note(group_name, "removed from it")

    def _note(self, group_name: str, detail: str) -> None:
        for name in (self.get_json_body() or {}).get("users", []):
            self.note_act("group", str(name), group_name, detail=detail)


RECORDED: list[tuple[Any, ...]] = [
    (r"/api/oauth2/authorize", OpenedHandler),
    (r"/api/user", WhoHandler),
    (r"/api/users", UsersHandler),
    (r"/api/users/([^/]+)", UserHandler),
    (r"/api/users/([^/]+)/server", ServerHandler),
    (r"/api/users/([^/]+)/servers/([^/]*)", ServerHandler),
    (r"/api/users/([^/]+)/tokens", TokensHandler),
    (r"/api/shares/([^/]+)", ShareHandler),
    (r"/api/shares/([^/]+)/([^/]*)", ShareHandler),
    (r"/api/share-codes/([^/]+)", ShareCodeHandler),
    (r"/api/share-codes/([^/]+)/([^/]*)", ShareCodeHandler),
    (r"/api/groups/([^/]+)/users", MembersHandler),
]
