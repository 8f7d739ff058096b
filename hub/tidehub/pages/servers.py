"""Opening and stopping servers from the home page, and what to do while one waits for a GPU."""

import asyncio
from typing import Any

from jupyterhub.handlers.pages import SpawnHandler, SpawnPendingHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from tidehub.pages.acts import Acts
from tidehub.pages.at_work import look, what_works
from tidehub.pages.base import TideHandler
from tidehub.pages.context import PageContext
from tidehub.pages.gpu_state import dismiss
from tidehub.profiles import Choice, profile
from tidelab.leases import LeaseError
from tidelab.leases.book import Book

GIVE_UP_S = 20.0


class ToHomeHandler(TideHandler):
    """A server without a use case does not exist here: choose one on the home page."""

    @web.authenticated
    def get(self, user_name: str | None = None) -> None:
        """Redirect."""
        self.redirect(url_path_join(self.hub.base_url, "home"))


class OpenHandler(Acts, SpawnHandler):  # type: ignore[misc]
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

    async def _wrap_spawn_single_user(self, user: Any, server_name: str, *arguments: Any) -> Any:
        self.note_act("started", user.name, server_name)
        return await super()._wrap_spawn_single_user(user, server_name, *arguments)

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
        options = {
            key: self.get_body_argument(key)
            for key in ("use_case", "resources")
            if self.get_body_argument(key, "")
        }
        return await self._start(user, server_name, options)

    async def _start(self, user: Any, server_name: str, options: dict[str, str]) -> Any:
        await self._check_named_server_request(user, server_name, server_name)
        spawner = user.get_or_create_spawner(server_name, server_name, replace_failed=True)
        pending_url = self._get_pending_url(user, server_name)
        return await self._wrap_spawn_single_user(
            user, server_name, server_name, spawner, pending_url, options
        )


class InsteadHandler(OpenHandler):
    """Stop waiting for a GPU, and start without one."""

    @web.authenticated
    async def post(self, server_name: str) -> Any:
        """Give up the start that waits, then start the size that needs no GPU."""
        user = self.current_user
        spawner = user.spawners.get(server_name) if server_name in user.orm_spawners else None
        if spawner is not None and spawner.ready:
            return self.redirect(user.server_url(server_name))
        choice = cpu_choice(self, server_name)
        if choice is None:
            raise web.HTTPError(404, "There is no size of this server without a GPU that you may choose.")
        await give_up(self, spawner)
        return await self._start(user, server_name, {"use_case": server_name, "resources": choice.name})


class PendingHandler(SpawnPendingHandler):  # type: ignore[misc]
    """JupyterHub's waiting page, with the place in the queue and what can be had at once."""

    async def get(self, user_name: str, server_name: str = "") -> None:
        """Show it."""
        self._instead: Choice | None = None
        self._waiting = ""
        person = self.current_user
        if person is not None and person.name == user_name and server_name in person.orm_spawners:
            spawner = person.spawners[server_name]
            if spawner.pending == "spawn" and asks_for_gpu(self, server_name, spawner.user_options):
                context: PageContext = self.authenticator.page_context
                mine = await context.gpus.mine(person.name, [group.name for group in person.groups])
                self._waiting = mine.waiting.get(server_name, "")
                self._instead = cpu_choice(self, server_name)
        await super().get(user_name, server_name)

    def render_template(self, name: str, sync: bool = False, **values: Any) -> Any:
        """Add what the page says beyond JupyterHub's."""
        return super().render_template(name, sync, waiting=self._waiting, instead=self._instead, **values)


class StopHandler(TideHandler):
    """Stop one of one's own servers; asks first when something works in it."""

    @web.authenticated
    async def post(self, server_name: str) -> None:
        """Stop it and go home, or ask."""
        user = self.current_user
        spawner = user.spawners.get(server_name) if server_name in user.orm_spawners else None
        if spawner is not None and spawner.pending == "spawn":
            await give_up(self, spawner)
        elif spawner is not None and spawner.ready:
            if self.get_body_argument("sure", "") != "1" and (works := await self._works(spawner)):
                await self.show("stop.html", server=server_name, title=self._title(server_name), works=works)
                return
            self.log.info("%s stops the server %s", user.name, server_name)
            await self.stop_single_user(user, server_name)
        self.redirect(url_path_join(self.hub.base_url, "home"))

    async def _works(self, spawner: Any) -> list[str]:
        seen = await look(self.current_user.name, spawner)
        gpu = (await self.gpus_of_mine()).servers.get(spawner.name)
        return what_works(seen, gpu, in_container=self.page.settings.mode == "docker")

    def _title(self, server_name: str) -> str:
        known = self.page.catalogue().get(server_name)
        return known.title if known else server_name


class KeepHandler(TideHandler):
    """Keep the GPU of one of one's own servers although nothing uses it."""

    @web.authenticated
    async def post(self, server_name: str) -> None:
        """Keep it as long as the rules allow, and go home."""
        settings, name = self.page.settings, self.current_user.name

        def keep(book: Book) -> None:
            lease = book.find(name, server_name)
            if lease is None:
                raise LeaseError("This server has no GPU any more.")
            book.keep(lease.id, settings.gpu_keep_minutes, settings.gpu_keep_times)

        try:
            await self.page.gpus.do(keep)
        except LeaseError as error:
            raise web.HTTPError(409, str(error)) from None
        self.redirect(url_path_join(self.hub.base_url, "home"))


class DismissHandler(TideHandler):
    """A notice that was read."""

    @web.authenticated
    async def post(self, identifier: str) -> None:
        """Show it no more."""
        try:
            dismiss(self.current_user.name, identifier)
        except OSError as error:
            self.log.error("A read notice cannot be remembered: %s", error)
        self.redirect(url_path_join(self.hub.base_url, "home"))


async def give_up(handler: Any, spawner: Any) -> None:
    """End a start that goes on; cancelling also ends what was started and leaves the queue."""
    if spawner is None or spawner.pending != "spawn" or spawner._spawn_future is None:
        return
    handler.log.info("%s gives up the start of the server %s", spawner.user.name, spawner.name)
    spawner._spawn_future.cancel()
    await asyncio.wait([spawner._spawn_future], timeout=GIVE_UP_S)
    for _ in range(int(GIVE_UP_S / 0.1)):  # the hub tidies up after the future is done
        if not spawner.pending:
            return
        await asyncio.sleep(0.1)


def asks_for_gpu(handler: Any, server_name: str, options: Any) -> bool:
    """Tell whether a server was asked for with a GPU."""
    use_case = handler.authenticator.page_context.catalogue().get(server_name)
    if use_case is None:
        return False
    name = options.get("resources") if isinstance(options, dict) else None
    return any(
        choice.gpu is not None
        for choice in profile(use_case).choices
        if choice.name == name or (not name and choice.is_default)
    )


def cpu_choice(handler: Any, server_name: str) -> Choice | None:
    """Return the size of a server without a GPU that the person may choose."""
    use_case = handler.authenticator.page_context.catalogue().get(server_name)
    groups = [group.name for group in handler.current_user.groups]
    return profile(use_case).cpu_choice(groups) if use_case else None
