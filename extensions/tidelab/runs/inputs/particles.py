"""Particles cut out of the collages of a FlowCam run: each is an image of its own.

What is read is the collage and the rectangle, so their digest is the identity of the image: sha256 over the name of the rule
(:data:`RULE`), the sha256 of the collage's bytes and the rectangle. Equal bytes and an equal rectangle give equal pixels, whatever the list
or the collage are called, and a cached result stays right. The pixels are those of the collage as it is decoded for any picture; neither the
binary mask nor the calibration image is applied.
"""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from PIL import Image

from tidelab.formats.flowcam import Particle
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import Header, decode, read_header
from tidelab.runs.inputs.pixels import Rgb
from tidelab.runs.inputs.source import Payload, Source
from tidelab.runs.limits import Limits

RULE: Final = "tidelab.flowcam-particle:1"
"""Enters the digest of every particle; raised when the same collage and rectangle would give other pixels."""

_OPEN_COLLAGES: Final = 2


class Collages:
    """The collages that are decoded now: the last few, for particles come in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Rgb] = OrderedDict()

    def pixels(self, key: str, load: Callable[[], Rgb]) -> Rgb:
        """Return the pixels of a collage, decoding it when it is not among the last ones."""
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
            # Within the lock: two threads that ask for the same collage must not decode it twice.
            while len(self._open) >= _OPEN_COLLAGES:
                self._open.popitem(last=False)
            self._open[key] = load()
            return self._open[key]


@dataclass
class CollageSource:
    """One collage, read for the particles in it; hashed and measured once."""

    name: str
    key: str
    source: Source | None
    collages: Collages
    sides: list[Source] = field(default_factory=list)
    _known: tuple[str, tuple[int, int]] | InputError | None = None

    def read(self, limits: Limits) -> Payload:
        """Read the collage itself; raises `InputError`."""
        if self.source is None:
            raise InputError("collage-missing", collage=self.name)
        try:
            return self.source.read(limits)
        except InputError as error:
            raise self._unusable(error) from None

    def digest(self, limits: Limits) -> str:
        """Return the sha256 of the collage; raises `InputError`."""
        return self.measured(limits)[0]

    def content(self, count: int) -> bytes:
        """Return the first bytes; raises `InputError`."""
        if self.source is None:
            raise InputError("collage-missing", collage=self.name)
        return self.source.content(count)

    def measured(self, limits: Limits) -> tuple[str, tuple[int, int]]:
        """Return sha256 and (width, height); raises the same `InputError` for each particle of a collage that cannot be used."""
        if self._known is None:
            try:
                self._known = self._measure(limits)
            except InputError as error:
                self._known = error
        if isinstance(self._known, InputError):
            raise InputError(self._known.kind, **self._known.facts)
        return self._known

    def pixels(self, limits: Limits) -> Rgb:
        """Return the decoded collage; raises `InputError`."""

        def load() -> Rgb:
            digest, _ = self.measured(
                limits
            )  # also what went wrong the first time: nothing is decoded in vain twice
            payload = self.read(limits)
            try:
                if payload.digest != digest:
                    raise InputError("changed")
                return decode(payload, 0, limits)
            except InputError as error:
                self._known = error if error.kind == "changed" else self._unusable(error)
                raise self._known from None
            finally:
                payload.close()

        return self.collages.pixels(self.key, load)

    def _measure(self, limits: Limits) -> tuple[str, tuple[int, int]]:
        payload = self.read(limits)
        try:
            header: Header = read_header(payload, limits)
            if header.pages != 1:
                raise InputError("damaged", detail=f"it has {header.pages} pages, a collage has one")
            with Image.open(payload.open(), formats=("PNG", "JPEG", "TIFF")) as image:
                return payload.digest, image.size
        except InputError as error:
            raise self._unusable(error) from None
        except OSError:
            raise self._unusable(InputError("damaged", detail="its header is not readable")) from None
        finally:
            payload.close()

    def unfit(self, detail: str) -> InputError:
        """Return the failure of a collage that was decoded and does not fit its list."""
        return InputError("collage-unusable", collage=self.name, detail=detail)

    def _unusable(self, error: InputError) -> InputError:
        return InputError("collage-unusable", collage=self.name, detail=str(error).rstrip("."))


class CutPayload(Payload):
    """A particle that is cut out, and written as PNG, when it is first asked for: known results cost no decoding.

    Parameters
    ----------
    digest, size
        Of the particle: see :func:`particle_digest`, and its pixels.
    cut
        Returns its pixels; may raise `InputError`, which then comes out of ``content`` and ``open``.
    """

    def __init__(self, digest: str, size: int, cut: Callable[[], Rgb]) -> None:
        self._cut: Callable[[], Rgb] | None = cut
        self._png = b""
        super().__init__(b"", digest, size, "PNG")

    @property
    def content(self) -> bytes | BinaryIO:
        """The particle as PNG."""
        if not self._png and self._cut:
            stream = io.BytesIO()
            Image.fromarray(self._cut()).save(stream, "PNG", compress_level=1)
            self._png = stream.getvalue()
        return self._png

    @content.setter
    def content(self, value: bytes | BinaryIO) -> None:
        assert value == b""  # only to release it

    def close(self) -> None:
        """See :meth:`Payload.close`."""
        self._cut, self._png = None, b""


@dataclass
class ParticleSource:
    """One particle of a FlowCam run.

    Parameters
    ----------
    name, key
        ``<run>/<id>``.
    collage
        Where it lies; also the one file that belongs to it.
    particle
        Its rectangle.
    """

    name: str
    key: str
    collage: CollageSource
    particle: Particle
    sides: list[Source] = field(init=False)

    def __post_init__(self) -> None:
        # With the digest of its collage in inputs.csv anyone can make the digest of the particle again.
        self.sides = [self.collage]

    def read(self, limits: Limits) -> Payload:
        """See :meth:`Source.read`; the particle's pixels are cut out when they are needed."""
        digest, (width, height) = self.collage.measured(limits)
        one = self.particle
        if one.x + one.width > width or one.y + one.height > height:
            raise InputError(
                "particle-outside", left=one.x, top=one.y, width=one.width, height=one.height,
                collage=self.collage.name, collage_width=width, collage_height=height,
            )  # fmt: skip
        return CutPayload(particle_digest(digest, one), one.width * one.height, lambda: self._cut(limits))

    def digest(self, limits: Limits) -> str:
        """Return the digest of the particle, see the head of this module; raises `InputError`."""
        return particle_digest(self.collage.digest(limits), self.particle)

    def content(self, count: int) -> bytes:
        """Return the first bytes of the collage; raises `InputError`."""
        return self.collage.content(count)

    def _cut(self, limits: Limits) -> Rgb:
        one = self.particle
        whole = self.collage.pixels(limits)
        cut = whole[one.y : one.y + one.height, one.x : one.x + one.width]
        if cut.shape[:2] != (one.height, one.width):  # a collage that says of itself that it is stored turned
            raise self.collage.unfit("its pixels do not have the size its header says")
        return cut.copy()


def particle_digest(collage: str, particle: Particle) -> str:
    """Return the digest that stands for one particle.

    Parameters
    ----------
    collage
        sha256 of the collage's bytes, hexadecimal.
    particle
        Its rectangle.
    """
    rectangle = f"{particle.x},{particle.y},{particle.width},{particle.height}"
    return hashlib.sha256(f"{RULE}\n{collage}\n{rectangle}".encode()).hexdigest()
