"""How much one run takes: what protects a computer from one file, one zip or one folder."""

from dataclasses import dataclass

from tidelab.catalogue import UseCase


@dataclass(frozen=True)
class Limits:
    """Limits of one run.

    Parameters
    ----------
    images
        Files that may be images, in one run.
    megapixels
        Of one image, read from its header before any pixel is decoded.
    file_mb
        Of one file, and of one file inside a zip, unpacked.
    zip_mb
        Of everything in one zip file, unpacked; counted while unpacking, never believed from its headers.
    zip_files
        Entries of one zip file.
    zip_ratio
        Unpacked over packed size of one entry above 16 MB; deflate itself cannot exceed about 1030.
    pages
        Of one TIFF file.
    """

    images: int = 20_000
    megapixels: int = 200
    file_mb: int = 1024
    zip_mb: int = 16_384
    zip_files: int = 100_000
    zip_ratio: int = 200
    pages: int = 1000

    @classmethod
    def of(cls, use_case: UseCase) -> "Limits":
        """Return the limits that a use case declares, with the defaults for the rest."""
        return cls(images=use_case.app.limits.images) if use_case.app else cls()
