"""What has to be there before the hub starts: private folders and files, and the first account."""

import logging
import os
from pathlib import Path

from tidehub.accounts import AccountStore
from tidehub.docker.ready import get_ready
from tidehub.first_account import make_first_account
from tidehub.gpu_lease import GpuDesk
from tidehub.gpu_start import open_desk
from tidehub.services import servers_network
from tidehub.settings import Settings
from tidelab import paths


def prepare(settings: Settings) -> GpuDesk | None:
    """Make the hub's folders and files private, and an admin account if there is none; does nothing twice.

    In docker mode the engine must answer, the servers' network is made, and the lease book learns what really runs.

    Returns
    -------
    GpuDesk or None
        Where servers get their GPUs; None where ``TIDEHUB_GPUS=none``.

    Raises
    ------
    tidehub.docker.engine.EngineError, tidehub.settings.SettingsError
        Docker mode cannot work here; the text is for the admin.
    """
    logging.getLogger("tornado.application").addFilter(_says_no_session)
    os.umask(0o077)  # database, logs and whatever else the hub writes are for its own user
    for folder in (settings.folder, paths.data() / "homes", paths.data() / "logs", paths.data() / "status"):
        private_folder(folder)
    (paths.data() / "shared").mkdir(parents=True, exist_ok=True)
    if settings.db_url is None:
        private_file(settings.folder / "hub.sqlite")
    if settings.auth == "local":
        store = AccountStore(settings.folder / "accounts.sqlite", shared_trust=settings.many_people)
        make_first_account(store, settings.admin, settings.folder)
    os.environ.update(servers_network(settings))  # our own pages ask servers too
    client = get_ready(settings) if settings.mode == "docker" else None
    return open_desk(settings, client)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may open."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def private_file(file: Path) -> None:
    """Make a file that only its owner may read, or make an existing one so."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    file.chmod(0o600)


def _says_no_session(record: logging.LogRecord) -> bool:
    """Drop JupyterHub's note about each new form token: it carries the browser's session id."""
    return not (isinstance(record.msg, str) and record.msg.startswith("Setting new xsrf cookie"))
