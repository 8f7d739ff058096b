"""What annotations are read from (one file, a folder, a zip), and the sizes of the pictures beside them."""

import warnings
from io import BytesIO
from pathlib import Path
from posixpath import basename, splitext
from typing import Final

from PIL import Image

from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.model import MAX_NAME
from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.store import FolderStore, Store, ZipStore, open_store

MAX_BYTES: Final = 512 * 2**20
"""Of one file of annotations."""

PICTURE_ENDINGS: Final = frozenset((
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".avif", ".heic", ".dng", ".pfm", ".mpo",
))  # fmt: skip
_ORIENTATION: Final = 0x0112
_ZIP_PICTURE_BYTES: Final = 256 * 2**20


class Source:
    """The files of one set of annotations.

    Parameters
    ----------
    path
        A file, a folder or a zip.
    images
        Folder of the pictures; by default they are looked for beside the annotations.

    Attributes
    ----------
    chosen
        Where `path` is a YAML file: its name; the source is then its folder.
    names
        Paths of the files, ``/`` between folders, in order.
    given
        Whether a folder of pictures was given.

    Raises
    ------
    AnnotationError
        When there is nothing at one of the paths.
    """

    def __init__(self, path: Path, images: Path | None = None) -> None:
        self.path = path
        self.chosen = path.name if path.suffix.lower() in (".yaml", ".yml") and path.is_file() else ""
        root = path.parent if self.chosen else path
        self.is_file = root.is_file() and root.suffix.lower() != ".zip"
        self.given = images is not None
        self._root = root
        self._store: Store | None = None if self.is_file else _open(root)
        self.names: tuple[str, ...] = (
            (path.name,) if self._store is None else tuple(sorted(self._store.names))
        )
        self.pictures = self._pictures(images)

    def _pictures(self, images: Path | None) -> "Pictures":
        if images is not None:
            if not images.is_dir():
                raise AnnotationError(
                    f"There is no folder of pictures at {images}. Check the path given with --images."
                )
            store = _open(images)
            return Pictures(images, store, _picture_names(store))
        if self._store is None:
            return Pictures(self.path.parent, None, None)
        root = self._root if isinstance(self._store, FolderStore) else None
        return Pictures(root, self._store, _picture_names(self._store))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises `AnnotationError` when it cannot be read or is too large."""
        try:
            if self._store is not None:
                return self._store.read(name, MAX_BYTES)
            with self.path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except EcotaxaError as error:
            raise AnnotationError(str(error)) from None
        except OSError as error:
            raise AnnotationError(f"{self.path} cannot be read: {error.strerror}.") from None
        if len(content) > MAX_BYTES:
            raise AnnotationError(f"{name} is larger than {MAX_BYTES // 2**20} MB, which is the limit here.")
        return content

    def head(self, name: str, length: int) -> bytes:
        """Return the beginning of a file; of a zip the whole file has to be unpacked for that."""
        if isinstance(self._store, ZipStore):
            return self.read(name)[:length]
        try:
            with (self.path if self._store is None else self._root / name).open("rb") as stream:
                return stream.read(length)
        except OSError as error:
            raise AnnotationError(f"{name} cannot be read: {error.strerror}.") from None

    def text(self, name: str) -> str:
        """Return a file as text: UTF-8, else Windows-1252 (which the tables of some programs are written in)."""
        content = self.read(name)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("cp1252", errors="replace")

    def ending_in(self, *endings: str) -> list[str]:
        """Return the files whose name ends so, whatever the case, in order; what hidden folders hold is passed over."""
        return [
            name
            for name in self.names
            if name.lower().endswith(endings)
            and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
        ]

    def close(self) -> None:
        """Close what is open."""
        if self._store is not None:
            self._store.close()


class Pictures:
    """Finds pictures by the names that annotations give them.

    A picture is found by its path; where there is none there, by the end of its path when only one picture ends so.
    """

    def __init__(self, root: Path | None, store: Store | None, names: frozenset[str] | None) -> None:
        self._root, self._store, self._names = root, store, names
        self._by_base: dict[str, list[str]] = {}
        for name in sorted(names or ()):
            self._by_base.setdefault(basename(name), []).append(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of all pictures, in order; none where only a file of annotations was given."""
        return tuple(sorted(self._names or ()))

    def find(self, file_name: str) -> str:
        """Return the path of a picture below the folder, empty where there is none."""
        if self._names is None:
            return next((one for one in (file_name, f"images/{file_name}") if self._is_file(one)), "")
        if file_name in self._names:
            return file_name
        candidates = self._by_base.get(basename(file_name), [])
        if len(candidates) > 1:
            candidates = [one for one in candidates if one.endswith(f"/{file_name}")]
        return candidates[0] if len(candidates) == 1 else ""

    def path(self, file_name: str) -> Path | None:
        """Return where a picture is on the disk; None where it is not there, or in a zip."""
        name = self.find(file_name)
        return self._root / name if name and self._root is not None else None

    def size(self, file_name: str) -> tuple[int, int] | None:
        """Return width and height of a picture as it is shown (EXIF orientation applied); None where it cannot be opened."""
        name = self.find(file_name)
        if not name:
            return None
        path = self.path(file_name)
        try:
            if path is None and self._store is not None:
                return picture_size(BytesIO(self._store.read(name, _ZIP_PICTURE_BYTES)))
            return None if path is None else picture_size(path)
        except (EcotaxaError, AnnotationError):
            return None

    def _is_file(self, name: str) -> bool:
        try:
            return self._root is not None and (self._root / name).is_file()
        except OSError:
            return False


def picture_size(file: Path | BytesIO) -> tuple[int, int]:
    """Return width and height of a picture, EXIF orientation applied; only its head is read.

    Raises
    ------
    AnnotationError
        When it is no picture that can be opened.
    """
    try:
        with warnings.catch_warnings():
            # Nothing is decoded here: a very large picture is no danger.
            warnings.simplefilter("ignore")
            with Image.open(file) as picture:
                width, height = picture.size
                swapped = _orientation(picture) in (5, 6, 7, 8)
    except Exception as error:
        # Pillow's decoders raise nearly anything on damaged files.
        raise AnnotationError(
            f"{getattr(file, 'name', 'A picture')} cannot be opened: {shown(error)}"
        ) from None
    return (height, width) if swapped else (width, height)


def _orientation(picture: Image.Image) -> object:
    if picture.format == "TIFF":
        return 1  # Pillow tells the size as it is shown
    if picture.format != "PNG":
        return picture.getexif().get(_ORIENTATION)
    # Pillow decodes a whole PNG to look for EXIF behind the pixels; cameras and programs put it before them.
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    return exif.get(_ORIENTATION)


def safe_name(name: str) -> tuple[str, bool]:
    """Return a picture's name as a path below a folder, and whether that is another one than was written.

    Backslashes become ``/``; a drive, a root and everything up to the last ``..`` are left away, so that no name leads out of a folder.

    Raises
    ------
    ValueError
        When nothing is left, or the name is too long.
    """
    if len(name) > MAX_NAME:
        raise ValueError(f"file name: {len(name)} characters, expected at most {MAX_NAME}")
    written = name.strip()
    path = written.replace("\\", "/")
    if path[1:2] == ":":
        path = path[2:]
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for number in range(len(parts) - 1, -1, -1):
        if parts[number] == "..":
            parts = parts[number + 1 :]
            break
    if not parts:
        raise ValueError(f"file name: {shown(name)!r} names no file")
    return "/".join(parts), "/".join(parts) != written.removeprefix("./")


def is_picture(name: str) -> bool:
    """Return whether a file's name ends like a picture's."""
    return splitext(name)[1].lower() in PICTURE_ENDINGS


def _picture_names(store: Store) -> frozenset[str]:
    # A link to a picture is followed: folders for training are often made of them. It is opened as a picture and nothing else.
    links = (
        name
        for name, reason in store.refused.items()
        if reason == "is a link" and isinstance(store, FolderStore)
    )
    return frozenset(name for name in (*store.names, *links) if is_picture(name))


def _open(path: Path) -> Store:
    if not path.exists():
        raise AnnotationError(
            f"There is nothing at {path}: expected a file, a folder or a zip. Check the path."
        )
    try:
        return open_store(path)
    except EcotaxaError as error:
        raise AnnotationError(str(error)) from None
