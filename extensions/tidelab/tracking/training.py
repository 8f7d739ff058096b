"""A training run: written to a folder first, sent to MLflow as it goes. A dead MLflow never costs a training."""

import datetime
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidelab.tracking.connection import Connection, connect
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError
from tidelab.tracking.names import check_slug, experiment_name

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

LONGEST_PARAMETER = 500


@dataclass
class TrainingRun:
    """One training, as :func:`training_run` hands it out.

    Parameters
    ----------
    folder
        Where everything is kept on this machine: ``run.json``, ``metrics.jsonl``, ``artifacts/``.
    use_case
        Slug.
    person
        Hub user.
    run_id
        MLflow's run id; None while nothing could be sent.
    notice
        Empty while MLflow records everything; else one sentence for the person.
    pictures_may_travel
        Whether the use case's data policy lets pictures of people's images go to MLflow.
    """

    folder: Path
    use_case: str
    person: str
    run_id: str | None = None
    experiment_id: str | None = None
    notice: str = ""
    pictures_may_travel: bool = False
    _client: "MlflowClient | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Page of this run in MLflow; empty if it was not sent."""
        base = os.environ.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        return f"{base}/#/experiments/{self.experiment_id}/runs/{self.run_id}" if self.run_id else ""

    @property
    def recorded(self) -> bool:
        """Whether MLflow has everything so far."""
        return self.run_id is not None and not self.notice

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record numbers of one step (an epoch, or 0 for the result)."""
        values = {name: float(value) for name, value in metrics.items()}
        stamp = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
        line = json.dumps({"step": int(step), "time_ms": stamp, "metrics": values})
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._send(lambda client, run: _log_metrics(client, run, values, int(step), stamp))

    def log_figure(self, name: str, png: bytes, *, shows_images: bool = False) -> None:
        """Record a picture, given as the bytes of a PNG file.

        Parameters
        ----------
        name, png
            Its name and bytes.
        shows_images
            Whether people's images can be seen on it (a gallery, examples of confusions). Where the data policy does not let them
            travel it is kept in ``private/`` of the training's folder, and never sent.
        """
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise ValueError(
                f"{name}: expected the bytes of a PNG file, for example from figure.savefig(buffer)."
            )
        self._log_bytes(f"figures/{_file_name(name, '.png')}", png, private=shows_images)

    def log_table(self, name: str, table: "pd.DataFrame", *, names_images: bool = False) -> None:
        """Record a table as a CSV file; `names_images`: it has rows about single images of people, and is treated as such a picture."""
        # Names of classes and files are what somebody called them; a maintainer may open the table in a spreadsheet.
        safe = table.map(_safe_cell).rename(columns=_safe_cell)
        content = safe.to_csv(index=False).encode()
        self._log_bytes(f"tables/{_file_name(name, '.csv')}", content, private=names_images)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record words about the run."""
        record = _read_record(self.folder)
        record["tags"] = {**record["tags"], **{name: str(value) for name, value in tags.items()}}
        _write_record(self.folder, record)
        for name, value in tags.items():
            self._send(partial(_set_tag, name=name, value=str(value)))

    def _log_bytes(self, path: str, content: bytes, *, private: bool = False) -> None:
        stays = private and not self.pictures_may_travel
        # Apart from `artifacts`, all of which is sent, also later.
        file = self.folder / ("private" if stays else "artifacts") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if stays:
            return
        self._send(lambda client, run: client.log_artifact(run, str(file), str(Path(path).parent)))

    def _send(self, action: "Callable[[MlflowClient, str], Any]") -> None:
        if self._client is None or self.run_id is None:
            return
        try:
            action(self._client, self.run_id)
        except Exception as error:  # the client raises several kinds; a training must survive all of them
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Stop talking to MLflow: after one failure every further call would cost the same seconds again."""
        self._client = None
        self.notice = f"{_sentence(error)} Your work is saved in {self.folder}; send it later with send_run({str(self.folder)!r})."
        record = _read_record(self.folder)
        _write_record(self.folder, {**record, "sent": False, "run_id": self.run_id})


@contextmanager
def training_run(
    use_case: str,
    person: str | None = None,
    *,
    data_digest: str,
    params: Mapping[str, object],
    folder: Path | None = None,
) -> Iterator[TrainingRun]:
    """Record one training in the person's experiment ``<use case>/<person>``.

    Parameters
    ----------
    use_case
        Slug.
    person
        Hub user; default: the person whose server this is.
    data_digest
        sha256 over the training files and their split, as in the model card.
    params
        What was chosen: seed, epochs, architecture, augmentation.
    folder
        Where runs are kept on this machine; default ``~/tidelab/training``.

    Yields
    ------
    TrainingRun
        Its ``notice`` says in words if MLflow could not be reached; nothing is raised for that, and it costs seconds once.
    """
    who = person or os.environ.get("JUPYTERHUB_USER") or "me"
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    root = folder or Path.home() / "tidelab" / "training"
    run = TrainingRun(root / check_slug(use_case) / stamp, use_case, who)
    run.pictures_may_travel = _pictures_may_travel(use_case)
    run.folder.mkdir(parents=True)
    _write_record(run.folder, {
        "use_case": use_case, "person": who, "started": stamp, "status": "RUNNING", "sent": False, "run_id": None,
        "params": {name: str(value)[:LONGEST_PARAMETER] for name, value in params.items()},
        "tags": _tags(use_case, who, data_digest),
    })  # fmt: skip
    _open(run)
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    finally:
        _close(run, status)
        _count(run, status, params)


def send_run(folder: Path | str) -> TrainingRun:
    """Send a training that was saved while MLflow was not reachable.

    Raises
    ------
    TrackingUnavailableError
        If MLflow is still not reachable; the folder is untouched.
    TrackingError
        If the folder holds no training, or it was sent already.
    """
    place = Path(folder)
    record = _read_record(place)
    if record["sent"]:
        raise TrackingError(f"{place} was sent already, as run {record['run_id']}. Nothing was sent twice.")
    run = TrainingRun(place, record["use_case"], record["person"])
    _open(run)
    if run.notice:
        raise TrackingUnavailableError(run.notice)
    metrics = place / "metrics.jsonl"
    for line in metrics.read_text("utf-8").splitlines() if metrics.exists() else []:
        entry = json.loads(line)
        run._send(partial(_log_metrics, values=entry["metrics"], step=entry["step"], stamp=entry["time_ms"]))
    if (place / "artifacts").is_dir():
        run._send(lambda client, run_id: client.log_artifacts(run_id, str(place / "artifacts")))
    _close(run, "FINISHED" if record["status"] == "FINISHED" else "FAILED")
    if run.notice:
        raise TrackingUnavailableError(run.notice)
    return run


def client_for(connection: Connection) -> "MlflowClient":
    """Return MLflow's own client for a connection. Imports MLflow, which takes a second or two."""
    os.environ["MLFLOW_TRACKING_TOKEN"] = connection.token
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=connection.url, registry_uri=connection.url)


def own_experiment(client: "MlflowClient", use_case: str, person: str) -> str:
    """Return the id of a person's experiment in a use case; it is made at first use."""
    name = experiment_name(use_case, person)
    found = client.search_experiments(filter_string=f"name = '{name}'", max_results=1)
    return str(found[0].experiment_id if found else client.create_experiment(name))


def _open(run: TrainingRun) -> None:
    record = _read_record(run.folder)
    try:
        client = client_for(connect())
        run.experiment_id = own_experiment(client, run.use_case, run.person)
        created = client.create_run(run.experiment_id, run_name=record["started"], tags=record["tags"])
        run._client, run.run_id = client, created.info.run_id
        for name, value in record["params"].items():
            client.log_param(run.run_id, name, value)
    except Exception as error:  # MLflow's client raises several kinds; a training must survive all of them
        run._lose(error)


def _close(run: TrainingRun, status: str) -> None:
    run._send(lambda client, run_id: client.set_terminated(run_id, status))
    record = _read_record(run.folder)
    _write_record(run.folder, {**record, "status": status, "sent": run.recorded, "run_id": run.run_id})


def _pictures_may_travel(use_case: str) -> bool:
    from tidelab.catalogue import CatalogueError, load_catalogue

    try:
        return load_catalogue()[use_case].data_policy.pictures_may_travel
    except CatalogueError:
        return False


def _count(run: TrainingRun, status: str, params: Mapping[str, object]) -> None:
    """Write the usage event of a training that finished; what stands in the way of that stops nobody's work."""
    from tidelab.runs.usage import count_training

    if status == "FINISHED":
        images = [
            value for name, value in params.items() if name.startswith("images.") and isinstance(value, int)
        ]
        count_training(run.use_case, run.person, run.folder.name, sum(images) if images else None)


def _tags(use_case: str, person: str, data_digest: str) -> dict[str, str]:
    return {
        "tidelab.use_case": use_case,
        "tidelab.person": person,
        "tidelab.data_digest": data_digest,
        "tidelab.code_version": version("tidelab"),
        "tidelab.python": platform.python_version(),
    }


def _log_metrics(
    client: "MlflowClient", run_id: str, values: Mapping[str, float], step: int, stamp: int
) -> None:
    from mlflow.entities import Metric

    client.log_batch(run_id, metrics=[Metric(name, value, stamp, step) for name, value in values.items()])


def _set_tag(client: "MlflowClient", run_id: str, name: str, value: str) -> None:
    client.set_tag(run_id, name, value)


def _sentence(error: Exception) -> str:
    if isinstance(error, TrackingError):
        return str(error)
    if type(error).__name__ == "RestException" or "API request" not in str(error):
        return f"MLflow refused this run: {str(error).splitlines()[0][:300]}"
    return f"MLflow is not reachable at {os.environ.get('MLFLOW_TRACKING_URI', '')}."


def _file_name(name: str, suffix: str) -> str:
    plain = (
        "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip(".-")
        or "unnamed"
    )
    return plain if plain.endswith(suffix) else plain + suffix


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
        return {**record, "tags": dict(record["tags"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise TrackingError(
            f"{folder} holds no saved training: run.json is missing or damaged. Expected a folder under ~/tidelab/training."
        ) from None


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    fresh = folder / ".run.json"
    fresh.write_text(json.dumps(dict(record), indent=2, ensure_ascii=False), encoding="utf-8")
    fresh.replace(folder / "run.json")


def _safe_cell(value: Any) -> Any:
    # Only here: the model service needs no runs.
    from tidelab.runs.names import spreadsheet_safe

    return spreadsheet_safe(value) if isinstance(value, str) else value
