"""What a file is, from its first bytes; its name is only believed to word the message."""

from posixpath import splitext
from typing import Final

from tidelab.runs.failures import InputError

HEAD_BYTES: Final = 64

_READ: Final = (
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("JPEG", b"\xff\xd8\xff"),
    ("TIFF", b"II*\x00"),
    ("TIFF", b"MM\x00*"),
    ("TIFF", b"II+\x00"),
    ("TIFF", b"MM\x00+"),
)
READ_MAGIC: Final = tuple(magic for _, magic in _READ)
"""First bytes of the formats that are read."""

_OTHER_PICTURES: Final = (
    ("GIF picture", b"GIF8"),
    ("BMP picture", b"BM"),
    ("JPEG 2000 picture", b"\x00\x00\x00\x0cjP  "),
    ("JPEG 2000 picture", b"\xff\x4f\xff\x51"),
    ("JPEG XL picture", b"\xff\x0a"),
    ("JPEG XL picture", b"\x00\x00\x00\x0cJXL "),
    ("Photoshop picture", b"8BPS"),
    ("icon", b"\x00\x00\x01\x00"),
    ("DjVu document", b"AT&TFORM"),
    ("OpenEXR picture", b"v/1\x01"),
    ("DICOM image", b"DICM"),
    ("FITS image", b"SIMPLE  ="),
)
_OTHER: Final = (
    ("a PDF document", b"%PDF"),
    ("a zip file or an office document", b"PK\x03\x04"),
    ("a zip file without files", b"PK\x05\x06"),
    ("a gzip archive", b"\x1f\x8b"),
    ("a 7-zip archive", b"7z\xbc\xaf\x27\x1c"),
    ("a RAR archive", b"Rar!"),
    ("an HDF5 file", b"\x89HDF\r\n\x1a\n"),
    ("a program", b"MZ"),
    ("a program", b"\x7fELF"),
    ("a SQLite database", b"SQLite format 3"),
    ("a Matlab file", b"MATLAB "),
    ("a numpy file", b"\x93NUMPY"),
    ("a web page", b"<!DOCTYPE html"),
    ("a web page", b"<html"),
    ("an SVG drawing", b"<svg"),
)
_PICTURE_SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".btf", ".apng"}
_SUFFIXES: Final = {
    "PNG": {".png", ".apng"},
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "TIFF": {".tif", ".tiff", ".btf"},
}


def picture_format(head: bytes, name: str) -> str:
    """Return ``PNG``, ``JPEG`` or ``TIFF``.

    Parameters
    ----------
    head
        The first :data:`HEAD_BYTES` bytes of the file.
    name
        Its name.

    Raises
    ------
    InputError
        Kinds ``empty``, ``other-format``, ``wrong-name`` and ``not-a-picture``.
    """
    if not head:
        raise InputError("empty")
    for name_of_format, magic in _READ:
        if head.startswith(magic):
            return name_of_format
    picture = _other_picture(head)
    if picture:
        raise InputError("other-format", content=picture)
    suffix = splitext(name)[1].lower()
    if suffix in _PICTURE_SUFFIXES:
        raise InputError("wrong-name", suffix=suffix, content=_describe(head))
    raise InputError("not-a-picture", content=_describe(head))


def suffix_note(name: str, picture: str) -> str:
    """Return a sentence when a picture's name tells another format than its content, else nothing."""
    suffix = splitext(name)[1].lower()
    if suffix in _SUFFIXES[picture]:
        return ""
    return f"{name} is a {picture} picture whatever its name says; it is read as {picture}."


def _other_picture(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP picture"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"):
            return "HEIC picture (of a telephone)"
        if brand in (b"avif", b"avis"):
            return "AVIF picture"
    return next((title for title, magic in _OTHER_PICTURES if head.startswith(magic)), "")


def _describe(head: bytes) -> str:
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a video"
    for title, magic in _OTHER:
        if head.lower().startswith(magic.lower()):
            return title
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return "data of an unknown kind"
    return "text" if all(char.isprintable() or char.isspace() for char in text) else "data of an unknown kind"
