"""The fields of an iFDO header that only a person knows (project, licence, handle ...), in a JSON file beside the images."""

import json
import math
from pathlib import Path
from typing import Any, Final

from tidelab.formats.ifdo import NAMED, REQUIRED_HEADER

HEADER_FILE: Final = "ifdo-header.json"
_MAX_BYTES: Final = 1_000_000
_TEXTS: Final = (
    "image-set-name", "image-set-uuid", "image-set-handle", "image-copyright", "image-abstract", "image-handle",
    "image-coordinate-reference-system",
)  # fmt: skip
_NUMBERS: Final = ("image-altitude-meters", "image-coordinate-uncertainty-meters")


class HeaderError(ValueError):
    """The file cannot be used; the text names it, the field and what was expected."""


def read_header(path: Path) -> dict[str, Any]:
    """Return the header fields of a file, each checked for its type; fields that are optional in iFDO pass as they are.

    ``image-handle`` is the address under which all images can be fetched: each image's handle is that address and its file name.

    Raises
    ------
    HeaderError
        The file is not a JSON object, or a field has another type than iFDO gives it.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise HeaderError(f"{path} has more than {_MAX_BYTES} bytes; a header has a few thousand.")
        if path.is_symlink():
            raise HeaderError(f"{path} is a link; put the file itself there.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HeaderError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, HeaderError):
            raise
        raise HeaderError(
            f"{path} is not JSON ({error}). Expected an object of iFDO header fields."
        ) from None
    if not isinstance(content, dict):
        raise HeaderError(f"{path} holds no JSON object. Expected one of iFDO header fields.")
    fields = content.get("image-set-header", content)
    if not isinstance(fields, dict):
        raise HeaderError(f"{path}: `image-set-header` is no object. Expected one of iFDO header fields.")
    for name, value in fields.items():
        _check(path, name, value)
    try:
        json.dumps(fields, allow_nan=False)
    except ValueError:
        raise HeaderError(
            f"{path} is not JSON: it holds a number that is none (NaN, infinite or too large). Write another, or leave the field out."
        ) from None
    return fields


def _check(path: Path, name: str, value: Any) -> None:
    if not name.startswith("image-"):
        raise HeaderError(
            f"{path}: `{name[:80]}` is no field of iFDO; they begin with image-, e.g. {REQUIRED_HEADER[0]}."
        )
    if name in (
        "image-set-ifdo-version",
        "image-annotation-labels",
        "image-annotation-creators",
        "image-annotations",
    ):
        raise HeaderError(f"{path}: `{name}` is written by the export; leave it out.")
    rule = ""
    if name in _TEXTS and not (isinstance(value, str) and value.strip()):
        rule = "a text"
    elif name in _NUMBERS and not _is_number(value):
        rule = "a number"
    elif name in NAMED and not _is_named(value):
        rule = 'an object with a name, e.g. {"name": "SO268"}'
    elif name == "image-creators" and not (isinstance(value, list) and value and all(map(_is_named, value))):
        rule = 'a list of objects with a name, e.g. [{"name": "Ada Lovelace"}]'
    if rule:
        raise HeaderError(f"{path}: `{name}` is {json.dumps(value)[:80]}; expected {rule}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and bool(value["name"].strip())
