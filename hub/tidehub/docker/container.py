"""What a server's container is made of: limits, mounts, account. Pure functions of catalogue, settings and places."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docker.types import LogConfig, Ulimit

from tidehub.profiles import Choice
from tidelab import paths

GB: Final = 1_000_000_000
PIDS: Final = 1024
"""Processes and threads: a Lab with three busy kernels has some two hundred; a fork bomb meets its end here."""
LARGEST_TMP_BYTES: Final = 4 * GB
_LOG: Final = {"max-size": "10m", "max-file": "3"}


@dataclass(frozen=True)
class Account:
    """Who the processes in a container are: a name for the person's eyes on the hub's uid and gid."""

    uid: int
    gid: int

    @classmethod
    def parse(cls, text: str) -> "Account":
        """Read ``uid:gid``.

        Raises
        ------
        ValueError
            It is not of that form, or root.
        """
        found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
        if not found or int(found[1]) == 0:
            raise ValueError(
                f"TIDEHUB_DOCKER_USER={text!r} must be uid:gid of an account that is not root, e.g. 1000:1000"
            )
        return cls(int(found[1]), int(found[2]))

    def passwd(self, user: str, home: Path) -> str:
        """Return the container's ``/etc/passwd``."""
        name = _unix_name(user)
        return (
            "root:x:0:0:root:/root:/usr/sbin/nologin\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            f"{name}:x:{self.uid}:{self.gid}:{name}:{str(home).replace(':', '')}:/bin/bash\n"
        )

    def group(self) -> str:
        """Return the container's ``/etc/group``."""
        return f"root:x:0:\nnogroup:x:65534:\npeople:x:{self.gid}:\n"


def host_config(choice: Choice) -> dict[str, Any]:
    """Return the limits of a server's container, and what is taken from it."""
    memory = int(choice.memory_gb * GB)
    return {
        "auto_remove": False,  # one that ended is looked at first: why?
        "init": False,  # tini is in the image
        "read_only": True,
        # What lies in memory counts against the memory limit, so half of it is the most.
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,exec,mode=1777,size={min(memory // 2, LARGEST_TMP_BYTES)}"},  # noqa: S108
        # Workers of a data loader hand over images by shared memory; 64 MB, the default, ends them.
        "shm_size": memory // 2,
        "memswap_limit": memory,
        "pids_limit": PIDS,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "ipc_mode": "private",
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        "log_config": LogConfig(type=LogConfig.types.JSON, config=dict(_LOG)),
        "restart_policy": {"Name": "no"},
    }


def folders_to_read() -> tuple[list[Path], list[Path]]:
    """Return the folders that servers read, each at the path it has here, and those that are not there."""
    wanted = [paths.champions(), *paths.mounts(), *paths.usecase_folders()[1:]]
    wanted = list(dict.fromkeys(folder.absolute() for folder in wanted))
    return [folder for folder in wanted if folder.is_dir()], [f for f in wanted if not f.is_dir()]


def mounts(home: Path, account_files: Path, to_read: Iterable[Path]) -> list[dict[str, Any]]:
    """Return a container's mounts: the home to write, everything else to read."""
    return [
        _mount(home, home, read_only=False),
        *(_mount(folder, folder) for folder in to_read),
        *(_mount(account_files / name, Path("/etc") / name) for name in ("passwd", "group")),
    ]


def let_read(folder: Path) -> None:
    """Let every account read a folder that only the hub writes; links are not followed."""
    for parent, folders, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink() and path.is_file():
                path.chmod(path.stat().st_mode | 0o444)


def write_account_files(folder: Path, account: Account, user: str, home: Path) -> None:
    """Write ``passwd`` and ``group`` for one person's containers."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in (("passwd", account.passwd(user, home)), ("group", account.group())):
        file = folder / name
        # The same file stays: a running container has it mounted.
        if not file.is_file() or file.read_text() != text:
            file.write_text(text)
        file.chmod(0o644)


def _mount(source: Path, target: Path, *, read_only: bool = True) -> dict[str, Any]:
    return {"type": "bind", "source": str(source), "target": str(target), "read_only": read_only}


def _unix_name(user: str) -> str:
    name = re.sub(r"[^a-z0-9_-]", "-", user.lower())[:31].lstrip("-0123456789")
    return name if name and name not in ("root", "nobody") else "person"
