"""MLflow's users and rights, derived from the hub's: the ``authorization_function`` of its auth application.

Rights live in MLflow's own auth database. Nobody gets one by default (``NO_PERMISSIONS``); the creator of an experiment
or a registered model manages it; two roles add the rest:

- ``tidelab-everyone``: READ on each protected model and on the experiment that holds the champions' files.
- ``tidelab-promotion``: READ on every registered model, held by the service ``models`` alone, so that it can check what
  it is asked to promote. It is not an administrator: it reads no run and no experiment of a person.

Imported by MLflow when its server starts, in MLflow's environment only.
"""

import secrets
import threading
from collections.abc import Callable
from functools import cache

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.server.auth import store
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from werkzeug.datastructures import Authorization

from tidelab import paths
from tidelab.tracking.names import service_key

from .identity import Caller, HubIdentity
from .login import HubLogin
from .settings import HubService, secret_key

EVERYONE = "tidelab-everyone"
PROMOTION = "tidelab-promotion"
PROMOTION_SERVICE = service_key("models")

_known: dict[str, bool] = {}
_lock = threading.Lock()


@cache
def login() -> HubLogin:
    """Return the one login of this process."""
    secret = secret_key(paths.data() / "mlflow" / "cookie_secret")
    return HubLogin(HubIdentity(HubService.from_environment()), secret, "MLflow")


def authorize() -> Authorization | Response:
    """Return who sends the current request, as MLflow's auth application wants it, or the response to send instead."""
    caller = login().caller(request)
    if isinstance(caller, Response):
        return caller
    ensure_user(caller)
    return Authorization("bearer", {"username": caller.key})


def ensure_user(caller: Caller) -> None:
    """Make the caller known to MLflow, with the administrator's flag as the hub gives it now."""
    key = caller.key
    if _known.get(key) is caller.admin:
        return
    with _lock:
        if not store.has_user(key):
            # MLflow wants a password. Nobody learns this one and no password is ever accepted.
            _ignore_existing(lambda: store.create_user(key, secrets.token_urlsafe(32)))
        user = store.get_user(key)
        if user.is_admin is not caller.admin:
            store.update_user(key, is_admin=caller.admin)
        roles = [PROMOTION, EVERYONE] if key == PROMOTION_SERVICE else [EVERYONE]
        for role in roles:
            _assign(user.id, _role_id(role))
        _known[key] = caller.admin


def prepare_roles() -> None:
    """Create the two roles if they are not there yet."""
    _role_id(EVERYONE)
    grant(PROMOTION, "registered_model", "*", "READ")


def grant(role: str, resource_type: str, pattern: str, permission: str) -> None:
    """Give a role one right; does nothing if it has it."""
    _ignore_existing(lambda: store.add_role_permission(_role_id(role), resource_type, pattern, permission))


def _role_id(name: str) -> int:
    try:
        role = store.get_role_by_name(DEFAULT_WORKSPACE_NAME, name)
    except MlflowException:
        _ignore_existing(
            lambda: store.create_role(name, DEFAULT_WORKSPACE_NAME, "Made by Tidelab; do not edit.")
        )
        role = store.get_role_by_name(DEFAULT_WORKSPACE_NAME, name)
    return int(role.id)


def _assign(user_id: int, role_id: int) -> None:
    if all(role.id != role_id for role in store.list_user_roles(user_id)):
        _ignore_existing(lambda: store.assign_role_to_user(user_id, role_id))


def _ignore_existing(action: Callable[[], object]) -> None:
    try:
        action()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
