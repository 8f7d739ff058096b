"""The folder of a run, as Lab, app and report read it: whether the run is over, going on, or dead."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.domain.results import BOX_COLUMNS
from tidelab.domain.state import RunState
from tidelab.domain.verdict import Verdict
from tidelab.runs.beneath import (
    MOST_REQUEST_BYTES,
    MOST_STATE_BYTES,
    folders_in,
    is_file,
    open_file,
    read,
)
from tidelab.runs.errors import RunError
from tidelab.runs.files import write_bytes
from tidelab.runs.owner import Owner, acts_for_others
from tidelab.runs.policy import ephemeral_hours, honest
from tidelab.runs.processes import end, executes, is_alive, is_locked
from tidelab.runs.progress import CANCEL_FILE, STATE_FILE, now, write_state
from tidelab.runs.thumbnails import read_thumbnail

if TYPE_CHECKING:
    import pandas as pd

    from tidelab.domain.estimate import Estimates
    from tidelab.domain.sample import Sample
    from tidelab.runs.own_products import Product
    from tidelab.runs.request import RunRequest

LOCK_FILE: Final = "run.lock"
LAUNCH_FILE: Final = "launch.json"
LOG_FILE: Final = "log.txt"
INTERRUPTED: Final = "The run was interrupted. Run it again: finished images are kept."


class RunFolder:
    """One run.

    Parameters
    ----------
    path
        Its folder; need not be complete, or healthy: every method says in a sentence what is missing.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self._request: RunRequest | None = None

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    @classmethod
    def load(cls, path: Path | str) -> "RunFolder":
        """Return the run of a folder; raises `RunError` when it is none."""
        folder = cls(path)
        _ = folder.request
        return folder

    @property
    def run_id(self) -> str:
        """Name of the run: when it was asked, and six random characters."""
        return self.path.name

    @property
    def runs_root(self) -> Path:
        """Folder of the person's runs."""
        return self.path.parent.parent

    @property
    def request(self) -> "RunRequest":
        """What was asked: as this process knows it (`know`), else as ``request.json`` says; raises `RunError`."""
        if self._request is not None:
            return self._request
        from tidelab.runs.request import REQUEST_FILE, parse_request

        path = self._existing(REQUEST_FILE, "It is not the folder of a run")
        try:
            request = parse_request(read(path, MOST_REQUEST_BYTES))
            return owner.to_read(request, self) if (owner := Owner.of(self)) else request
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise RunError(f"{path} is damaged ({why}). Start the analysis again as a new run.") from None

    def know(self, request: "RunRequest") -> None:
        """Let this object go by a request that was made or checked in this process, whatever the run's owner writes into its folder."""
        self._request = request

    def state(self) -> RunState:
        """Return how far the run is; a run whose process died is ``failed``, whatever its file says."""
        try:
            state = self._state()
        except FileNotFoundError:
            return RunState(status="failed", message=f"{self.path} holds no run. Start the analysis again.")
        except (OSError, ValidationError):
            return RunState(
                status="failed",
                message=f"{self.path / STATE_FILE} is damaged. Run it again: finished images are kept.",
            )
        if state.is_over or is_locked(self.path / LOCK_FILE) or self._process_lives(state):
            return state
        # It may have finished between the two looks.
        with suppress(OSError, ValidationError):
            state = self._state()
        if state.is_over or (state.pid is None and not (self.path / LAUNCH_FILE).exists()):
            return state
        return state.model_copy(
            update={"status": "failed", "message": self._interrupted(), "finished": state.updated}
        )

    @property
    def finds_objects(self) -> bool:
        """Whether the model of this run looks for objects in pictures: its rows are objects then, and it has `pictures`."""
        return (self.path / "pictures.csv").is_file()

    def results(self) -> "pd.DataFrame":
        """Return ``results.csv``, sorted by image: columns `tidelab.domain.results.RESULT_COLUMNS`; of a detector `OBJECT_COLUMNS`."""
        boxes = dict.fromkeys(BOX_COLUMNS, float) if self.finds_objects else {}
        frame = self._table("results.csv", {"score": float, **boxes})
        frame["aphia_id"] = frame["aphia_id"].replace("", None).astype("Int64")
        return frame

    def pictures(self) -> "pd.DataFrame":
        """Return ``pictures.csv`` of a detector's run: columns `tidelab.domain.results.PICTURE_COLUMNS`, zero objects or not.

        `RunError` says so for the run of a model that names images.
        """
        self._require_objects()
        return self._table("pictures.csv", {"width_px": int, "height_px": int, "objects": int})

    def detections(self) -> "pd.DataFrame":
        """Return ``detections.csv`` of a detector's run: columns `tidelab.domain.results.DETECTION_COLUMNS`; `above_threshold` is bool."""
        self._require_objects()
        frame = self._table("detections.csv", {"score": float, **dict.fromkeys(BOX_COLUMNS, float)})
        frame["aphia_id"] = frame["aphia_id"].replace("", None).astype("Int64")
        frame["above_threshold"] = frame["above_threshold"] == "yes"
        return frame

    def objects(self) -> "pd.DataFrame":
        """Return ``objects.csv``: what the use case's reader measured of each object, in the order of the results.

        Columns that hold numbers alone are numbers, NaN where not known. A run without measurements gives a table without rows.
        """
        import pandas as pd

        if not (self.path / "objects.csv").is_file():
            return pd.DataFrame(columns=["image_id", "image"])
        frame = self._table("objects.csv", {})
        for name in frame.columns.difference(["image_id", "image"]):
            numbers = pd.to_numeric(frame[name].replace("", None), errors="coerce")
            if numbers.notna().sum() == (frame[name] != "").sum():
                frame[name] = numbers
        return frame

    def products(self) -> "list[Product]":
        """Return the files that the use case's own functions made of this run, in the order they are declared."""
        from tidelab.runs.own_products import products_of

        return products_of(self)

    def failed_files(self) -> "pd.DataFrame":
        """Return ``failed_files.csv``: columns `tidelab.domain.results.FAILED_COLUMNS`."""
        return self._table("failed_files.csv", {})

    def determinations(self) -> "pd.DataFrame":
        """Return the names in force: columns `tidelab.domain.determination.DETERMINATION_COLUMNS`, in the order of the results."""
        from tidelab.runs.validation import determinations

        return determinations(self)

    def counts(self) -> "pd.DataFrame":
        """Return ``counts.csv``: label, aphia_id, count, share; the most frequent first."""
        frame = self._table("counts.csv", {"count": int, "share": float})
        frame["aphia_id"] = frame["aphia_id"].replace("", None).astype("Int64")
        return frame

    def samples(self) -> "pd.DataFrame":
        """Return ``samples.csv``: columns `tidelab.domain.sample.SAMPLE_COLUMNS`, one row a sample; NaN or empty is not known.

        `RunError` says so for a run of a version that did not write it.
        """
        import pandas as pd

        from tidelab.domain.sample import SAMPLE_FIELDS

        frame = self._table("samples.csv", {"images": int})
        texts = ("time", "station", "platform", "instrument", "camera")
        for name in SAMPLE_FIELDS:
            if name not in frame.columns:
                raise self._damaged("samples.csv")
            if name not in texts:
                frame[name] = pd.to_numeric(frame[name], errors="coerce")
        return frame

    def sample_records(self) -> "dict[str, Sample]":
        """Return what is known of each sample, by its name; the empty name is that of images without a sample."""
        from tidelab.runs.samples import read_records

        return {name: known.sample for name, known in read_records(self.samples()).items()}

    def statistics(self) -> "pd.DataFrame":
        """Return image statistics, one row an image in the order of the results (of a detector: of the pictures); index ``image_id``."""
        import pandas as pd

        frame = self._table("statistics.csv", {})
        numbers = [name for name in frame.columns if name not in ("image_id", "image")]
        result: pd.DataFrame = frame.set_index("image_id")[numbers].astype(float)
        return result

    def embeddings(self) -> npt.NDArray[np.float32]:
        """Return float32 of shape ``(n, d)``, in the order of the results; of a detector in that of the pictures."""
        return self._array("embeddings.npy")

    def probabilities(self) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities, float32 of shape ``(n, k)``: order of the results, order of the labels in the model's card.

        Of a detector: in the order of the pictures, for each class the best score of any object. `RunError` says so for a run of a
        version that did not keep them.
        """
        return self._array("probabilities.npy")

    def estimates(self) -> "Estimates":
        """Return raw and corrected counts with intervals, or why they are withheld; computed when asked for, then kept."""
        from tidelab.runs.estimates import estimates

        return estimates(self)

    def verdict(self) -> Verdict:
        """Return whether the model is fit for these images."""
        text = self._text("verdict.json")
        try:
            return Verdict.model_validate_json(text)
        except ValidationError:
            raise self._damaged("verdict.json") from None

    def manifest(self) -> dict[str, Any]:
        """Return where the results come from: inputs, model, parameters, code, environment, times."""
        return self._json("manifest.json")

    def thumbnail(self, image_id: str) -> bytes:
        """Return the JPEG of one image, longest side at most 128 px; empty when there is none."""
        return read_thumbnail(self.path, image_id)

    def package(self) -> Path:
        """Return the zip of results, failed files, provenance, methods paragraph and citation; made when missing or older."""
        from tidelab.runs.package import is_current, make_package, package_path

        if not self.state().is_over:
            raise RunError("The run is not over yet; the package is made of its results.")
        # A package of a failed attempt says nothing of the one that came after it.
        return package_path(self) if is_current(self) else make_package(self)

    def log(self) -> str:
        """Return the run's log, for a person who asks why."""
        try:
            return read(self.path / LOG_FILE).decode("utf-8", errors="replace")
        except OSError:
            return ""

    def cancel(self) -> None:
        """Ask the run to stop; finished images are kept. A run that is over stays as it is."""
        state = self.state()
        if state.is_over:
            return
        # In place of whatever lies there: a link could lead to another's folder.
        write_bytes(self.path / CANCEL_FILE, b"", durable=False)
        if state.pid is None and not (self.path / LAUNCH_FILE).exists():
            write_state(
                self.path, state.model_copy(update={"status": "cancelled", "finished": now(), "step": ""})
            )
        elif state.own_process and (not acts_for_others() or executes(state.pid, self.path)):
            # The file says which process it is, and its writer may have written another person's there.
            end(state.pid, state.process)

    def _require_objects(self) -> None:
        if not self.finds_objects and (self.path / "results.csv").is_file():
            raise RunError(
                f"Run {self.run_id} is of a model that names images and looks for no objects in them, so it has no table of pictures."
            )

    def _state(self) -> RunState:
        return RunState.model_validate_json(read(self.path / STATE_FILE, MOST_STATE_BYTES))

    def _interrupted(self) -> str:
        return honest(INTERRUPTED, kept=ephemeral_hours(self.path) is None)

    def _process_lives(self, state: RunState) -> bool:
        if state.pid is not None:
            return is_alive(state.pid, state.process)
        try:
            launch = json.loads(read(self.path / LAUNCH_FILE, MOST_STATE_BYTES))
            return is_alive(int(launch["pid"]), str(launch["process"]))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _table(self, name: str, types: dict[str, type]) -> "pd.DataFrame":
        import pandas as pd

        path = self._existing(name)
        try:
            # Every cell as text first: a class named NA, or a station named 007, stays what it is.
            with os.fdopen(open_file(path), "rb") as stream:
                frame = pd.read_csv(stream, dtype=str, keep_default_na=False, encoding="utf-8")
            return frame.astype(types)
        except (ValueError, KeyError, OSError):
            raise self._damaged(name) from None

    def _array(self, name: str) -> npt.NDArray[np.float32]:
        path = self._existing(name)
        try:
            with os.fdopen(open_file(path), "rb") as stream:
                values = np.load(stream, allow_pickle=False)
        except (ValueError, OSError, EOFError):
            raise self._damaged(name) from None
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2:
            raise self._damaged(name)
        return values

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self._text(name))
        except ValueError:
            raise self._damaged(name) from None
        if not isinstance(value, dict):
            raise self._damaged(name)
        return value

    def _text(self, name: str, otherwise: str = "") -> str:
        path = self._existing(name, otherwise)
        try:
            return read(path).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            raise self._damaged(name) from None

    def _existing(self, name: str, otherwise: str = "") -> Path:
        path = self.path / name
        if path.exists():
            return path
        if otherwise:
            raise RunError(f"There is no {name} in {self.path}. {otherwise}.")
        state = self.state()
        reason = state.message or ("it did not finish" if state.is_over else "it is not over yet")
        raise RunError(f"Run {self.run_id} has no {name}: {reason}")

    def _damaged(self, name: str) -> RunError:
        return RunError(f"{self.path / name} is damaged. Run the analysis again: finished images are kept.")


def list_runs(use_case: UseCase | str, runs_root: Path | None = None) -> list[RunFolder]:
    """Return the runs of a use case, newest first; folders that are no run are passed over.

    Parameters
    ----------
    use_case
        The use case or its slug.
    runs_root
        Folder of the person's runs; by default :func:`tidelab.paths.runs`. One's own ``<runs>/<slug>`` may be a link, except in a
        home of the hub and for a process that acts for others.
    """
    slug = use_case if isinstance(use_case, str) else use_case.slug
    root = runs_root or paths.runs()
    # A link is no run, as for a deletion: what it leads to may be another person's.
    found = folders_in(root, slug) if acts_for_others() else folders_in(root / slug)
    names = [name for name in found if is_file(root / slug / name / "request.json")]
    return [RunFolder(root / slug / name) for name in reversed(names)]
