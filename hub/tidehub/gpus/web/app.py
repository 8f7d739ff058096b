"""The web application: addresses, cookies, limits."""

import hashlib
from typing import TYPE_CHECKING

from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado.web import Application

from tidehub.gpus.web import api, pages

if TYPE_CHECKING:
    from tidehub.gpus.service import Service

_ID = r"([A-Za-z0-9_-]{1,64})"


def application(service: "Service") -> Application:
    """Return the application below the service's prefix."""
    prefix = service.settings.prefix
    given = {"service": service}
    # From the token that the hub makes anew at each start: cookies of an earlier one hold tokens that it does not know.
    secret = hashlib.sha256(b"tidelab-gpus-cookie" + service.settings.api_token.encode()).digest()
    return Application(
        [
            (f"{prefix}oauth_callback", HubOAuthCallbackHandler),
            (prefix, pages.MyHoursHandler, given),
            (f"{prefix}all", pages.AllHandler, given),
            (f"{prefix}metrics", pages.MetricsHandler, given),
            (f"{prefix}api/mine", api.MineHandler, given),
            (f"{prefix}api/all", pages.AllApiHandler, given),
            (f"{prefix}api/leases", api.LeasesHandler, given),
            (f"{prefix}api/leases/{_ID}", api.LeaseHandler, given),
            (f"{prefix}api/leases/{_ID}/keep", api.KeepHandler, given),
            (f"{prefix}api/leases/{_ID}/renew", api.RenewHandler, given),
            (f"{prefix}api/notices/{_ID}", api.NoticeHandler, given),
        ],
        cookie_secret=secret,
        xsrf_cookies=True,
        default_handler_class=pages.NothingHandler,
        default_handler_args=given,
    )
