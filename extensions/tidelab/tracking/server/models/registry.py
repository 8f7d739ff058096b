"""MLflow as the model service sees it: reads what it is asked to promote, writes protected models, nothing else."""

from dataclasses import dataclass
from typing import Any

from tidelab.models import ModelBundle
from tidelab.tracking.bundles import CARD
from tidelab.tracking.connection import Connection
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError
from tidelab.tracking.names import CHAMPIONS_EXPERIMENT

ALIAS = "champion"
_API = "/api/2.0/mlflow"
_FOLDER = "bundle"


@dataclass(frozen=True)
class Version:
    """One version in the registry."""

    name: str
    version: str
    tags: dict[str, str]


class Registry:
    """The registry, with the service's own identity."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def version(self, name: str, version: str) -> Version:
        """Return a version; raises ``TrackingError`` if there is none."""
        return _version(self.connection.get(f"{_API}/model-versions/get", {"name": name, "version": version}))

    def champion(self, name: str) -> Version | None:
        """Return the version that the alias points to, or None if no alias is set.

        Raises
        ------
        TrackingError
            If there is no such registered model.
        """
        model = self.connection.get(f"{_API}/registered-models/get", {"name": name})["registered_model"]
        aliases = {entry["alias"]: str(entry["version"]) for entry in model.get("aliases", [])}
        return self.version(name, aliases[ALIAS]) if ALIAS in aliases else None

    def has_model(self, name: str) -> bool:
        """Return whether there is a registered model of this name."""
        found = self.connection.get(
            f"{_API}/registered-models/search", {"filter": f"name = '{name}'", "max_results": "1"}
        )
        return bool(found.get("registered_models"))

    def versions(self, name: str) -> list[Version]:
        """Return all versions of a registered model, newest first."""
        found: list[Version] = []
        token = ""
        while True:
            parameters = {
                "filter": f"name = '{name}'",
                "max_results": "100",
                **({"page_token": token} if token else {}),
            }
            page = self.connection.get(f"{_API}/model-versions/search", parameters)
            found += [_version({"model_version": entry}) for entry in page.get("model_versions", [])]
            token = page.get("next_page_token", "")
            if not token:
                return sorted(found, key=lambda entry: int(entry.version), reverse=True)

    def copy_in(self, name: str, bundle: ModelBundle, tags: dict[str, str]) -> str:
        """Add a bundle to a protected model as a new version and return its number.

        The files are copied into a run of the service's own: nobody else can change them afterwards, whatever happens to
        the run they came from.
        """
        experiment = self._experiment()
        run = self.connection.post(
            f"{_API}/runs/create", {"experiment_id": experiment, "run_name": f"{name} {bundle.digest[7:19]}"}
        )["run"]["info"]
        root = f"{experiment}/{run['run_id']}/artifacts/{_FOLDER}"
        for file in [*bundle.card.files, CARD]:
            self.connection.put(
                f"/api/2.0/mlflow-artifacts/artifacts/{root}/{file}", (bundle.folder / file).read_bytes()
            )
        self.connection.post(f"{_API}/runs/update", {"run_id": run["run_id"], "status": "FINISHED"})
        if not self.has_model(name):
            self.connection.post(f"{_API}/registered-models/create", {"name": name})
        made = self.connection.post(f"{_API}/model-versions/create", {
            "name": name, "source": f"{run['artifact_uri']}/{_FOLDER}", "run_id": run["run_id"],
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        })  # fmt: skip
        return str(made["model_version"]["version"])

    def set_champion(self, name: str, version: str) -> None:
        """Point the alias to a version."""
        self.connection.post(
            f"{_API}/registered-models/alias", {"name": name, "alias": ALIAS, "version": version}
        )

    def _experiment(self) -> str:
        parameters = {"experiment_name": CHAMPIONS_EXPERIMENT}
        try:
            found = self.connection.get(f"{_API}/experiments/get-by-name", parameters)["experiment"]
            return str(found["experiment_id"])
        except TrackingUnavailableError:
            raise
        except TrackingError:
            return str(
                self.connection.post(f"{_API}/experiments/create", {"name": CHAMPIONS_EXPERIMENT})[
                    "experiment_id"
                ]
            )


def _version(answer: dict[str, Any]) -> Version:
    entry = answer["model_version"]
    tags = {tag["key"]: tag["value"] for tag in entry.get("tags", [])}
    return Version(name=entry["name"], version=str(entry["version"]), tags=tags)
