"""What is asked of a run: settled once, before it starts, and kept in ``request.json``."""

import datetime
import errno
import getpass
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue
from tidelab.catalogue.policy import PolicyKind
from tidelab.domain.state import RunState
from tidelab.domain.usage import UsageContext
from tidelab.models import ModelError, ResolvedModel, resolve_model
from tidelab.runs.beneath import MOST_REQUEST_BYTES, held_path, opened
from tidelab.runs.errors import RunError
from tidelab.runs.files import json_text, write_text
from tidelab.runs.folder import RunFolder
from tidelab.runs.inputs.samples import given_values
from tidelab.runs.inputs.taken import TIME_ZONE, checked_time_zone
from tidelab.runs.names import display_name
from tidelab.runs.owner import acts_for_others
from tidelab.runs.policy import mark_ephemeral
from tidelab.runs.progress import now, write_state
from tidelab.runs.shown_paths import shown_path
from tidelab.runs.usage_context import usage_context

Images = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
REQUEST_FILE: Final = "request.json"
SAMPLE: Final = "sample"
_MAX_PERSON: Final = 255


class ModelChoice(BaseModel):
    """The model of a run: resolved once, so that a promotion in the middle changes nothing."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(description="Absolute path of the bundle")
    digest: str = Field(description="sha256:<hex> of model and card; compared again when the run starts")
    source: Literal["champion", "demo", "own"] = Field(description="Where it comes from")
    name: str
    version: str
    demo: bool
    words: str = Field(description="The sentence that stands above every number of the run")


class RunRequest(BaseModel):
    """Use case, inputs, parameters, model, person."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    run_id: str
    use_case: str = Field(description="Slug")
    use_case_folder: str = Field(description="Absolute path")
    stack: str = Field(
        description="Environment that executes it: the use case's `analyse` stack",
        pattern=r"^[a-z][a-z0-9_-]*$",
    )
    images: list[str] = Field(min_length=1, description="Absolute paths, or the one word 'sample'")
    parameters: dict[str, Any] = Field(description="All parameters of `analyse` except images and model")
    model: ModelChoice
    person: str
    face: Literal["lab", "app", "report"]
    created: str = Field(description="ISO 8601 UTC")
    policy: PolicyKind = Field("private", description="The use case's data policy when it was asked")
    ephemeral_hours: int = Field(24, description="Of that policy")
    usage: UsageContext = Field(UsageContext(), description="What it is counted for")


def parse_request(content: bytes) -> RunRequest:
    """Return a request as ``request.json`` holds it; raises `ValueError`, whose text names the field."""
    try:
        return RunRequest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{field}: {first['msg']}") from None


def prepare(
    use_case: UseCase | str,
    images: Images | None = None,
    parameters: Mapping[str, Any] | None = None,
    model: str | None = None,
    person: str | None = None,
    face: Literal["lab", "app", "report"] = "lab",
    runs_root: Path | None = None,
) -> RunFolder:
    """Settle what a run does and make its folder; nothing is executed yet.

    Parameters
    ----------
    use_case
        The use case, or its slug.
    images
        ``"sample"``, a folder, a zip, a file, or several files; by default what `parameters` or the declaration say.
    parameters
        Of the notebook `analyse`; the declared defaults fill in the rest.
    model
        ``"champion"``, ``"demo"`` or the folder of a model bundle; by default what `parameters` or the declaration say.
    person
        Who asks; by default the hub's or the system's user.
    face
        Where it was asked: ``lab``, ``app`` or ``report``.
    runs_root
        Folder of the person's runs; by default :func:`tidelab.paths.runs`.

    Raises
    ------
    RunError
        When the inputs do not exist, no model can be used, or the folder cannot be written.
    tidelab.catalogue.CatalogueError
        When there is no such use case or a parameter has a wrong value; the text says which and what is allowed.
    """
    case = load_catalogue()[use_case] if isinstance(use_case, str) else use_case
    values = dict(parameters or {})
    values |= {
        name: value for name, value in (("images", _plain(images)), ("model", model)) if value is not None
    }
    checked = case.validate_parameters("analyse", values)
    given_values(checked)
    checked_time_zone(checked.get(TIME_ZONE))
    root = (runs_root or paths.runs()).absolute()
    resolved = _resolve(case, str(checked.pop("model", "champion")))
    who, inputs = _person(person), _input_paths(checked.pop("images", SAMPLE))
    checked |= {name: _named_paths(name, checked[name]) for name in case.notebook("analyse").path_parameters}
    request = RunRequest(
        run_id=_new_id(),
        use_case=case.slug,
        use_case_folder=str(case.folder),
        stack=case.stacks.analyse,
        images=inputs,
        parameters=checked,
        model=_choice(resolved, root),
        person=who,
        face=face,
        created=now(),
        policy=case.data_policy.kind,
        ephemeral_hours=case.data_policy.ephemeral_hours,
        usage=usage_context(who, demo=resolved.is_demo or inputs == [SAMPLE]),
    )
    return _make_folder(request, root)


def _make_folder(request: RunRequest, runs_root: Path) -> RunFolder:
    path = runs_root / request.use_case / request.run_id
    content = json_text(request.model_dump())
    if len(content.encode("utf-8", errors="surrogateescape")) > MOST_REQUEST_BYTES:
        raise RunError(
            f"The paths of the {len(request.images)} images are longer together than the {MOST_REQUEST_BYTES // 2**20} MB that a run "
            "keeps of what was asked. Choose the folder instead, or one zip file."
        )
    try:
        with _new_folder(path, runs_root) as folder:
            write_state(folder, RunState(status="queued", step="Waiting to be started", updated=now()))
            if request.policy == "ephemeral":
                mark_ephemeral(folder, request.ephemeral_hours)
            # Last: a folder with a request is complete.
            write_text(folder / REQUEST_FILE, content)
    except OSError as error:
        if acts_for_others() and error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise RunError(
                f"The run cannot be kept: the folder of your runs, or {request.use_case} in it, is a link or no folder. The app writes "
                "only into real folders of your home; move it away, or analyse in JupyterLab."
            ) from None
        raise RunError(
            f"The run cannot be kept in {path.parent}: {error.strerror}. "
            "Free some space or choose another place with TIDELAB_RUNS."
        ) from None
    run = RunFolder(path)
    run.know(request)
    return run


@contextmanager
def _new_folder(path: Path, runs_root: Path) -> Iterator[Path]:
    """Make the folder of a run and give a path to write into it; for another person, one that a link put there meanwhile cannot divert."""
    if not acts_for_others():
        path.mkdir(parents=True, mode=0o700)
        yield path
        return
    with opened(runs_root, *path.relative_to(runs_root).parts, make=True) as handle:
        yield held_path(handle)


def _input_paths(images: str | list[str]) -> list[str]:
    if images == SAMPLE:
        return [SAMPLE]
    return _existing(images, "", "a folder, a zip file, pictures, or the word 'sample'")


def _named_paths(name: str, value: str | list[str]) -> str | list[str]:
    """Return what a parameter names as absolute paths: the process of the run works in another folder."""
    if not value:
        return value
    found = _existing(value, f" (parameter {name})", "a file or a folder")
    return found[0] if isinstance(value, str) else found


def _existing(given: str | list[str], which: str, expected: str) -> list[str]:
    paths_ = [given] if isinstance(given, str) else given
    absolute = [os.path.abspath(os.path.expanduser(path)) for path in paths_]  # noqa: PTH100,PTH111  keeps links
    missing = [path for path in absolute if not os.path.lexists(path)]
    if missing:
        raise RunError(
            f"There is nothing at {display_name(missing[0])}{which}: expected {expected}. Check the path."
        )
    return absolute


def _plain(images: Images | None) -> str | list[str] | None:
    if images is None:
        return None
    if isinstance(images, str | os.PathLike):
        return os.fspath(images)
    return [os.fspath(image) for image in images]


def _resolve(use_case: UseCase, choice: str) -> ResolvedModel:
    try:
        return resolve_model(use_case, choice)
    except ModelError as error:
        raise RunError(str(error)) from None


def _choice(resolved: ResolvedModel, runs_root: Path) -> ModelChoice:
    # The sentence stands above every number, also in what is given away: not with the machine's own folders.
    place = str(resolved.bundle.folder)
    words = resolved.words.replace(place, shown_path(os.path.abspath(place), runs_root))  # noqa: PTH100  keeps links
    return ModelChoice(
        folder=str(resolved.bundle.folder.absolute()),
        digest=resolved.bundle.digest,
        source=resolved.source,
        name=resolved.name,
        version=resolved.version,
        demo=resolved.is_demo,
        words=words,
    )


def _person(person: str | None) -> str:
    name = person or os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    if len(name) > _MAX_PERSON or not name.isprintable():
        raise RunError(f"The person's name must be printable and at most {_MAX_PERSON} characters long.")
    return name


def _new_id() -> str:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    return f"{stamp}Z-{secrets.token_hex(3)}"
