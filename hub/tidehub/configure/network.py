"""Addresses, the proxy, and the headers of every page."""

from collections.abc import Sequence

from traitlets.config import Config

from tidehub.origins import local_routes, people_apart, with_servers
from tidehub.services import COOKIE_OPTIONS, ServiceDefinition
from tidehub.settings import Settings

# JupyterHub's own pages (admin, token, waiting) carry inline scripts; ours do not and are stricter (tidehub.pages.base).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def configure_network(c: Config, settings: Settings, services: Sequence[ServiceDefinition] = ()) -> None:
    """Set addresses, proxy, cookies and headers."""
    c.JupyterHub.bind_url = settings.bind_url
    c.JupyterHub.public_url = settings.public_url
    c.JupyterHub.hub_bind_url = f"http://{settings.hub_host}:{settings.hub_port}"
    c.JupyterHub.trusted_downstream_ips = list(settings.trusted_proxies)
    # The proxy is a process of its own, so that people keep their servers while the hub restarts.
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy_api_url
    if settings.proxy_token is not None:
        c.ConfigurableHTTPProxy.auth_token = settings.proxy_token.get_secret_value()
    if settings.subdomain_host:
        c.JupyterHub.subdomain_host = settings.subdomain_host
        c.JupyterHub.subdomain_hook = people_apart
        c.Proxy.extra_routes = local_routes(settings, services)
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.tornado_settings = {
        "headers": HEADERS | {"Content-Security-Policy": with_servers(CONTENT_SECURITY_POLICY, settings)},
        "cookie_options": dict(COOKIE_OPTIONS),
        # JupyterHub makes its other cookies for https alone by itself when the public address is.
        "xsrf_cookie_kwargs": COOKIE_OPTIONS
        | ({"secure": True} if settings.public_url.startswith("https:") else {}),
    }
