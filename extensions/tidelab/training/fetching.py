"""Download one file: resumable, checked, and never half there."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import requests

from tidelab.training.addresses import AddressError, AddressRules, check_peer

MAX_REDIRECTS: Final = 5
MAX_BYTES: Final = 4 * 2**30
TIMEOUT_S: Final = (10, 60)
_BLOCK: Final = 2**16
_MAX_JSON: Final = 8 * 2**20

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes expected (None if unknown)."""


class FetchError(RuntimeError):
    """A download that did not succeed: what failed, what was expected, what to do next."""


@dataclass(frozen=True)
class Checksum:
    """What the file must be: ``algorithm`` is md5 or sha256, ``value`` its hexadecimal digest."""

    algorithm: str
    value: str

    def check(self, path: Path) -> None:
        """Raise `FetchError` unless the file has this digest."""
        actual = file_digest(path, self.algorithm)
        if actual != self.value.lower():
            raise FetchError(
                f"{path.name} is not the file that was published: its {self.algorithm} is {actual}, expected {self.value}. "
                "It was removed. Fetch it again; if this repeats, the file was replaced or tampered with, so ask its publishers."
            )


@dataclass
class Web:
    """Fetches from the web within `rules`; every redirect is checked like the first address.

    Parameters
    ----------
    rules
        Which addresses are allowed.
    """

    rules: AddressRules = field(default_factory=AddressRules.from_environment)

    def json(self, url: str) -> Any:
        """Return a JSON document (at most 8 MB)."""
        with self.get(url, {"Accept": "application/json"}) as answer:
            content = answer.raw.read(_MAX_JSON + 1, decode_content=True)
        try:
            return json.loads(content)
        except ValueError:
            raise FetchError(
                f"{url} did not answer with JSON, as a repository's record does. Check the DOI or give the file's URL."
            ) from None

    def download(
        self, url: str, target: Path, checksum: Checksum, size: int | None, on_progress: OnProgress
    ) -> None:
        """Fetch a file to `target`, going on where an earlier try stopped.

        The partial file is ``<target>.part``; `target` appears only when the checksum agrees.

        Raises
        ------
        FetchError
            No network, an error of the server, a file that is too large, or a checksum that differs.
        """
        part, memory = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        self._receive(url, part, memory, size, on_progress)
        try:
            checksum.check(part)
        except FetchError:
            part.unlink(missing_ok=True)
            memory.unlink(missing_ok=True)
            raise
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
        memory.unlink(missing_ok=True)

    def _receive(self, url: str, part: Path, memory: Path, size: int | None, on_progress: OnProgress) -> None:
        start, headers = part.stat().st_size if part.exists() else 0, {"Accept-Encoding": "identity"}
        tag = _remembered_tag(memory, url)
        if start and size is not None and start == size:
            return
        if start and tag:
            headers |= {"Range": f"bytes={start}-", "If-Range": tag}
        else:
            start = 0  # without a tag nobody knows whether it is still the same file
        with self.get(url, headers) as answer:
            if answer.status_code != 206:
                start = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise FetchError(f"{url} answered with another part of the file than asked for. Try again.")
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdigit() else size
            if (total or 0) > MAX_BYTES:
                raise FetchError(
                    f"{url} is {(total or 0) / 2**30:.1f} GB; at most {MAX_BYTES // 2**30} GB is fetched."
                )
            memory.write_text(json.dumps({"url": url, "tag": _tag(answer)}), encoding="utf-8")
            with part.open("ab" if start else "wb") as stream:
                _copy(answer, stream, start, total, on_progress)

    @contextmanager
    def get(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """Open a URL, following checked redirects; the body is read by the caller."""
        address = url
        with requests.Session() as session:
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._once(session, address, headers)
                if answer.is_redirect:
                    address = urljoin(address, answer.headers["Location"])
                    answer.close()
                    continue
                try:
                    if answer.status_code not in (200, 206):
                        raise FetchError(
                            f"{address} answered {answer.status_code} {answer.reason}. {_advice(answer.status_code)}"
                        )
                    yield answer
                except (requests.RequestException, OSError) as error:
                    raise _offline(address, error) from None
                finally:
                    answer.close()
                return
        raise FetchError(
            f"{url} leads from one address to the next more than {MAX_REDIRECTS} times. Give the file's own URL."
        )

    def _once(self, session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
        try:
            self.rules.check(url)
            answer = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=TIMEOUT_S)
        except AddressError as error:
            raise FetchError(str(error)) from None
        except (requests.RequestException, OSError) as error:
            raise _offline(url, error) from None
        if not self.rules.trusts(url) and not requests.utils.get_environ_proxies(url):
            _check_answering_peer(answer, url)
        return answer


def file_digest(path: Path, algorithm: str) -> str:
    """Return the hexadecimal digest of a file; `algorithm` is md5 or sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _check_answering_peer(answer: requests.Response, url: str) -> None:
    """Compare where the answer really came from: a name may resolve to another address the second time it is asked."""
    connection = getattr(answer.raw, "_connection", None) or getattr(answer.raw, "connection", None)
    peer = getattr(connection, "sock", None)
    if peer is None:
        return  # a short answer without a body: its connection is closed already
    try:
        check_peer(peer.getpeername()[0], url)
    except AddressError as error:
        answer.close()
        raise FetchError(str(error)) from None


def _copy(
    answer: requests.Response, stream: Any, start: int, total: int | None, on_progress: OnProgress
) -> None:
    there = start
    for block in answer.iter_content(_BLOCK):
        stream.write(block)
        there += len(block)
        if there > MAX_BYTES:
            raise FetchError(
                f"{answer.url} is larger than {MAX_BYTES // 2**30} GB; the download was stopped."
            )
        on_progress(there, total)
    if total is not None and there < total:
        raise FetchError(
            f"The connection ended after {there} of {total} bytes. Run it again; it goes on where it stopped."
        )


def _tag(answer: requests.Response) -> str:
    """Return what identifies this version of the file: a strong ETag or the date of its last change."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _remembered_tag(memory: Path, url: str) -> str:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        return str(known["tag"]) if known["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _advice(status: int) -> str:
    if status in (401, 403):
        return "The file is not public; download it yourself, check it, and give its path."
    if status in (404, 410):
        return "There is no such file; check the DOI or URL and the file's name."
    return "The server has a problem; try again later."


def _offline(url: str, error: Exception) -> FetchError:
    return FetchError(
        f"{url} cannot be reached ({type(error).__name__}). Check the network and run it again (it goes on where it stopped), or "
        "download the file elsewhere and give its path."
    )
