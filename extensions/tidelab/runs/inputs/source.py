"""One file that may be an image: read once, hashed while it is read, never trusted."""

import errno
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.sniff import HEAD_BYTES, picture_format
from tidelab.runs.limits import Limits

KEEP_IN_MEMORY: Final = 16 * 2**20
"""Larger files wait for their turn on the disk instead of in memory."""

_STEP: Final = 2**20


@dataclass
class Payload:
    """The bytes of one picture: in memory when they are few, else in a file.

    Parameters
    ----------
    content
        The bytes, or a seekable file that holds them.
    digest
        sha256 of all bytes, hexadecimal.
    size
        Bytes.
    picture
        ``PNG``, ``JPEG`` or ``TIFF``.
    """

    content: bytes | BinaryIO
    digest: str
    size: int
    picture: str

    def open(self) -> BinaryIO:
        """Return the bytes from their beginning, for a reader that closes them; readers do not disturb one another."""
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        handle = self.content.fileno()
        try:
            # Opened anew: a duplicate would share its position with every other reader, and two pages of a file are decoded at
            # the same time.
            return os.fdopen(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC), "rb")
        except OSError:
            return io.BytesIO(os.pread(handle, self.size, 0))  # no /proc

    def share(self) -> "Payload":
        """Return the same bytes for another owner, who closes it for itself."""
        content = self.content
        if not isinstance(content, bytes):
            content = os.fdopen(os.dup(content.fileno()), "rb")
        return Payload(content, self.digest, self.size, self.picture)

    def close(self) -> None:
        """Release memory and file."""
        if not isinstance(self.content, bytes):
            self.content.close()
        self.content = b""


class Source(Protocol):
    """Where one picture comes from."""

    name: str
    """Display name, relative to the input."""
    key: str
    """Raw relative path: identifies the file within the input."""
    sides: "list[Source]"
    """Other files of the same stem, which belong to the image."""

    def read(self, limits: Limits) -> Payload:
        """Read, check and hash the picture; raises `InputError`."""
        ...

    def digest(self, limits: Limits) -> str:
        """Hash the bytes whatever they are; raises `InputError`."""
        ...

    def content(self, count: int) -> bytes:
        """Return the first `count` bytes; raises `InputError`."""
        ...


@dataclass
class FileSource:
    """A file on a disk.

    Parameters
    ----------
    name, key
        See :class:`Source`.
    path
        Where it is, links resolved.
    root
        Real path of the folder that it must not leave, even if a link is put in its way while the run goes on.
    """

    name: str
    key: str
    path: Path
    root: Path
    sides: list[Source] = field(default_factory=list)

    def read(self, limits: Limits) -> Payload:
        """See :meth:`Source.read`."""
        stream = self._opened()
        try:
            before = os.fstat(stream.fileno())
            payload = read_picture(stream, self.key, limits, reusable=True)
            after = os.fstat(stream.fileno())
            if (before.st_size, before.st_mtime_ns, payload.size) != (
                after.st_size,
                after.st_mtime_ns,
                after.st_size,
            ):
                raise InputError("changed")
            if payload.content is not stream:
                stream.close()
            return payload
        except BaseException:
            stream.close()
            raise

    def digest(self, limits: Limits) -> str:
        """See :meth:`Source.digest`."""
        with self._opened() as stream:
            return digest_of(stream, limits)

    def content(self, count: int) -> bytes:
        """See :meth:`Source.content`."""
        with self._opened() as stream:
            try:
                return _read_exactly(stream, count)
            except OSError as error:
                raise os_failure(error) from None

    def _opened(self) -> BinaryIO:
        # Never blocks on a pipe, never follows a last link, and looks where it really landed.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags)
        except OSError as error:
            raise os_failure(error) from None
        stream = os.fdopen(handle, "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            stream.close()
            raise InputError("not-a-file", content="pipe, socket or device")
        try:
            landed = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115  a Path costs ten times as much
        except OSError:
            landed = str(self.path)  # no /proc: the last link is refused all the same
        if not landed.startswith(f"{self.root}{'' if str(self.root) == os.sep else os.sep}"):
            stream.close()
            raise InputError("link-outside")
        return stream


def os_failure(error: OSError) -> InputError:
    """Return the failed-file kind for what the operating system says; a full disk is raised, it is no file's fault."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise error
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError("vanished")
    if isinstance(error, PermissionError):
        return InputError("permission")
    if error.errno == errno.ELOOP:  # a link was put where a file was
        return InputError("link-outside")
    return InputError("unreadable", detail=error.strerror or type(error).__name__)


def read_picture(
    stream: BinaryIO,
    name: str,
    limits: Limits,
    *,
    reusable: bool = False,
    watch: Callable[[int], None] | None = None,
) -> Payload:
    """Read a stream to its end as a picture.

    Parameters
    ----------
    stream
        At its beginning; read once, in order.
    name
        For the words of a message only.
    limits
        `file_mb` ends the reading.
    reusable
        Whether the stream is a real file that a large payload may keep, instead of a copy of it.
    watch
        Called with the bytes read so far; may raise `InputError`.
    """
    try:
        head = _read_exactly(stream, HEAD_BYTES)
        picture = picture_format(head, name)
        hasher, size, parts = hashlib.sha256(head), len(head), [head]
        copy: BinaryIO | None = None
        while block := stream.read(_STEP):
            size += len(block)
            if size > limits.file_mb * 2**20:
                raise InputError("too-large", limit_mb=limits.file_mb)
            if watch:
                watch(size)
            hasher.update(block)
            if size <= KEEP_IN_MEMORY:
                parts.append(block)
            elif not reusable:
                copy = copy or _moved_to_disk(parts)
                copy.write(block)
    except OSError as error:
        raise os_failure(error) from None
    if copy:
        copy.flush()
    content = b"".join(parts) if size <= KEEP_IN_MEMORY else copy or stream
    return Payload(content, hasher.hexdigest(), size, picture)


def _moved_to_disk(parts: list[bytes]) -> BinaryIO:
    copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  owned by the payload
    copy.writelines(parts)
    parts.clear()
    return copy


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    parts = b""
    while len(parts) < count and (block := stream.read(count - len(parts))):
        parts += block
    return parts


def digest_of(stream: BinaryIO, limits: Limits, watch: Callable[[int], None] | None = None) -> str:
    """Return the sha256 of a stream; raises `InputError` beyond `file_mb`, and what `watch` raises."""
    hasher, size = hashlib.sha256(), 0
    try:
        while block := stream.read(_STEP):
            size += len(block)
            if size > limits.file_mb * 2**20:
                raise InputError("too-large", limit_mb=limits.file_mb)
            if watch:
                watch(size)
            hasher.update(block)
    except OSError as error:
        raise os_failure(error) from None
    return hasher.hexdigest()
