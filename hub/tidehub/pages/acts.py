"""Writing to the audit log from a handler."""

from typing import Any

from jupyterhub.user import User
from tornado import web

from tidehub import audit
from tidehub.addresses import client_address

lost: list[str] = []
"""What could not be written since the hub started; the page shows it to admins."""
_MOST_LOST = 200


class Acts:
    """For handlers in which somebody may act on what is another's."""

    current_user: Any
    request: Any
    authenticator: Any
    log: Any

    def note_act(
        self, what: str, whom: str, thing: str = "", *, detail: str = "", strict: bool = False
    ) -> None:
        """Write down an act of this request's person, unless it concerns only themselves.

        Parameters
        ----------
        what
            Key of `tidehub.audit.ACTIONS`.
        whom
            Name of the person it is done to; empty: everyone.
        thing
            Server, group, or what is changed.
        detail
            Anything else worth knowing.
        strict
            Refuse the act when it cannot be written down.

        Raises
        ------
        tornado.web.HTTPError
            507 if it could not be written and `strict` asks for it.
        """
        person = self.current_user
        if not isinstance(person, User) or person.name == whom:
            return  # services are the hub's own, and what one does to oneself concerns nobody else
        origin = client_address(self.request, getattr(self.authenticator, "trusted_proxies", ()))
        try:
            audit.record(person.name, what, whom, thing, detail=detail, origin=origin)
        except audit.AuditError as error:
            self.log.error("Not in the audit log: %s %s %s %s: %s", person.name, what, whom, thing, error)
            if strict:
                raise web.HTTPError(507, str(error.strerror)) from None
            lost.append(f"{person.name}: {what} {whom} {thing}")
            del lost[:-_MOST_LOST]
