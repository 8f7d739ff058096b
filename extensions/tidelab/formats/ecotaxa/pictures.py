"""Whether EcoTaxa can take a picture: found, opened, small enough, PNG, JPEG or GIF."""

import io
import struct
import warnings
import zlib
from posixpath import basename
from typing import Final

from PIL import Image, UnidentifiedImageError

from tidelab.formats.ecotaxa import rules
from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.faults import shown
from tidelab.formats.ecotaxa.store import Store

MAX_PICTURE_BYTES: Final = 1024 * 2**20
DECODED_PIXELS: Final = 60_000_000
"""Of larger pictures the header is checked and not the pixels, which would take too much memory."""

_OTHERS: Final = (
    (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"BM", "BMP"), (b"RIFF", "WebP"), (b"%PDF", "PDF"), (b"<svg", "SVG"),
)  # fmt: skip


class Pictures:
    """Checks each picture of a bundle once.

    Parameters
    ----------
    store
        The files of the bundle.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[str, str]] = {}
        self._by_name: dict[str, str] = {}

    def wrong(self, path: str, name: str) -> tuple[str, str]:
        """Return the rule that a picture breaks and what is wrong with it, both empty when nothing is.

        Parameters
        ----------
        path
            Where it should be, relative to the bundle; empty when that is nowhere in the bundle.
        name
            What the table says.
        """
        if path not in self._known or not path:
            self._known[path] = self._check(path, name)
        return self._known[path]

    def _check(self, path: str, name: str) -> tuple[str, str]:
        if not path:
            return "image-outside", (
                f"'{shown(name)}' leads out of the bundle; expected a path relative to the table. Put the picture into the bundle."
            )
        if path in self._store.refused:
            return (
                "image-refused",
                f"'{shown(name)}' {self._store.refused[path]}. Put the file itself into the bundle.",
            )
        if path not in self._store.names:
            return "image-missing", self._missing(path, name)
        try:
            content = self._store.read(path, MAX_PICTURE_BYTES)
        except EcotaxaError as error:
            return "image-unreadable", str(error)
        return _decode(content, name)

    def _missing(self, path: str, name: str) -> str:
        if not self._by_name:
            self._by_name = {basename(other).lower(): other for other in sorted(self._store.names)}
        other = self._by_name.get(basename(name.replace("\\", "/")).lower(), "")
        if "\\" in name:
            hint = "Write the path with / between folders."
        elif other.lower() == path.lower():
            hint = f"There is {shown(basename(other))}: small and capital letters differ for EcoTaxa."
        elif other:
            hint = f"There is {shown(other)}: the path must be relative to the folder of the table."
        else:
            hint = "Add the picture or take the line out."
        return f"the picture '{shown(name)}' is not in the bundle. {hint}"


def _decode(content: bytes, name: str) -> tuple[str, str]:
    """Open a picture as EcoTaxa does (``ImageBO.validate_image``): all pixels, PNG, JPEG or GIF only."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures, and of odd tags; the limit here is EcoTaxa's.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=rules.PICTURES) as image:
                width, height = image.size
                if max(width, height) > rules.MAX_SIDE_PX:
                    return "image-too-large", _too_large(name, f"{width} x {height} pixels")
                if width * height <= DECODED_PIXELS:
                    image.load()
        return "", ""
    except Image.DecompressionBombError:
        return "image-too-large", _too_large(name, "more pixels than are opened here")
    except UnidentifiedImageError:
        return "image-unreadable", _unidentified(content, name)
    except MemoryError:
        return "image-unreadable", f"there is not enough memory to open '{shown(name)}'."
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError,
            struct.error, zlib.error, ArithmeticError) as error:  # fmt: skip
        detail = shown(" ".join(str(error).split())) or type(error).__name__
        return "image-unreadable", (
            f"the picture '{shown(name)}' is damaged ({detail}). Copy it again from where it came, or take the line out."
        )


def _too_large(name: str, what: str) -> str:
    side = f"{rules.MAX_SIDE_PX:,}"
    return f"the picture '{shown(name)}' has {what}; EcoTaxa takes at most {side} x {side}. Cut it into smaller pictures."


def _unidentified(content: bytes, name: str) -> str:
    expected = f"expected {', '.join(rules.PICTURES[:-1])} or {rules.PICTURES[-1]}"
    if not content:
        return f"the picture '{shown(name)}' is empty (0 bytes); {expected}. Copy it again, or take the line out."
    if content.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8")):
        return f"the picture '{shown(name)}' is damaged or cut off. Copy it again from where it came, or take the line out."
    other = next((title for magic, title in _OTHERS if content.startswith(magic)), "")
    if other:
        return f"'{shown(name)}' is a {other} file; {expected}. Save it as PNG."
    return (
        f"'{shown(name)}' is no picture that can be opened; {expected}. Copy it again, or take the line out."
    )
