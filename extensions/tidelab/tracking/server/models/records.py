"""What the service keeps: requests, each with the reviewed copy of its bundle, and an append-only log of decisions."""

import datetime
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidelab.domain.decision import Decision

from .errors import RefusedError

Status = Literal["pending", "confirmed", "declined", "withdrawn"]
LOCK_SECONDS = 120.0
_ID = re.compile(r"[0-9a-f]{16}")


class PromotionRequest(BaseModel):
    """One person's wish that a version becomes the champion."""

    model_config = ConfigDict(extra="forbid")

    id: str
    use_case: str
    registered_model: str = Field(description="The person's own registered model")
    version: str
    digest: str = Field(
        description="Digest of the bundle as it was reviewed; only these bytes can be confirmed"
    )
    note: str
    asked_by: str = Field(description="Hub user")
    asked_at: str
    warnings: list[str] = Field(
        default_factory=list, description="What a maintainer must have read before confirming"
    )
    decision: Decision | None = Field(
        None, description="The comparison with the champion that its author's notebook made"
    )
    status: Status = "pending"
    decided_by: str = ""
    decided_at: str = ""
    reason: str = Field("", description="Why it was confirmed or declined")
    champion_version: str = Field("", description="Version of the protected model that it became")


class Records:
    """Files below one folder: ``requests/<id>/request.json``, ``requests/<id>/bundle/``, ``audit.jsonl``, ``lock``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests = folder / "requests"
        self.requests.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    def new_folder(self) -> tuple[str, Path]:
        """Make the folder of a new request and return its id and path."""
        identifier = secrets.token_hex(8)
        place = self.requests / identifier
        place.mkdir()
        return identifier, place

    def discard(self, identifier: str) -> None:
        """Remove the folder of a request that was refused."""
        shutil.rmtree(self.requests / identifier, ignore_errors=True)

    def bundle(self, identifier: str) -> Path:
        """Return where the reviewed copy of a request's bundle lies."""
        return self.requests / identifier / "bundle"

    def save(self, request: PromotionRequest) -> None:
        """Write a request, replacing it in one step; a decided one gives up its copy of the bundle."""
        place = self.requests / request.id
        replace_durably(place / "request.json", request.model_dump_json(indent=2).encode())
        if request.status != "pending":
            shutil.rmtree(place / "bundle", ignore_errors=True)

    def get(self, identifier: str) -> PromotionRequest:
        """Return a request; raises ``RefusedError`` (404) if there is none."""
        path = self.requests / identifier / "request.json"
        try:
            if _ID.fullmatch(identifier):
                return PromotionRequest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            pass
        raise RefusedError(
            "There is no such request. The list on the models page shows those there are.", 404
        )

    def all(self) -> list[PromotionRequest]:
        """Return all requests, newest first; folders of requests that were never finished are left out."""
        found = []
        for path in self.requests.glob("*/request.json"):
            try:
                found.append(PromotionRequest.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                continue
        return sorted(found, key=lambda request: (request.asked_at, request.id), reverse=True)

    def remove_unfinished(self, older_than_seconds: float = 3600.0) -> None:
        """Remove folders of requests whose asking was interrupted."""
        for place in self.requests.iterdir():
            unfinished = not (place / "request.json").exists()
            if unfinished and time.time() - place.stat().st_mtime > older_than_seconds:
                shutil.rmtree(place, ignore_errors=True)

    def audit(self, who: str, what: str, **details: str) -> None:
        """Append one line to the log of decisions and wait until it is on the disk."""
        line = json.dumps({"at": now(), "who": who, "what": what, **details}, ensure_ascii=False) + "\n"
        handle = os.open(self.folder / "audit.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def history(self, use_case: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
        """Return the last decisions, newest first. A line cut off by a crash is left out."""
        path = self.folder / "audit.jsonl"
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        entries = []
        for line in reversed(lines):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if use_case is None or entry.get("use_case") == use_case:
                entries.append(entry)
            if len(entries) == limit:
                break
        return entries

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one decision happen at a time, across threads and processes; the kernel frees it when a process dies."""
        with (self.folder / "lock").open("w") as file:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise RefusedError(
                            "Another promotion is still in progress. Nothing was changed; try again in a few minutes.",
                            409,
                        ) from None
                    time.sleep(0.05)
            yield


def now() -> str:
    """Return the time as ISO 8601 UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def replace_durably(path: Path, content: bytes) -> None:
    """Replace a file in one step that survives a crash: readers see the old or the new content, never less."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
