"""Objects of scans as images of a run: each is its vignette, known by the digest of its own grey levels and mask."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from tidelab.runs.failures import InputError
from tidelab.runs.inputs.particles import CutPayload
from tidelab.runs.inputs.pixels import Rgb
from tidelab.runs.inputs.source import Payload, Source
from tidelab.runs.limits import Limits
from zooscan.pictures import rgb
from zooscan.settings import ProcessSettings
from zooscan.store import Store, StoreError, object_id


@dataclass
class ObjectSource:
    """One object of a scan; see `tidelab.runs.inputs.source.Source`.

    Parameters
    ----------
    store
        Of its scan.
    number
        Within the scan.
    """

    store: Store
    number: int
    sides: list[Source] = field(default_factory=list)
    name: str = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        scan = self.store.scan.scan_id
        self.name = self.key = f"{scan}/{object_id(scan, self.number)}.png"

    @property
    def measurements(self) -> Mapping[str, float | str]:
        """Its row of ``objects.csv``, made when it is asked for: the scan holds the numbers already."""
        scan = self.store.scan
        known = {
            "object_id": object_id(scan.scan_id, self.number),
            "scan": scan.scan_id,
            "fraction": scan.fraction,
        }
        features = scan.objects[self.number - 1].features
        return known | {name: math.nan if value is None else value for name, value in features.items()}

    def read(self, limits: Limits) -> Payload:
        """Return the vignette, drawn when its pixels are asked for: a known result costs no drawing."""
        one = self.store.scan.objects[self.number - 1]
        return CutPayload(self.digest(limits), one.width_px * one.height_px, self.pixels)

    def digest(self, limits: Limits) -> str:
        """Return what stands for the object (`zooscan.store.object_digest`)."""
        return self.store.digests[self.number - 1]

    def content(self, count: int) -> bytes:
        """Return the first bytes of the vignette as PNG."""
        stream = io.BytesIO()
        Image.fromarray(self.pixels()).save(stream, "PNG")
        return stream.getvalue()[:count]

    def pixels(self) -> Rgb:
        """Return the vignette; raises `InputError`."""
        try:
            crop, mask = self.store.pixels(self.number)
        except StoreError as error:
            raise InputError("unreadable", detail=str(error)) from None
        return rgb(crop, mask, ProcessSettings(**self.store.scan.settings))
