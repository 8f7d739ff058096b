"""An origin of their own for each person's servers, where the settings name an address for that (`Settings.subdomain_host`).

Whoever runs a server decides what its pages do. Under one origin such a page may act at the hub as the person who looks at it;
under an origin of its owner's it may not. The hub's own services share the hub's origin: they are code of ours, and MLflow behind a
content policy.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from jupyterhub.utils import subdomain_hook_idna

from tidehub.services import ServiceDefinition, service_prefix
from tidehub.settings import Settings


def people_apart(name: str, domain: str, kind: str) -> str:
    """`JupyterHub.subdomain_hook`: the host of a person or a service.

    >>> people_apart("ada", "lab.example.org", "user"), people_apart("apps", "lab.example.org", "service")
    ('ada.lab.example.org', 'lab.example.org')
    """
    apart: str = subdomain_hook_idna(name, domain, kind)
    return apart if kind == "user" else domain


def with_servers(policy: str, settings: Settings) -> str:
    """Return a content policy under which a form of the hub may lead to people's servers, where these have origins of their own.

    Browsers apply ``form-action`` to redirects too, and the form that starts a server ends at the server.
    """
    if not settings.subdomain_host:
        return policy
    address = urlsplit(settings.subdomain_host)
    return policy.replace("form-action 'self'", f"form-action 'self' {address.scheme}://*.{address.netloc}")


def local_routes(settings: Settings, services: Sequence[ServiceDefinition]) -> dict[str, str]:
    """Return `Proxy.extra_routes`: the services under the address by which servers reach the proxy.

    A proxy that looks at host names knows the public one alone, and a server in a container asks MLflow through the gateway.
    """
    host = urlsplit(settings.servers_url).hostname
    return {f"{host}{service_prefix(service.name)}": service.url for service in services if service.url}
