"""What all handlers have in common: the hub says who calls, strict headers, sentences instead of tracebacks."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyterhub.services.auth import HubOAuthenticated, UserNotAllowed
from tornado.web import HTTPError, RequestHandler

from tidehub.audit import AuditError
from tidehub.pages.base import CONTENT_SECURITY_POLICY, asset_path
from tidelab.leases import LeaseError

if TYPE_CHECKING:
    from tidehub.gpus.service import Service

MAX_BODY_BYTES = 64 * 1024
FOR_ADMINS = "admin-ui"
"""Scope that an admin's own tokens have and the token inside their servers has not."""
FOR_METRICS = "read:metrics"
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_templates = Environment(
    loader=PackageLoader("tidehub.gpus"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Caller:
    """Who calls, as the hub says.

    Parameters
    ----------
    name
        Name of the hub user, or of a service.
    groups
        Hub groups.
    admin
        Whether they may see everybody's leases here: an admin in a browser or with a token of their own; never a server's token,
        which runs in notebooks.
    metrics
        Whether they may read the metrics.
    """

    name: str
    groups: tuple[str, ...]
    is_person: bool
    admin: bool
    metrics: bool


class GpusHandler(HubOAuthenticated, RequestHandler):  # type: ignore[misc]
    """Base of all handlers."""

    is_api = False

    def initialize(self, service: "Service") -> None:
        """Take what the handlers share."""
        self.service = service

    def set_default_headers(self) -> None:
        """Set the strict headers."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """Ask for the hidden token of every form; who shows a token of their own has no cookie that could be abused."""
        if not self.hub_auth.get_token(self, in_cookie=False):
            super().check_xsrf_cookie()

    async def prepare(self) -> None:
        """Ask the hub who calls, without holding up others meanwhile."""
        self.caller: Caller | None = None
        model = await self.hub_auth.get_user(self, sync=False)
        if model is not None:
            try:
                self.caller = caller_of(self.check_hub_user(model), by_token=_has_token(self))
            except UserNotAllowed:
                raise HTTPError(403, "You may not use this service.") from None

    def get_current_user(self) -> Any:
        """Return who calls; asked by tornado."""
        return self.caller

    def person(self) -> Caller:
        """Return the person who calls; sends a browser to the login and refuses everything else.

        Raises
        ------
        tornado.web.HTTPError
            401 or 403 with a sentence.
        """
        caller = self.caller
        if caller is None:
            raise HTTPError(401, "Show a token of the hub: Authorization: Bearer <token>.")
        if not caller.is_person:
            raise HTTPError(403, "This is for people; a service has no GPU hours.")
        return caller

    def an_admin(self) -> Caller:
        """Return the admin who calls, or refuse."""
        caller = self.person()
        if not caller.admin:
            raise HTTPError(
                403, "This is for admins, in a browser or with a token of their own, not with a server's."
            )
        return caller

    def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent; nothing stands for an empty one."""
        if len(self.request.body) > MAX_BODY_BYTES:
            raise HTTPError(413, f"The request is larger than {MAX_BODY_BYTES} bytes.")
        try:
            said = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError):
            raise HTTPError(400, "The request must be JSON.") from None
        if not isinstance(said, dict):
            raise HTTPError(400, "The request must be a JSON object.")
        return said

    def send(self, value: Any, status: int = 200) -> None:
        """Send JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(value))

    def show(self, template: str, **values: Any) -> None:
        """Send a page."""
        made = _templates.get_template(template).render(
            caller=self.caller,
            prefix=self.service.settings.prefix,
            hub="/hub/",
            asset=asset_path,
            xsrf=lambda: self.xsrf_token.decode(),
            **values,
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(made)

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        """Log what is a fault of ours; a refusal is an answer."""
        if not isinstance(value, LeaseError | AuditError):
            super().log_exception(kind, value, trace)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what is wrong in a sentence, to a program as JSON and to a person as a page."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        text = "Something went wrong here. An admin finds the reason in the log of the service gpus."
        if isinstance(error, HTTPError) and error.log_message:
            text = str(error.log_message)
        elif isinstance(error, LeaseError):
            self.set_status(409)
            text = str(error)
        elif isinstance(error, AuditError):
            text = str(error.strerror)
        elif status_code == 404:
            text = "There is no such page here."
        if self.is_api:
            self.send({"message": text}, self.get_status())
            return
        self.show("message.html", title="That did not work", text=text)


def caller_of(model: dict[str, Any], *, by_token: bool) -> Caller:
    """Return who the hub says it is.

    Parameters
    ----------
    model
        The hub's answer to a token.
    by_token
        Whether the token was shown by a program, instead of lying in the browser's cookie.
    """
    scopes = set(model.get("scopes") or ())
    is_person = model.get("kind") == "user"
    admin = is_person and model.get("admin") is True and (not by_token or FOR_ADMINS in scopes)
    groups = tuple(group for group in model.get("groups") or () if isinstance(group, str))
    return Caller(str(model["name"]), groups, is_person, admin, admin or FOR_METRICS in scopes)


def _has_token(handler: GpusHandler) -> bool:
    return bool(handler.hub_auth.get_token(handler, in_cookie=False))
