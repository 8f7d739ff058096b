"""Packages that a person installs with pip live in the home, after the curated ones. In every stack of an image; standard library only.

``TIDELAB_PACKAGES`` (``~/.tidelab/packages`` in images) names the folder; below it each environment and Python version has its own,
``analyse-py311``. It comes last in ``sys.path``, so a curated package always wins. pip is told to install there, and to leave the
versions of curated packages as they are. Removing the folder removes everything that was installed.

A ``.pth`` file imports this at every start of the environment's Python, so it does next to nothing, and it never fails.
"""

import os
import site
import sys

PINS = "tidelab-pins.txt"
_ELSEWHERE = frozenset({"--prefix", "--target", "-t", "--user", "--root"})
_PIP = ("pip", "pip3", f"pip{sys.version_info[0]}.{sys.version_info[1]}")


def folder() -> str | None:
    """Return this environment's folder of the person's packages; None where none is named or there is no home."""
    base = os.path.expanduser(os.environ.get("TIDELAB_PACKAGES", ""))
    if not os.path.isabs(base):
        return None
    return os.path.join(base, f"{environment(sys.prefix)}-py{sys.version_info[0]}{sys.version_info[1]}")


def environment(prefix: str) -> str:
    """Return an environment's name from its place: ``<envs>/<name>``, or ``<envs>/.store/<name>/<build>``, where that links to."""
    parent, last = os.path.split(prefix)
    return os.path.basename(parent) if os.path.basename(os.path.dirname(parent)) == ".store" else last


def runs_pip(arguments: list[str]) -> bool:
    """Whether this Python was started as pip: ``python -m pip`` or the program ``pip``."""
    if "-m" in arguments[1:]:
        return arguments[arguments.index("-m", 1) + 1 :][:1] == ["pip"]
    return len(arguments) > 1 and os.path.basename(arguments[1]) in _PIP


def activate() -> None:
    """Add the folder to ``sys.path``; where this is pip, tell it where to install and what to keep."""
    own = folder()
    if own is None:
        return
    packages = os.path.join(own, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    pip = runs_pip(sys.orig_argv)
    try:
        # There from the start: what is installed while a kernel runs can then be imported in it.
        os.makedirs(packages, exist_ok=True)
    except OSError:
        if not pip:
            return
    site.addsitedir(packages)
    # Only for pip itself: a variable of every process would also reach the pip of people's own virtual environments.
    if pip:
        os.environ.setdefault("PIP_CONSTRAINT", os.path.join(sys.prefix, PINS))
        if not _ELSEWHERE.intersection(argument.partition("=")[0] for argument in sys.orig_argv):
            os.environ.setdefault("PIP_PREFIX", own)
            # pip removes what lies below `sys.prefix` alone: so what is one's own, and never what is curated.
            sys.prefix = sys.exec_prefix = own
        os.environ.setdefault("PIP_NO_WARN_SCRIPT_LOCATION", "1")
        if "install" in sys.orig_argv:
            print(
                f"Tidelab: packages go to {own} and are there after a restart. Packages of the environment keep their versions: a request for "
                "another version of one of them is refused.",
                file=sys.stderr,
            )


try:
    activate()
except Exception as error:
    print(f"Tidelab: your own packages cannot be used ({error}).", file=sys.stderr)
