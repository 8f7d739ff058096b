"""Register a bundle as a version of the person's own model, and ask for its promotion."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidelab.models import ModelBundle
from tidelab.tracking.bundles import CARD, check_names
from tidelab.tracking.connection import connect, connect_models
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError
from tidelab.tracking.names import model_name
from tidelab.tracking.training import TrainingRun, client_for, own_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tidelab.domain.card import Quality
    from tidelab.domain.decision import Decision


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a registered model."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def register_bundle(
    bundle_folder: Path | str, use_case: str, person: str | None = None, run: TrainingRun | None = None
) -> RegisteredVersion:
    """Register a bundle as a new version of ``<use case>--<person>``.

    The files that the card lists are logged as artifacts of the run under ``bundle/``; nothing is pickled and no code is
    stored.

    Parameters
    ----------
    bundle_folder
        Folder with ``card.json`` and ``model.onnx``, as :func:`tidelab.models.write_bundle` makes it.
    use_case
        Slug.
    person
        Hub user; default: the person whose server this is.
    run
        The training it comes from; without one, a run is made for it.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    TrackingUnavailableError
        If MLflow cannot be reached; the bundle stays where it is.
    TrackingError
        If the bundle was made for another use case or MLflow refuses it.
    """
    bundle = ModelBundle.load(bundle_folder)
    who = person or (run.person if run else None) or os.environ.get("JUPYTERHUB_USER") or "me"
    if bundle.card.use_case != use_case:
        raise TrackingError(
            f"The model in {bundle.folder} was made for {bundle.card.use_case!r}, not for {use_case!r}. Register it there, "
            "or export it again for this use case."
        )
    check_names(bundle.card.files, str(bundle.folder))
    connection = connect()
    connection.get(
        "/api/2.0/mlflow/experiments/search", {"max_results": "1"}
    )  # refuses or fails in seconds, in words
    try:
        return _register(client_for(connection), bundle, use_case, who, run)
    except TrackingError:
        raise
    except Exception as error:  # MLflow's client raises several kinds
        raise TrackingUnavailableError(
            f"The model could not be registered: {str(error).splitlines()[0][:300]} It is unchanged in {bundle.folder}; "
            "register it again when MLflow answers."
        ) from None


def request_promotion(
    use_case: str, name: str, version: str | int, note: str, decision: "Decision | None" = None
) -> dict[str, Any]:
    """Ask the maintainers of a use case to make a version the champion.

    Parameters
    ----------
    use_case
        Slug.
    name, version
        What :func:`register_bundle` returned.
    note
        Why: what is better, on which data. The maintainers read it.
    decision
        The comparison with the champion, from `tidelab.training.steps.compare_with_champion`. Its figures go with the request; one that
        does not recommend the model is sent all the same, and the maintainers read why.

    Returns
    -------
    dict
        ``id``, ``status`` (``pending``), ``url`` of the page to watch.

    Raises
    ------
    TrackingError
        If the service refuses; the text says why.
    """
    body: dict[str, Any] = {
        "use_case": use_case, "registered_model": name, "version": str(version), "note": note,
        **({"decision": decision.model_dump(mode="json")} if decision is not None else {}),
    }  # fmt: skip
    return connect_models().post("/api/promotions", body)


def promotion_status(request_id: str) -> dict[str, Any]:
    """Return what became of a request: ``status`` is pending, confirmed, declined or withdrawn; ``reason`` says why."""
    return connect_models().get(f"/api/promotions/{request_id}")


def withdraw_promotion(request_id: str) -> dict[str, Any]:
    """Take back a request of yours that nobody has answered."""
    return connect_models().post(f"/api/promotions/{request_id}/withdraw", {})


def _register(
    client: "MlflowClient", bundle: ModelBundle, use_case: str, person: str, run: TrainingRun | None
) -> RegisteredVersion:
    if run is not None and run.run_id is not None:
        run_id = run.run_id
    else:
        made = client.create_run(
            own_experiment(client, use_case, person), run_name=f"register {bundle.card.name}"
        )
        run_id = made.info.run_id
        client.set_terminated(run_id)
    # One folder for each bundle: registering two of the same run must not overwrite the first.
    place = f"bundle-{bundle.digest.removeprefix('sha256:')[:12]}"
    for file in sorted([*bundle.card.files, CARD]):
        client.log_artifact(run_id, str(bundle.folder / file), place)
    name = model_name(use_case, person)
    if not client.search_registered_models(filter_string=f"name = '{name}'", max_results=1):
        client.create_registered_model(name, tags={"tidelab.use_case": use_case})
    version = client.create_model_version(
        name, source=f"{client.get_run(run_id).info.artifact_uri}/{place}", run_id=run_id, await_creation_for=0,
        tags={
            "tidelab.digest": bundle.digest,
            "tidelab.demo": str(bundle.card.demo).lower(),
            **_quality_tags(bundle.card.quality),
        },
    )  # fmt: skip
    return RegisteredVersion(name, str(version.version))


def _quality_tags(quality: "Quality") -> dict[str, str]:
    """Return a classifier's macro F1, or a detector's average precision, so that the registry's list shows it."""
    if quality.map50_95 is None:
        return {"tidelab.macro_f1": _four(quality.macro_f1)}
    return {"tidelab.map50_95": _four(quality.map50_95), "tidelab.map50": _four(quality.map50)}


def _four(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
