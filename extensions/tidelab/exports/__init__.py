"""A run in the formats others take: EcoTaxa, Darwin Core, COCO, iFDO, and a package with citation and methods."""

from typing import Final

from tidelab.exports import coco, darwin_core, ecotaxa, ifdo, package
from tidelab.exports.registry import Export, Exported, ExportError, Progress, not_finished

_FORMATS: Final[tuple[Export, ...]] = (
    ecotaxa.EXPORT,
    darwin_core.EXPORT,
    coco.EXPORT,
    ifdo.EXPORT,
    package.EXPORT,
)

EXPORTS: Final[dict[str, Export]] = {export.name: export for export in _FORMATS}
"""Every format, in the order they are offered. A module that adds one defines ``EXPORT`` and is named in ``_FORMATS``."""

__all__ = ["EXPORTS", "Export", "ExportError", "Exported", "Progress", "not_finished"]
