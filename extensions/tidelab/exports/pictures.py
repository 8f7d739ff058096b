"""Originals in a form that other programs open."""

import io
from dataclasses import dataclass

from PIL import Image

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import decode
from tidelab.runs.inputs.source import Payload
from tidelab.runs.limits import Limits
from tidelab.runs.originals import Original


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG file.

    Parameters
    ----------
    content
        Its bytes; empty where there is a problem.
    suffix
        ``.png`` or ``.jpg``.
    converted
        Whether it is not the original's own bytes but its pixels (8 bit RGB, as they were analysed) saved as PNG.
    problem
        Why there is none, in a sentence.
    """

    content: bytes = b""
    suffix: str = ""
    converted: bool = False
    problem: str = ""


def portable(original: Original, limits: Limits | None = None) -> Picture:
    """Return an original as PNG or JPEG: its own bytes where it is one, else its decoded pixels as PNG."""
    if original.problem:
        return Picture(problem=original.problem)
    if original.picture in ("PNG", "JPEG"):
        return Picture(original.content, ".png" if original.picture == "PNG" else ".jpg")
    digest = original.image_id.removeprefix("sha256:").partition("#")[0]
    payload = Payload(original.content, digest, len(original.content), original.picture)
    try:
        pixels = decode(payload, original.page, limits or Limits())
    except InputError as error:
        return Picture(problem=str(error))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return Picture(stream.getvalue(), ".png", converted=True)
