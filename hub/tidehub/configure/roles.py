"""Who may do what: people, their servers' tokens, and each service with the least it needs."""

import secrets
from collections.abc import Sequence

from traitlets.config import Config

from tidehub.services import ServiceDefinition, keeper_config
from tidehub.settings import Settings
from tidelab.catalogue import Catalogue

# What a kernel may open in its owner's name; apps are for browsers.
_FOR_SERVERS = ("mlflow", "models", "gpus")


def configure_roles(
    c: Config, settings: Settings, catalogue: Catalogue, services: Sequence[ServiceDefinition]
) -> None:
    """Set roles, groups and services."""
    for_people = [f"access:services!service={service.name}" for service in services if service.people]
    for_servers = [scope for scope in for_people if scope.partition("=")[2] in _FOR_SERVERS]
    people = {
        "name": "user",
        "description": "Everyone who may sign in: their own servers and the services",
        "scopes": ["self", *for_people],
    }
    server = {
        "name": "server",
        "description": "The token inside a server: its activity, itself, MLflow and promotion in its owner's name",
        "scopes": ["users:activity!user", "access:servers!server", *for_servers],
    }
    of_services = [
        {
            "name": f"service-{service.name}",
            "description": service.title,
            "scopes": list(service.scopes),
            "services": [service.name],
        }
        for service in services
        if service.scopes
    ]
    c.JupyterHub.load_roles = [people, server, *of_services]
    tokens = {service.name: secrets.token_hex(32) for service in services}
    c.JupyterHub.services = [
        *([keeper_config(services, tokens, settings)] if services else []),
        *(service.as_config(tokens[service.name]) for service in services),
    ]
    c.JupyterHub.service_check_interval = 0  # the home page asks them itself, and says what it means
    if settings.auth == "local":  # with OIDC the provider owns the groups
        c.JupyterHub.load_groups = {
            use_case.maintainers_group: {"users": []} for use_case in catalogue.values()
        }
