"""Who looks: the hub's word behind the hub; one named person with a token without it."""

import os
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
from tornado.web import RequestHandler


class HubIdentity(JupyterHubIdentityProvider):
    """The identity provider of JupyterHub's own single-user server, at a service's address."""

    def __init__(self, **kwargs: Any) -> None:
        # Voila passes what its own login page would need.
        kwargs.pop("token", None)
        kwargs.pop("login_handler_class", None)
        super().__init__(**kwargs)

    def get_handlers(self) -> list[Any]:
        """Return logout and the OAuth callback, below the service's prefix."""
        prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"].rstrip("/")
        return [(prefix + handler[0], *handler[1:]) for handler in super().get_handlers()]


class NoTokenHandler(RequestHandler):
    """What is shown to whoever comes without the token. Jupyter's own page needs files that the apps do not serve."""

    def get(self) -> None:
        """Say where the address with the token is."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(
            "This app belongs to the person who started it. Open the whole address that was printed at the start: it ends with "
            "?token= and a long word.\n"
        )


class PersonIdentity(IdentityProvider):
    """For an author who looks at an app without a hub: whoever holds the token is the one person.

    The person's name is in ``TIDELAB_APPS_PERSON``, the token in ``JUPYTER_TOKEN`` or printed at the start.
    """

    def __init__(self, **kwargs: Any) -> None:
        # Voila passes an empty token, which would let everyone in.
        kwargs.pop("token", None)
        kwargs.pop("login_handler_class", None)
        super().__init__(**kwargs)

    def get_handlers(self) -> list[Any]:
        """Return the page for those who have no token."""
        return [(r"/login", NoTokenHandler)]

    async def get_user(self, handler: Any) -> User | None:
        """Return the person when the request carries the token, else None."""
        user = await self._get_user(handler)
        return User(username=os.environ["TIDELAB_APPS_PERSON"]) if user is not None else None
