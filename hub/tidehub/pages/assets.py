"""Files of our pages: style and script for everyone, pictures of use cases for people who are signed in."""

from pathlib import Path

from tornado import web

from tidehub.pages.base import TideHandler

MAX_PICTURE_BYTES = 5 * 1024 * 1024
# What a file begins with decides what it is served as; its name does not.
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class AssetHandler(web.StaticFileHandler):
    """Style, script and logo; they hold nothing private."""

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep a file whose address carries its digest."""
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.get_argument("v", ""):
            self.set_header("Cache-Control", "public, max-age=31536000, immutable")


class PictureHandler(TideHandler):
    """The picture of one use case, if it is a PNG or JPEG inside the use case's folder."""

    @web.authenticated
    async def get(self, slug: str) -> None:
        """Serve it."""
        catalogue = self.page.catalogue()
        picture = catalogue[slug].picture_path if slug in catalogue else None
        found = read_picture(picture, catalogue[slug].folder) if picture else None
        if found is None:
            raise web.HTTPError(404, "This use case has no picture.")
        content, media_type = found
        self.set_header("Content-Type", media_type)
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cache-Control", "private, max-age=300")
        self.finish(content)


def read_picture(file: Path, folder: Path) -> tuple[bytes, str] | None:
    """Return a picture's bytes and media type; None for anything that is not a small PNG or JPEG in the folder."""
    try:
        real = file.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            return None
        with real.open("rb") as stream:
            content = stream.read(MAX_PICTURE_BYTES + 1)
    except OSError:
        return None
    if len(content) > MAX_PICTURE_BYTES:
        return None
    media_type = next((kind for start, kind in _SIGNATURES.items() if content.startswith(start)), None)
    return (content, media_type) if media_type else None
