"""Published weights: find them by DOI, URL or path, fetch them once, prove that they are what was published.

The first fetch is checked against the repository's own checksum; the file's sha256 is remembered and from then on nothing else is
accepted. To pin it for everybody, write the sha256 into ``usecase.yaml``.
"""

import json
import os
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from tidelab import paths
from tidelab.catalogue.model import PublishedModel
from tidelab.training.fetching import Checksum, FetchError, OnProgress, Web, file_digest

RESOLVER: Final = "https://doi.org"
ZENODO: Final = "https://zenodo.org"
_ZENODO_DOI = re.compile(r"^10\.5281/zenodo\.(\d+)$")
_RECORD_PAGE = re.compile(r"^(https?://[^/]+)/records?/(\w[\w-]*)/?$")
_MAX_MEMBER: Final = 4 * 2**30
RECEIPT: Final = "fetched.json"


@dataclass(frozen=True)
class Fetched:
    """Published weights on this machine.

    Parameters
    ----------
    file
        What was published, as it was published.
    weights
        The weights file.
    sha256
        Of the file that was published (the archive, where there is one).
    source
        DOI or URL and sha256, for the model card.
    classes, aphia_ids
        The lists beside them, where the declaration names any.
    first
        Whether it was fetched just now; then the sha256 is worth pinning.
    """

    file: Path
    weights: Path
    sha256: str
    source: str
    classes: Path | None
    aphia_ids: Path | None
    first: bool


@dataclass(frozen=True)
class _Remote:
    url: str
    checksum: Checksum | None
    size: int | None


def fetch(
    model: PublishedModel,
    folder: Path | None = None,
    *,
    web: Web | None = None,
    on_progress: OnProgress = lambda there, total: None,
    resolver: str = RESOLVER,
    zenodo: str = ZENODO,
) -> Fetched:
    """Fetch published weights, or find them where they were fetched before.

    Parameters
    ----------
    model
        The declaration (``model.published`` of a use case).
    folder
        Where weights are kept; default ``~/tidelab/weights``.
    web
        How to fetch; default: https from known hosts.
    on_progress
        Called with bytes there and bytes expected.
    resolver, zenodo
        Base addresses of the DOI resolver and of Zenodo.

    Raises
    ------
    FetchError
        No network, a digest that differs, a refused address, a missing file: each in words.
    """
    home = (folder or Path.home() / "tidelab" / "weights") / paths.safe_name(model.name)
    provided = None if folder else _provided(model)
    file = provided or home / _plain(model.file)
    pinned = model.sha256 or _remembered(file.parent)
    first = not file.exists()
    if first:
        remote = _remote(model, web or Web(), resolver, zenodo)
        checksum = Checksum("sha256", pinned) if pinned else remote.checksum
        if checksum is None:
            raise FetchError(
                f"{model.name}: neither a sha256 nor a checksum of its repository is known, so nobody could tell whether the right file "
                "arrived. Give `sha256` in usecase.yaml, or a DOI of a repository that lists checksums."
            )
        (web or Web()).download(remote.url, file, checksum, remote.size, on_progress)
    if pinned:
        try:
            Checksum("sha256", pinned).check(file)
        except FetchError:
            if provided is None:
                file.unlink()
            raise
    digest = pinned or file_digest(file, "sha256")
    if first:
        receipt = {
            "name": model.name,
            "file": model.file,
            "sha256": digest,
            "source": model.doi or model.url or "",
        }
        (home / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
    source = f"{('https://doi.org/' + model.doi) if model.doi else model.url or file} sha256:{digest}"
    weights, classes, aphia = _members(model, file, home)
    return Fetched(file, weights, digest, source, classes, aphia, first)


def shared_weights() -> Path:
    """Return the folder of published weights in the shared data, which every person may read and an admin fills."""
    return paths.data() / "shared" / "weights"


def _provided(model: PublishedModel) -> Path | None:
    """Return the published file where somebody put it for everybody: in the image (``TIDELAB_WEIGHTS``) or the shared data."""
    places = [Path(place) for place in (os.environ.get("TIDELAB_WEIGHTS"),) if place]
    for place in (*places, shared_weights()):
        file = place / paths.safe_name(model.name) / _plain(model.file)
        if file.is_file():
            return file
    return None


def _remote(model: PublishedModel, web: Web, resolver: str, zenodo: str) -> _Remote:
    """Find URL, checksum and size: from the record of the DOI where the repository is asked, else from the declaration."""
    declared = None
    if model.checksum and model.checksum.startswith("md5:"):
        declared = Checksum("md5", model.checksum.removeprefix("md5:"))
    if model.sha256:
        declared = Checksum("sha256", model.sha256)
    if model.url and declared:
        return _Remote(model.url, declared, None)
    if not model.doi:
        if not model.url:
            raise FetchError(f"{model.name}: neither a DOI nor a URL says where it is.")
        return _Remote(model.url, None, None)
    entry = _entry(model, web.json(_record_url(model.doi, web, resolver, zenodo)))
    listed = str(entry.get("checksum", ""))
    checksum = declared or (
        Checksum("md5", listed.removeprefix("md5:")) if re.fullmatch(r"md5:[0-9a-f]{32}", listed) else None
    )
    links = entry.get("links") or {}
    url = links.get("content") or links.get("self") or links.get("download")
    if not isinstance(url, str):
        raise FetchError(
            f"The record of {model.doi} lists {model.file} without an address to download it from."
        )
    size = entry.get("size")
    return _Remote(url, checksum, size if isinstance(size, int) else None)


def _record_url(doi: str, web: Web, resolver: str, zenodo: str) -> str:
    if found := _ZENODO_DOI.match(doi):
        return f"{zenodo}/api/records/{found[1]}"
    answer = web.json(f"{resolver}/api/handles/{doi}")
    values = answer.get("values", []) if isinstance(answer, dict) else []
    for value in values:
        page = str((value.get("data") or {}).get("value", "")) if value.get("type") == "URL" else ""
        if found := _RECORD_PAGE.match(page):
            return f"{found[1]}/api/records/{found[2]}"
    raise FetchError(
        f"DOI {doi} does not lead to a repository whose file lists can be read (Zenodo and others that run InvenioRDM). "
        "Give the file's `url` and `sha256` in usecase.yaml."
    )


def _entry(model: PublishedModel, record: Any) -> dict[str, Any]:
    files = record.get("files") if isinstance(record, dict) else None
    if isinstance(files, dict):
        entries = files.get("entries", [])
        files = list(entries.values()) if isinstance(entries, dict) else entries
    listed = [entry for entry in files or [] if isinstance(entry, dict)]
    for entry in listed:
        if entry.get("key") == model.file or entry.get("filename") == model.file:
            return entry
    names = ", ".join(str(entry.get("key") or entry.get("filename")) for entry in listed) or "no public file"
    raise FetchError(f"The record of {model.doi} has no file {model.file}; it lists: {names[:300]}.")


def _remembered(home: Path) -> str | None:
    try:
        value = str(json.loads((home / RECEIPT).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if re.fullmatch(r"[0-9a-f]{64}", value) else None


def _members(model: PublishedModel, file: Path, home: Path) -> tuple[Path, Path | None, Path | None]:
    if model.member is None:
        return file, _beside(model.classes_file, file.parent), _beside(model.aphia_ids_file, file.parent)
    return (
        _unpack(file, model.member, home),
        _unpack(file, model.classes_file, home) if model.classes_file else None,
        _unpack(file, model.aphia_ids_file, home) if model.aphia_ids_file else None,
    )


def _beside(name: str | None, home: Path) -> Path | None:
    path = home / _plain(name) if name else None
    return path if path and path.exists() else None


def _unpack(archive: Path, member: str, home: Path) -> Path:
    """Take one member out of a tar or zip file; only its last name is used, so it cannot leave the folder."""
    target = home / "unpacked" / _plain(PurePosixPath(member).name)
    if target.exists() and target.stat().st_mtime >= archive.stat().st_mtime:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened, opened.open(member) as stream:
                _write(stream, target)
        else:
            with tarfile.open(archive) as opened_tar:
                found = opened_tar.extractfile(member)
                if found is None:
                    raise KeyError(member)
                with found as stream:
                    _write(stream, target)
    except KeyError:
        raise FetchError(
            f"{archive.name} holds no file {member}. Correct `member`, `classes_file` or `aphia_ids_file` in usecase.yaml."
        ) from None
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise FetchError(
            f"{archive.name} cannot be unpacked ({type(error).__name__}: {error}). Fetch it again."
        ) from None
    return target


def _write(stream: IO[bytes], target: Path) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as out:
            # Counted while it is unpacked: what an archive says of a size is not believed, and a disk is not filled to find out.
            while block := stream.read(2**20):
                if out.tell() + len(block) > _MAX_MEMBER:
                    raise FetchError(f"{target.name} is larger than {_MAX_MEMBER // 2**30} GB.")
                out.write(block)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _plain(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,199}", name):
        raise FetchError(f"{name!r} is not a plain file name.")
    return name
