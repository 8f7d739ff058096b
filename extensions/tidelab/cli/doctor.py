"""``tidelab doctor``: one line for each thing that must be right, each with a next step where it is not."""

import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from tidelab.cli._output import say

MLFLOW_SECONDS = 3.0
MINIMUM_FREE_GB = 5.0


@dataclass(frozen=True)
class Finding:
    """One line: ``state`` is ok, note (works, but know this) or bad; ``next_step`` says what to do."""

    state: str
    subject: str
    words: str
    next_step: str = ""

    def __str__(self) -> str:
        step = f" -> {self.next_step}" if self.next_step else ""
        return f"{self.state:<4}  {self.subject}: {self.words}{step}"


def doctor() -> None:
    """Say what is not right, and what to do. Exit code 1 when something must be done."""
    findings = []
    for look in (_environments, _catalogue, _models, _mlflow, _places):
        try:
            found = list(look())
        except Exception as error:  # one broken part must not hide the others
            subject = look.__name__.strip("_")
            found = [
                Finding(
                    "bad", subject, f"could not be looked at ({type(error).__name__}: {error})", "report this"
                )
            ]
        for finding in found:
            say(str(finding))
        findings += found
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def _environments() -> Iterator[Finding]:
    from tidelab.environments import load_environments, status

    for environment in load_environments().values():
        state = status(environment)
        if state.ready:
            yield Finding("ok", environment.name, f"environment for {environment.purpose} is installed")
            continue
        # Hub, lab and mlflow come with `make run`; further stacks and tools only when they are wanted.
        words = f"environment for {environment.purpose} is not ready ({state.reason})"
        step = (
            f"tidelab stack install {environment.name}"
            if environment.is_stack
            else "make run installs what it needs"
        )
        yield Finding("bad" if environment.name == "analyse" else "note", environment.name, words, step)


def _catalogue() -> Iterator[Finding]:
    from tidelab.catalogue import load_catalogue

    catalogue = load_catalogue()
    yield Finding(
        "ok" if catalogue else "note",
        "catalogue",
        f"use cases: {', '.join(catalogue) or 'none'}",
    )
    for folder in catalogue.problems:
        yield Finding("bad", "catalogue", f"{folder} cannot be used", f"tidelab check {folder.name}")


def _models() -> Iterator[Finding]:
    from tidelab.catalogue import load_catalogue
    from tidelab.models.errors import ModelError
    from tidelab.models.resolve import resolve_model

    for use_case in load_catalogue().values():
        subject = f"model of {use_case.slug}"
        try:
            model = resolve_model(use_case)
        except ModelError as error:
            yield Finding("bad", subject, str(error))
            continue
        if model.source == "champion":
            yield Finding("ok", subject, f"champion, version {model.version}")
        else:
            yield Finding(
                "note",
                subject,
                "a demonstration model: its numbers mean nothing",
                "retrain, then ask for promotion",
            )


def _mlflow() -> Iterator[Finding]:
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address:
        yield Finding(
            "note",
            "MLflow",
            "not connected here",
            "servers started by the hub are; nothing to do for reports",
        )
        return
    parts = urllib.parse.urlsplit(address)
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
    if parts.scheme not in ("http", "https"):
        yield Finding(
            "note",
            "MLflow",
            f"MLFLOW_TRACKING_URI is not an address of a server ({parts.scheme or 'a path'})",
        )
        return
    request = urllib.request.Request(address.rstrip("/") + "/health")  # noqa: S310 - http(s) only, checked above
    try:
        with urllib.request.urlopen(request, timeout=MLFLOW_SECONDS) as answer:  # noqa: S310
            code = answer.status
    except urllib.error.HTTPError as error:
        code = error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        yield Finding(
            "bad",
            "MLflow",
            f"no answer from {shown} ({reason})",
            "is `make run` running? analyses work without it",
        )
        return
    if code in (200, 401, 403):  # it answers; whether it knows the caller is its own question
        yield Finding("ok", "MLflow", f"answers at {shown}")
    else:
        yield Finding(
            "bad", "MLflow", f"{shown} answers with status {code}", "see the log of the service `mlflow`"
        )


def _places() -> Iterator[Finding]:
    from tidelab import paths

    for subject, place in (("data", paths.data()), ("runs", paths.runs())):
        existing = _existing(place)
        free = shutil.disk_usage(existing).free / 1e9
        words = f"{place}, {free:.0f} GB free"
        if not os.access(existing, os.W_OK):
            yield Finding(
                "bad",
                subject,
                f"{existing} cannot be written",
                "correct its owner, or set another place (docs/reference)",
            )
        elif free < MINIMUM_FREE_GB:
            yield Finding("bad", subject, words, f"make room: runs need {MINIMUM_FREE_GB:.0f} GB to be safe")
        else:
            yield Finding("ok", subject, words)


def _existing(place: Path) -> Path:
    return next(folder for folder in (place, *place.parents) if folder.exists())
