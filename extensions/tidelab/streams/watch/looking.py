"""One picture of a watched folder through the model: read, checked, decoded and named as in a run, and from the run's cache where it is known."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections
from tidelab.runs.cache import ResultCache
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import decode, read_header
from tidelab.runs.inputs.source import FileSource, Payload
from tidelab.runs.inputs.taken import Taken, taken
from tidelab.runs.keys import KeyMaker
from tidelab.runs.limits import Limits
from tidelab.runs.names import display_name
from tidelab.streams.clock import iso
from tidelab.streams.model import StreamModel
from tidelab.streams.watch.journal import Seen

BY_FILE = "file-modified"
"""Where neither name nor EXIF block says the time: when the file was last written, as the disk says it."""


@dataclass(frozen=True)
class Looked:
    """What is known of a picture.

    Parameters
    ----------
    picture_id
        ``sha256:<hex>``.
    picture
        Its name as tables write it.
    taken
        When, by which camera.
    found
        The objects.
    """

    picture_id: str
    picture: str
    taken: Taken
    found: Detections


class Looking:
    """Looks at pictures, one after another.

    Parameters
    ----------
    root
        The watched folder; what leads out of it is refused.
    model
        The detector.
    cache
        Of results of runs.
    keep
        Whether predictions are kept there, so that a later report of the same pictures costs nothing; the cache then grows.
    time_zone
        Of times that have none.
    """

    def __init__(
        self, root: Path, model: StreamModel, cache: ResultCache, *, keep: bool = False, time_zone: str = ""
    ) -> None:
        self._root, self._model, self._cache, self._keep, self._zone = root, model, cache, keep, time_zone
        self._limits = Limits.of(model.use_case)
        # A use case with measures of its own keeps them with its predictions; ours have none, and are other entries.
        changing: dict[str, Any] = {"measures": []} if model.use_case.task.measures else {}
        self._keys = KeyMaker(model.resolved.bundle, model.predictor, changing)

    def read(self, file: Seen) -> Payload:
        """Read a file and its digest; raises `InputError`."""
        path = self._root / file.name
        return FileSource(display_name(file.name), file.name, path, self._root).read(self._limits)

    def look(self, file: Seen, payload: Payload) -> Looked:
        """Find the objects of a picture; raises `InputError`."""
        name, picture_id = display_name(file.name), f"sha256:{payload.digest}"
        told = taken(name, payload, self._zone)
        if not told.time:
            told = Taken(_modified(file), BY_FILE, told.station, told.camera)
        key = self._keys.key(picture_id)
        known = self._cache.get_many([key]).get(key)
        if known is None or known.detections is None:
            header = read_header(payload, self._limits)
            if header.pages > 1:
                raise InputError("too-many-pages", limit=1)
            known_now = self._model.look([DecodedImage(name, picture_id, decode(payload, 0, self._limits))])[
                0
            ]
            if isinstance(known_now, InputError):
                raise known_now
            if self._keep:
                self._cache.put_many({key: known_now})
            known = known_now
        assert known.detections is not None
        return Looked(picture_id, name, told, known.detections)


def _modified(file: Seen) -> str:
    return iso(datetime.datetime.fromtimestamp(file.mtime_ns / 1e9, datetime.UTC), "seconds")
