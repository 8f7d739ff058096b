"""Where Tidelab keeps things. Standard library only: the installer and the hub import it.

Every place has a default below the checkout and an environment variable that overrides it; the table is in
``docs/architecture.md``. Functions read the environment each time, so tests may point them elsewhere.
"""

import os
import re
from pathlib import Path

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.-")


def checkout() -> Path:
    """Return the root of the checkout: the folder that holds ``notebooks/`` and ``images/``."""
    override = os.environ.get("TIDELAB_ROOT")
    return Path(override).resolve() if override else Path(__file__).resolve().parents[2]


def state() -> Path:
    """Return the folder of everything that is installed or written (``.tidelab``)."""
    return _place("TIDELAB_STATE", checkout() / ".tidelab")


def envs() -> Path:
    """Return the folder of the installed environments."""
    return _place("TIDELAB_ENVS", state() / "envs")


def env_python(name: str) -> Path:
    """Return the interpreter of one environment, whether it is installed or not."""
    return envs() / name / "bin" / "python"


def data() -> Path:
    """Return the folder of all durable data (homes, databases, champions, logs)."""
    return _place("TIDELAB_DATA", state() / "data")


def home(user: str) -> Path:
    """Return the home folder of one hub user; the name is escaped, never trusted."""
    return data() / "homes" / safe_name(user)


def user_runs(user: str) -> Path:
    """Return the folder of one hub user's runs."""
    return home(user) / "runs"


def profile(user: str) -> Path:
    """Return the file of what one hub user chose to say of themselves: institution and country (JSON)."""
    return data() / "profiles" / f"{safe_name(user)}.json"


def usage() -> Path:
    """Return the folder of the usage events (``TIDELAB_USAGE``; in a container a folder of the home)."""
    return _place("TIDELAB_USAGE", data() / "usage")


def user_usage(user: str) -> Path:
    """Return where the events of one hub user lie whose servers are containers."""
    return home(user) / ".tidelab" / "usage"


def runs() -> Path:
    """Return the folder of the current person's runs (``TIDELAB_RUNS``, else ``~/tidelab/runs``)."""
    return _place("TIDELAB_RUNS", Path.home() / "tidelab" / "runs")


def champions() -> Path:
    """Return the folder of the published champions."""
    return _place("TIDELAB_CHAMPIONS", data() / "champions")


def leases() -> Path:
    """Return the lease book: the database of who holds which GPU (``TIDELAB_LEASES``)."""
    return _place("TIDELAB_LEASES", data() / "gpus" / "leases.sqlite")


def mounts() -> list[Path]:
    """Return the folders that every person may read: shared data and mounted instrument drives."""
    extra = os.environ.get("TIDELAB_MOUNTS", "")
    return [data() / "shared", *(Path(part) for part in extra.split(os.pathsep) if part)]


def usecase_folders() -> list[Path]:
    """Return the folders whose children are use cases: the repository's own, then ``TIDELAB_USECASES``."""
    extra = os.environ.get("TIDELAB_USECASES", "")
    return [checkout() / "notebooks", *(Path(part) for part in extra.split(os.pathsep) if part)]


def safe_name(name: str) -> str:
    """Return a name that is safe as one path component and unique per input.

    Every byte of the UTF-8 name outside ``[a-z0-9_.-]`` becomes ``~`` and two hexadecimal digits, a leading dot too. The
    width is fixed and ``~`` itself is escaped, so two names never share a folder.

    >>> safe_name("ada"), safe_name("../Ada")
    ('ada', '~2e.~2f~41da')
    """
    escaped = "".join(
        chr(byte) if byte in _SAFE else f"~{byte:02x}" for byte in name.encode(errors="surrogatepass")
    )
    if escaped.startswith("."):
        escaped = "~2e" + escaped[1:]
    return escaped or "~"


def unsafe_name(name: str) -> str:
    """Return the name that `safe_name` made this path component of.

    >>> unsafe_name(safe_name("../Ada"))
    '../Ada'
    """
    if name == "~":
        return ""
    return re.sub(rb"~([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode()).decode(
        errors="surrogatepass"
    )


def _place(variable: str, default: Path) -> Path:
    override = os.environ.get(variable)
    return Path(override).resolve() if override else default
