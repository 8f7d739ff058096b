"""Opening and stopping servers from the home page."""

import asyncio
from typing import Any

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from tidehub.pages.base import TideHandler
from tidehub.pages.context import PageContext


class ToHomeHandler(TideHandler):
    """A server without a use case does not exist here: choose one on the home page."""

    @web.authenticated
    def get(self, user_name: str | None = None) -> None:
        """Redirect."""
        self.redirect(url_path_join(self.hub.base_url, "home"))


class OpenHandler(SpawnHandler):  # type: ignore[misc]
    """JupyterHub's start of a named server, except that opening a server that runs opens it."""

    async def _check_named_server_request(
        self, user: Any, server_name: str, display_name: str, check_limit: bool = True
    ) -> None:
        """Refuse a server of a use case that does not exist, before JupyterHub makes a row for it on the page Servers."""
        context: PageContext = self.authenticator.page_context
        if server_name not in user.orm_spawners and server_name not in context.catalogue():
            raise web.HTTPError(
                404, f"There is no use case {server_name[:40]!r}. Choose one on the home page."
            )
        await super()._check_named_server_request(user, server_name, display_name, check_limit)

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def _post(self, user_name: str, server_name: str, display_name: str) -> Any:
        """Start the server, or go to the one that runs or is starting."""
        user = self.find_user(user_name)
        spawner = (
            user.spawners.get(server_name) if user is not None and server_name in user.orm_spawners else None
        )
        if spawner is not None and spawner.ready:
            return self.redirect(user.server_url(server_name))
        if spawner is not None and spawner.pending:
            return self.redirect(self._get_pending_url(user, server_name))
        if user is None:
            raise web.HTTPError(404, "There is no such person.")
        await self._check_named_server_request(user, server_name, server_name)
        spawner = user.get_or_create_spawner(server_name, server_name, replace_failed=True)
        options = {
            key: self.get_body_argument(key)
            for key in ("use_case", "resources")
            if self.get_body_argument(key, "")
        }
        pending_url = self._get_pending_url(user, server_name)
        return await self._wrap_spawn_single_user(
            user, server_name, server_name, spawner, pending_url, options
        )


class StopHandler(TideHandler):
    """Stop one of one's own servers."""

    @web.authenticated
    async def post(self, server_name: str) -> None:
        """Stop it and go home."""
        user = self.current_user
        spawner = user.spawners.get(server_name) if server_name in user.orm_spawners else None
        if spawner is not None and spawner.pending == "spawn" and spawner._spawn_future is not None:
            # As JupyterHub's own API does for a server that is still starting: cancelling also ends what was started.
            self.log.info("%s gives up the start of the server %s", user.name, server_name)
            spawner._spawn_future.cancel()
            await asyncio.wait([spawner._spawn_future], timeout=5)
        elif spawner is not None and spawner.ready:
            self.log.info("%s stops the server %s", user.name, server_name)
            await self.stop_single_user(user, server_name)
        self.redirect(url_path_join(self.hub.base_url, "home"))
