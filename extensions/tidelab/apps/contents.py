"""What Voila may read: the notebooks of the apps and nothing else. There is no folder behind it to walk out of."""

from datetime import UTC, datetime
from typing import Any

from jupyter_server.services.contents.manager import ContentsManager
from tornado.web import HTTPError

from tidelab.apps.shown import App, app_notebook, load_apps


class AppContents(ContentsManager):
    """Read-only contents: ``<slug>/<notebook>``, as the catalogue declares them at this moment."""

    def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,
        format: str | None = None,
        require_hash: bool = False,
    ) -> dict[str, Any]:
        """Return the notebook of an app; 404 for everything else."""
        app = self._app(path)
        if app is None or type not in (None, "notebook"):
            raise HTTPError(404, "There is no such app.")
        now = datetime.now(UTC)
        return {
            "name": path.rsplit("/", 1)[-1], "path": path.strip("/"), "type": "notebook", "mimetype": None,
            "writable": False, "created": now, "last_modified": now,
            "content": app_notebook(app) if content else None, "format": "json" if content else None,
        }  # fmt: skip

    def file_exists(self, path: str = "") -> bool:
        """Return whether an app has this path. Images in a notebook's text are not looked up on the disk."""
        return self._app(path) is not None

    def dir_exists(self, path: str) -> bool:
        """Return whether this is the top; there are no folders."""
        return path.strip("/") == ""

    def is_hidden(self, path: str) -> bool:
        """Return False: nothing is hidden, what is not an app does not exist."""
        return False

    def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Refuse."""
        raise HTTPError(403, "Apps are read only.")

    def delete_file(self, path: str) -> None:
        """Refuse."""
        raise HTTPError(403, "Apps are read only.")

    def rename_file(self, old_path: str, new_path: str) -> None:
        """Refuse."""
        raise HTTPError(403, "Apps are read only.")

    @staticmethod
    def _app(path: str) -> App | None:
        slug = path.strip("/").partition("/")[0]
        app = load_apps().get(slug)
        return app if app is not None and app.key == path.strip("/") else None
