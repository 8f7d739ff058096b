"""Hold this process, and all that it starts, to some folders: Landlock, which the kernel itself enforces.

Checks of a path and the opening of it are two steps between which a person may put a link in the way; here the kernel looks at what is
really opened. It needs no right of its own and cannot be taken back. Linux 5.19 or newer; Docker's seccomp filter lets it pass since 23.0.

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GIVE_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_LEAST_ABI: Final = 2
"""Of Linux 5.19. The first one forbids to move a file from one folder to another, which the deletion of a run does."""
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_CHANGE_FOLDER: Final = sum(1 << bit for bit in range(4, 14))
"""Remove and make files of each kind; move them between folders."""
_TRUNCATE: Final = 1 << 14
_OF_A_FILE: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_LOOK: Final = _EXECUTE | _READ_FILE | _READ_DIR


def confine(
    read: Iterable[Path],
    write: Iterable[Path],
    but: Sequence[Path] = (),
    trial: Callable[[], str] = lambda: "",
) -> str:
    """Let this thread, and what it starts from now on, open nothing but these files and folders.

    Other threads that run already are not held: call it before there are any, or from the one that does the work.

    Parameters
    ----------
    read
        What may be read and executed, with everything below, except what is in `but`.
    write
        What may be changed too; counts inside `but`. Each has to be there.
    but
        Folders left out of `read`, unless they lie above what is read.
    trial
        Called first in a thread that is held and then ends; what it returns, if not empty, is why this thread must not be held.

    Returns
    -------
    str
        Empty when it holds; else why this machine cannot, in a few words: then nothing was given up.

    Raises
    ------
    OSError, RuntimeError
        When a folder in `but` cannot be looked at (a loop of links), or no thread can be started. Nothing was given up.
    """
    version = _call(_CREATE_RULESET, None, 0, _GIVE_VERSION)
    if version < 0:
        return f"the kernel does not offer Landlock ({os.strerror(ctypes.get_errno())})"
    if version < _LEAST_ABI:
        return "the kernel's Landlock is older than Linux 5.19"
    handled = _LOOK | _WRITE_FILE | _CHANGE_FOLDER | (_TRUNCATE if version >= 3 else 0)
    rules = _call(_CREATE_RULESET, struct.pack("=Q", handled), 8, 0)
    if rules < 0:
        return f"Landlock refused the rules ({os.strerror(ctypes.get_errno())})"
    try:
        for path in _without(read, [path.resolve() for path in but]):
            _allow(rules, path, _LOOK)
        for path in write:
            if problem := _allow(rules, path, handled):
                return f"Landlock cannot let {path.name!r} be written ({problem})"
        # What a thread gives up is given up for it and for what it starts; the others of this process stay as they are.
        with ThreadPoolExecutor(1, "landlock-trial") as apart:
            problem = apart.submit(lambda: _begin(rules) or trial()).result()
        return problem or _begin(rules)
    finally:
        os.close(rules)


def _begin(rules: int) -> str:
    """Hold this thread; return why that cannot be, if so."""
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _call(_RESTRICT_SELF, rules, 0):
        return f"Landlock refused to begin ({os.strerror(ctypes.get_errno())})"
    return ""


def _without(read: Iterable[Path], but: Sequence[Path]) -> Iterator[Path]:
    """Yield files and folders that together are all of `read` but what is left out: rules can only allow."""
    for path in read:
        with suppress(OSError, RuntimeError):
            yield from _parts(path.resolve(), but)


def _parts(path: Path, but: Sequence[Path]) -> Iterator[Path]:
    inside = [one for one in but if one.is_relative_to(path)]
    if not inside:
        yield path
    elif path not in inside:
        # What lies behind a link is looked at where it lies.
        with suppress(OSError), os.scandir(path) as entries:
            for entry in list(entries):
                if not entry.is_symlink():
                    yield from _parts(Path(entry.path), inside)


def _allow(rules: int, path: Path, access: int) -> str:
    """Add a rule; return why there is none, if so: what is not there, or may not be looked at, cannot be opened later either."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        return error.strerror or type(error).__name__
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            access &= _OF_A_FILE
        added = _call(_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", access, handle), 0)
        return os.strerror(ctypes.get_errno()) if added else ""
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    given = [ctypes.c_long(one) if isinstance(one, int) else ctypes.c_char_p(one) for one in arguments]
    return int(_libc().syscall(ctypes.c_long(number), *given))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
