"""Where the hub keeps its own files, and how much it says."""

import logging

from traitlets.config import Config

from tidehub.settings import Settings


def configure_storage(c: Config, settings: Settings) -> None:
    """Set database, cookie secret and log level; the files are made private by `tidehub.prepare`."""
    chosen = settings.db_url.get_secret_value() if settings.db_url else ""
    c.JupyterHub.db_url = chosen or f"sqlite:///{settings.folder / 'hub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(settings.folder / "cookie-secret")
    c.JupyterHub.log_level = getattr(logging, settings.log_level)
    # The schema of an older hub is upgraded at start. A copy of an SQLite file is made beside it first; with PostgreSQL the backup
    # that precedes an upgrade is the copy (docs/howto/install-on-a-gpu-host.md).
    c.JupyterHub.upgrade_db = True
