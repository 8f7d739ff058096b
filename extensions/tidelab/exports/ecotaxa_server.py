"""A server of EcoTaxa, spoken to through its API: sign in, upload a file, start an import, look at the job, list a project's objects.

Source: ``openapi.json`` and ``py/main.py`` of https://github.com/ecotaxa/ecotaxa_back (``/login``, ``/my_files/``, ``/file_import/{project_id}``,
``/jobs/{job_id}/``, ``/jobs/{job_id}/answer``, ``/object_set/{project_id}/query``, ``/acquisitions/search``), read in 2026.

The token travels in a header and nowhere else: it is in no address, no message and no log. It is sent to nobody but this server (no redirect is
followed) and, but for this computer itself, only over HTTPS.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

DEFAULT_URL: Final = "https://ecotaxa.obs-vlfr.fr/api"
_TIMEOUT_S: Final = (10.0, 120.0)
_MOST_BYTES: Final = 256 * 2**20
_STEP: Final = 2**20
_PAGE: Final = 20_000
_PASSING: Final = (408, 429, 500, 502, 503, 504)
"""Answers of a server that is busy, restarts, or stands behind a proxy that cannot reach it now."""
_BROKEN_OFF: Final = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
_HERE: Final = ("localhost", "127.0.0.1", "::1")

Progress = Callable[[int, int], None]


class EcotaxaServerError(Exception):
    """The server could not be reached or refused; the text says what happened and what to do. It never holds the token.

    Parameters
    ----------
    text
        For a person.
    passing
        Whether the same request may succeed a little later: no answer, an answer that broke off, a server that is busy or restarts.
    """

    def __init__(self, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


@dataclass(frozen=True)
class Job:
    """A background job of EcoTaxa.

    Parameters
    ----------
    job_id
        Its number.
    state
        ``P`` waiting, ``R`` running, ``A`` asking, ``E`` ended with errors, ``F`` finished.
    percent, message
        How far it is, in its own words.
    errors
        What went wrong.
    question
        What it asks while it is asking.
    """

    job_id: int
    state: str
    percent: int = 0
    message: str = ""
    errors: tuple[str, ...] = ()
    question: Mapping[str, Any] = field(default_factory=dict)


class EcotaxaServer:
    """One server, spoken to as one person.

    Parameters
    ----------
    url
        Address of the API, e.g. ``https://ecotaxa.obs-vlfr.fr/api``.
    token
        What :meth:`sign_in` gave, or a person copied from EcoTaxa.

    Raises
    ------
    EcotaxaServerError
        When the address is none, or would send the token unencrypted.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = _checked(url)
        self._session = requests.Session()
        if (
            not token
            or not token.isascii()
            or any(char.isspace() or not char.isprintable() for char in token)
        ):
            raise EcotaxaServerError("The token is empty or holds signs that no token has. Copy it again.")
        # With a way to sign in of its own, requests does not look for one in the person's .netrc.
        self._session.auth = _Bearer(token)

    def __repr__(self) -> str:
        return f"EcotaxaServer({self.url!r})"

    @classmethod
    def sign_in(cls, url: str, user: str, password: str) -> "EcotaxaServer":
        """Return the server, spoken to as this user (e-mail address); the password is sent once and not kept."""
        base = _checked(url)
        answer = _send(
            requests.Session(), "POST", f"{base}/login", json={"username": user, "password": password}
        )
        if answer.status_code in (401, 403):
            raise EcotaxaServerError(
                "EcoTaxa does not know this user and password. Try again, or ask EcoTaxa for a new password."
            )
        token = _body(answer, "the sign-in")
        if not isinstance(token, str):
            raise EcotaxaServerError(
                f"{base} answered the sign-in with something else than a token. Is it the address of EcoTaxa's API?"
            )
        return cls(base, token)

    def upload(self, path: Path, progress: Progress | None = None) -> str:
        """Put a file into the person's space on the server; return its path there, for :meth:`start_import`."""
        size = path.stat().st_size
        with path.open("rb") as stream:
            body = _Multipart(path.name, stream, size, progress)
            headers = {"Content-Type": body.content_type, "Content-Length": str(len(body))}
            place = self._ask("POST", "/my_files/", "the upload", data=body, headers=headers)
        if not isinstance(place, str) or not place:
            raise EcotaxaServerError(
                f"{self.url} did not say where it put {path.name}. Nothing was imported; try again later."
            )
        return place

    def start_import(
        self, project: int, source: str, *, skip_existing: bool = False, update: bool = False
    ) -> int:
        """Start an import of an uploaded file; return the number of the job."""
        wish = {
            "source_path": source, "taxo_mappings": {}, "skip_loaded_files": False, "skip_existing_objects": skip_existing,
            "update_mode": "Yes" if update else "",
        }  # fmt: skip
        answer = self._ask("POST", f"/file_import/{project:d}", f"project {project}", json=wish)
        errors = _texts(answer, "errors")
        if errors:
            raise EcotaxaServerError(f"EcoTaxa did not start the import: {' '.join(errors[:5])}")
        job = answer.get("job_id") if isinstance(answer, dict) else None
        if not isinstance(job, int) or job <= 0:
            raise EcotaxaServerError(
                "EcoTaxa started no job and said no reason. Look at your jobs in EcoTaxa before you try again."
            )
        return job

    def job(self, job_id: int) -> Job:
        """Return how far a job is."""
        answer = self._ask("GET", f"/jobs/{job_id:d}/", f"job {job_id}")
        state = answer.get("state") if isinstance(answer, dict) else None
        if state not in ("P", "R", "A", "E", "F"):
            raise EcotaxaServerError(
                f"EcoTaxa says that job {job_id} is in state {str(state)[:20]!r}, which is not known here."
            )
        percent = answer.get("progress_pct")
        question = answer.get("question")
        return Job(
            job_id, state, percent if isinstance(percent, int) else 0, str(answer.get("progress_msg") or "")[:500],
            _texts(answer, "errors"), question if isinstance(question, dict) else {},
        )  # fmt: skip

    def answer(self, job_id: int, users: Mapping[str, int], taxa: Mapping[str, int]) -> None:
        """Answer a job that asks for persons and categories it does not know: name as asked -> number in EcoTaxa."""
        self._ask(
            "POST",
            f"/jobs/{job_id:d}/answer",
            f"job {job_id}",
            json={"users": dict(users), "taxa": dict(taxa)},
        )

    def objects(self, project: int, progress: Progress | None = None) -> dict[str, list[str]]:
        """Return acquisition -> object ids (as their TSV called them) of everything a project holds."""
        names = self._acquisitions(project)
        found: dict[str, list[str]] = {}
        start, total = 0, 1
        while start < total:
            query = {
                "fields": "obj.orig_id",
                "order_field": "obj.objid",
                "window_start": start,
                "window_size": _PAGE,
            }
            answer = self._ask(
                "POST", f"/object_set/{project:d}/query", f"project {project}", params=query, json={}
            )
            try:
                total = int(answer["total_ids"])
                rows = list(zip(answer["acquisition_ids"], answer["details"], strict=True))
                for acquisition, (object_id, *_) in rows:
                    found.setdefault(names.get(int(acquisition), f"#{acquisition}"), []).append(
                        str(object_id)
                    )
            except (KeyError, TypeError, ValueError):
                raise EcotaxaServerError(
                    f"EcoTaxa listed the objects of project {project} in a form that is not known here."
                ) from None
            start += len(rows)
            if progress:
                progress(start, total)
            if not rows and start < total:
                raise EcotaxaServerError(
                    f"EcoTaxa says that project {project} has {total} objects and gave {start} of them. Try again."
                )
        return found

    def _acquisitions(self, project: int) -> dict[int, str]:
        answer = self._ask(
            "GET", "/acquisitions/search", f"project {project}", params={"project_id": f"{project:d}"}
        )
        try:
            return {int(one["acquisid"]): str(one["orig_id"]) for one in answer}
        except (KeyError, TypeError, ValueError):
            raise EcotaxaServerError(
                f"EcoTaxa listed the acquisitions of project {project} in a form that is not known here."
            ) from None

    def _ask(self, method: str, path: str, what: str, **request: Any) -> Any:
        answer = _send(self._session, method, f"{self.url}{path}", **request)
        return _body(answer, what)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Multipart:
    """One file as ``multipart/form-data``, sent as it is read: a zip of two gigabytes is never in memory."""

    def __init__(self, name: str, stream: BinaryIO, size: int, progress: Progress | None) -> None:
        boundary = secrets.token_hex(16)
        safe = name.translate({ord(char): "_" for char in '"\\\r\n'})
        self.content_type = f"multipart/form-data; boundary={boundary}"
        disposition = f'Content-Disposition: form-data; name="file"; filename="{safe}"'
        self._head = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/zip\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._stream, self._size, self._progress = stream, size, progress

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        sent = 0
        while sent < self._size and (block := self._stream.read(min(_STEP, self._size - sent))):
            sent += len(block)
            yield block
            if self._progress:
                self._progress(sent, self._size)
        yield self._tail


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise EcotaxaServerError(
            f"{url[:200]!r} is no address of an API; expected something like {DEFAULT_URL}."
        )
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise EcotaxaServerError(
            f"{parts.hostname} would be spoken to without encryption, and the token with it. Use https://."
        )
    return url.rstrip("/")


def _send(session: requests.Session, method: str, url: str, **request: Any) -> requests.Response:
    host = urlsplit(url).hostname
    try:
        return session.request(method, url, timeout=_TIMEOUT_S, allow_redirects=False, stream=True, **request)
    except requests.exceptions.SSLError:
        raise EcotaxaServerError(
            f"The certificate of {host} is not trusted, so nothing was sent. Check the address."
        ) from None
    except requests.exceptions.Timeout:
        raise EcotaxaServerError(
            f"{host} did not answer in time. Try again later; what was started there goes on.",
            passing=True,
        ) from None
    except requests.exceptions.RequestException as error:
        raise EcotaxaServerError(
            f"{host} cannot be reached ({type(error).__name__}). Check the address and the network.",
            passing=isinstance(error, _BROKEN_OFF),
        ) from None


def _body(answer: requests.Response, what: str) -> Any:
    """Return what was answered, or raise with what the status means."""
    with answer:
        try:
            content = b"".join(_bounded(answer))
        except requests.exceptions.RequestException:
            raise EcotaxaServerError(
                f"The answer about {what} broke off. Try again later.", passing=True
            ) from None
    status = answer.status_code
    if status == 200:
        try:
            return json.loads(content)
        except ValueError:
            raise EcotaxaServerError(
                f"The answer about {what} is no JSON. Is {urlsplit(answer.url).netloc} the address of EcoTaxa's API?"
            ) from None
    raise EcotaxaServerError(_refusal(status, what, _detail(content)), passing=status in _PASSING)


def _bounded(answer: requests.Response) -> Iterator[bytes]:
    size = 0
    for block in answer.iter_content(_STEP):
        size += len(block)
        if size > _MOST_BYTES:
            raise EcotaxaServerError(f"The answer is larger than {_MOST_BYTES // 2**20} MB; it is not read.")
        yield block


def _refusal(status: int, what: str, detail: str) -> str:
    said = f" It says: {detail}" if detail else ""
    if status == 401:
        return f"EcoTaxa does not accept the token (401); tokens end. Sign in again.{said}"
    if status == 403:
        return f"EcoTaxa does not allow this for {what} (403): your account lacks the right, or the token has ended. Ask the project's manager.{said}"
    if status == 404:
        return f"EcoTaxa does not know {what} (404). Check the number and the address.{said}"
    if status == 413:
        return f"EcoTaxa does not take a file of this size (413). Export fewer scans at a time.{said}"
    if status == 422:
        return f"EcoTaxa did not understand the request about {what} (422).{said}"
    if 300 <= status < 400:
        return f"EcoTaxa sends elsewhere ({status}), and a token is not sent after it. Give the address it has now."
    return f"EcoTaxa answered {status} about {what}. Try again later.{said}"


def _detail(content: bytes) -> str:
    try:
        said = json.loads(content[:10_000])
    except ValueError:
        return ""
    detail = said.get("detail") if isinstance(said, dict) else None
    if isinstance(detail, list):
        detail = "; ".join(str(one.get("msg", "")) for one in detail if isinstance(one, dict))
    return "".join(char if char.isprintable() else " " for char in str(detail or ""))[:500]


def _texts(answer: Any, name: str) -> tuple[str, ...]:
    found = answer.get(name) if isinstance(answer, dict) else None
    return tuple(str(one)[:500] for one in found[:1000]) if isinstance(found, list) else ()
