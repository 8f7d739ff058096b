"""What MLflow's own rights cannot say: who may use which name, and where artifacts may lie.

MLflow 3.17 lets anybody create any name and choose any ``artifact_location``. With both, a person could take the name of
a protected or somebody else's model before it exists, or point an experiment at another person's artifacts and read them
through it. The rules run after MLflow has authenticated and authorized the request, on the same parsed message that its
handler acts on.
"""

from collections.abc import Callable

from flask import Flask, Response, g, make_response, request
from mlflow.protos.model_registry_pb2 import CreateModelVersion, CreateRegisteredModel, RenameRegisteredModel
from mlflow.protos.service_pb2 import CreateExperiment, UpdateExperiment
from mlflow.server.auth import store
from mlflow.server.handlers import _get_request_message

from tidelab.tracking.names import CHAMPIONS_EXPERIMENT, experiment_owner, model_owner

from .permissions import EVERYONE, PROMOTION_SERVICE, grant

SOURCE_SCHEMES = ("mlflow-artifacts:/", "runs:/", "models:/")


def install(app: Flask) -> None:
    """Add the rules to MLflow's Flask application, after its own checks.

    Raises
    ------
    RuntimeError
        If this MLflow has no such handler: then the rules would silently do nothing.
    """
    missing = sorted(set(_RULES) - set(app.view_functions))
    if missing:
        raise RuntimeError(
            f"This MLflow has no handler {', '.join(missing)}, so Tidelab cannot guard who owns which name. Install the "
            "locked version (images/mlflow) or adapt tidelab.tracking.server.policy."
        )
    app.before_request(_check)
    app.after_request(_share_protected)


def refuse_experiment(name: str, artifact_location: str, key: str, admin: bool) -> str | None:
    """Return why a person may not create this experiment, or None."""
    if artifact_location:
        return "An experiment's artifact_location is chosen by the server. Leave it out."
    return _refuse_experiment_name(name, key, admin)


def refuse_model(name: str, key: str, admin: bool) -> str | None:
    """Return why a person may not give a registered model this name, or None."""
    owner = model_owner(name)
    if admin or owner == key or (owner is None and key == PROMOTION_SERVICE):
        return None
    return (
        f"A registered model of yours is named <use case>--{key}, for example flowcam-plankton--{key}; {name!r} is not. "
        "Names without '--' are champions: only the model service writes them, after a maintainer confirms."
    )


def refuse_source(source: str) -> str | None:
    """Return why a model version may not have this source, or None."""
    if source.startswith(SOURCE_SCHEMES):
        return None
    return f"A model version's source starts with {', '.join(SOURCE_SCHEMES)}; {source[:200]!r} does not."


def _refuse_experiment_name(name: str, key: str, admin: bool) -> str | None:
    if admin or experiment_owner(name) == key:
        return None
    return (
        f"An experiment of yours is named <use case>/{key}, for example flowcam-plankton/{key}; {name!r} is not. "
        "Set it with mlflow.set_experiment(...)."
    )


def _create_experiment(key: str, admin: bool) -> str | None:
    message = _get_request_message(CreateExperiment())
    return refuse_experiment(message.name, message.artifact_location, key, admin)


def _update_experiment(key: str, admin: bool) -> str | None:
    message = _get_request_message(UpdateExperiment())
    return _refuse_experiment_name(message.new_name, key, admin) if message.new_name else None


def _create_registered_model(key: str, admin: bool) -> str | None:
    return refuse_model(_get_request_message(CreateRegisteredModel()).name, key, admin)


def _rename_registered_model(key: str, admin: bool) -> str | None:
    return refuse_model(_get_request_message(RenameRegisteredModel()).new_name, key, admin)


def _create_model_version(key: str, admin: bool) -> str | None:
    return refuse_source(_get_request_message(CreateModelVersion()).source)


_RULES: dict[str, Callable[[str, bool], str | None]] = {
    "_create_experiment": _create_experiment,
    "_update_experiment": _update_experiment,
    "_create_registered_model": _create_registered_model,
    "_rename_registered_model": _rename_registered_model,
    "_create_model_version": _create_model_version,
}


def _check() -> Response | None:
    rule = _RULES.get(request.endpoint or "")
    if rule is None:
        return None
    key = g.mlflow_authenticated_user
    reason = rule(key, store.get_user(key).is_admin)
    if reason is None:
        return None
    response = make_response({"error_code": "PERMISSION_DENIED", "message": reason}, 403)
    return response


def _share_protected(response: Response) -> Response:
    """Let everybody read a protected model, and the champions' files, from the moment they exist."""
    if response.status_code != 200:
        return response
    if request.endpoint == "_create_registered_model":
        name = _get_request_message(CreateRegisteredModel()).name
        if model_owner(name) is None:
            grant(EVERYONE, "registered_model", name, "READ")
    elif request.endpoint == "_create_experiment":
        name = _get_request_message(CreateExperiment()).name
        if name == CHAMPIONS_EXPERIMENT:
            grant(EVERYONE, "experiment", str((response.get_json() or {})["experiment_id"]), "READ")
    return response
