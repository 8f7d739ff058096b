"""The pages: an app, "busy, try again", "no such app"; and the widget traffic of a page, for its owner only."""

import asyncio
import contextlib
import html
import json
from collections.abc import Iterator
from typing import Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado import web
from voila.handler import VoilaHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from tidelab.apps.connection import PageConnection
from tidelab.apps.kernels import AppPool
from tidelab.apps.pages import message_page
from tidelab.apps.shown import App, load_apps
from tidelab.domain import ticket

TICKET_MARK: Final = "@@tidelab-ticket@@"
PERSON_MARK: Final = "@@tidelab-person@@"
_PREPARE_S: Final = 90
_BUSY_RETRY_S: Final = 15


class TemplateFiles(TemplateStaticFileHandler):
    """Voila's files of templates; an address that names none is not found, where the library would fail."""

    def parse_url_path(self, path: str) -> str:
        """Return the path of a file; HTTPError 404 where the address is none of `<template>/static/<file>`."""
        with _not_found():
            return str(super().parse_url_path(path))

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Return where the file would lie; HTTPError 404 where no such template is."""
        with _not_found():
            return str(super().get_absolute_path(root, path))


@contextlib.contextmanager
def _not_found() -> Iterator[None]:
    try:
        yield
    except (ValueError, AssertionError, UnboundLocalError, OSError):
        raise web.HTTPError(404) from None


class Words:
    """Pages of our own making, in the look of the apps."""

    def say(self: Any, status: int, title: str, text: str, reload_s: int | None = None) -> None:
        """Finish the request with a page of words."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        if reload_s is not None:
            self.set_header("Retry-After", str(reload_s))
        self.finish(message_page(title, text, self.settings["tidelab_home"], reload_s))


class AppHandler(Words, VoilaHandler):
    """One app's page."""

    @web.authenticated
    async def get(self, slug: str) -> None:
        """Send the page; its first part goes out before the kernel is ready."""
        apps = load_apps()
        app = apps.get(slug)
        if app is None:
            known = ", ".join(apps) or "none yet"
            self.say(404, "There is no such app", f"No app has the address “{slug}”. Apps here: {known}.")
            return
        pool: AppPool = self.settings["kernel_manager"]
        if app.kernel not in self.kernel_spec_manager.find_kernel_specs():
            self.say(503, f"{app.use_case.title} is not installed yet",
                     f"Its environment is missing. An administrator can install it with: tidelab stack install {app.kernel.removeprefix('tidelab-')}")  # fmt: skip
            return
        if pool.pages_of(self.current_user.username) >= pool.most_per_person:
            self.say(503, "You have many apps open",
                     f"One person can have {pool.most_per_person} of them open at a time, so that others find a place. Close "
                     "one; this page tries again by itself. Analyses that are running go on in any case.", _BUSY_RETRY_S)  # fmt: skip
            return
        if not pool.has_room(app.key):
            people = "1 person is" if pool.people == 1 else f"{pool.people} people are"
            self.say(503, "All places are taken",
                     f"{people} using the apps at the moment. This page tries again by itself. "
                     "Analyses that are running go on in any case.", _BUSY_RETRY_S)  # fmt: skip
            return
        # Read for its effect: it sets the cookie that the page's farewell must show.
        _ = self.xsrf_token
        with pool.visit(self.current_user.username):
            await pool.renew(app.key, app.version)
            await pool.make_room(app.key)
            await self._send(app)
        pool.fill_if_needed(notebook_name=app.key)

    async def _send(self, app: App) -> None:
        person = self.current_user.username
        filled = {
            TICKET_MARK: ticket.issue(self.settings["tidelab_ticket_key"], person, app.slug),
            PERSON_MARK: html.escape(person),
        }
        try:
            async with asyncio.timeout(_PREPARE_S):
                async for part in self.get_generator(path=app.key):
                    # Each mark once, and in the template's own text above the notebook: what a notebook shows is never filled.
                    for mark in [mark for mark in filled if mark in part]:
                        part = part.replace(mark, filled.pop(mark), 1)
                    self.write(part)
                    await self.flush()
        except TimeoutError:
            self.log.error("The page of %s was not ready within %s s.", app.slug, _PREPARE_S)
            self._stop_waiting(
                "The app did not get ready in time. Reload the page; if it stays, tell the hub's administrator."
            )
        except Exception:
            self.log.exception("The page of %s could not be made.", app.slug)
            if not self._headers_written:
                self.say(
                    500,
                    "The app could not be started",
                    "Reload the page; if it stays, tell the hub's administrator.",
                )
                return
            self._stop_waiting(
                "The app could not be started. Reload the page; if it stays, tell the hub's administrator."
            )

    def _stop_waiting(self, words: str) -> None:
        self.write(f"<script>window.tidelabProblem({json.dumps(words)})</script>")


class NoSuchPage(Words, JupyterHandler):
    """Everything that is not a page: Jupyter's interfaces are not offered here."""

    @web.authenticated
    async def get(self, path: str = "") -> None:
        """Say so."""
        if path.startswith("api/"):
            raise web.HTTPError(404)
        self.say(404, "There is no such page", "Open an app from the home page.")


class Top(JupyterHandler):
    """The address without an app's name."""

    @web.authenticated
    async def get(self) -> None:
        """Send the visitor to the hub's home page, where the cards are; without a hub, to the first app."""
        first = next(iter(load_apps()), "")
        self.redirect(self.settings["tidelab_home"] or self.base_url + first)


class _OwnersOnly:
    """A kernel belongs to the person whose page it serves: knowing its number is not enough."""

    def check_owner(self: Any, kernel_id: str) -> None:
        owner = self.settings["kernel_manager"].owners.get(kernel_id, "")
        if not owner or self.current_user is None or owner != self.current_user.username:
            raise web.HTTPError(404, "There is no such kernel.")


class OwnKernel(_OwnersOnly, KernelHandler):
    """State of a page's kernel."""

    @web.authenticated
    async def get(self, kernel_id: str) -> None:
        """Return the kernel's model to its owner."""
        self.check_owner(kernel_id)
        await super().get(kernel_id)

    @web.authenticated
    async def delete(self, kernel_id: str) -> None:
        """End the kernel, for its owner."""
        self.check_owner(kernel_id)
        await super().delete(kernel_id)


class OwnSocket(_OwnersOnly, VoilaKernelWebsocketHandler):
    """Widget traffic of a page; the kernel manager drops every other kind of message."""

    kernel_websocket_connection_class = PageConnection

    async def pre_get(self) -> None:
        """Refuse a kernel of someone else before a channel to it is opened."""
        self.check_owner(self.kernel_id)
        await super().pre_get()


class OwnShutdown(_OwnersOnly, VoilaShutdownKernelHandler):
    """The browser's farewell when a page is closed."""

    @web.authenticated
    async def post(self, kernel_id: str) -> None:
        """End the page's kernel, for its owner."""
        self.check_owner(kernel_id)
        await ensure_async(self.kernel_manager.shutdown_kernel(kernel_id))
        self.set_status(204)
        self.finish()
