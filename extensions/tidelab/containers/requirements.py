"""The optional ``requirements.txt`` of a use case: a thin layer of packages beside its stacks, checked before anything is built."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tidelab.containers.errors import ImageError
from tidelab.environments.model import canonical

FILE: Final = "requirements.txt"
_MAX_BYTES: Final = 4 * 2**20
_ENTRY: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9,._ -]*\])?==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)\s*(?P<marker>;[^#]*?)?"
    r"(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)$"
)


def own_requirements(file: Path, curated: Mapping[str, Mapping[str, str]]) -> str:
    """Return what is to be installed besides the stacks, one package a line with its digests; sorted.

    Parameters
    ----------
    file
        The use case's ``requirements.txt``.
    curated
        Stack -> {canonical name: version} of its lock. What a stack holds in the same version is left out.

    Raises
    ------
    ImageError
        Every line that is not ``name==version --hash=sha256:...``, and every package that a stack holds in another version: file,
        line, value, what is expected.
    """
    problems, kept = [], {}
    for number, text in _entries(file):
        match = _ENTRY.match(text)
        if match is None:
            problems.append(f"line {number}: {text[:80]!r} is not `name==version --hash=sha256:<64 digits>`")
            continue
        name, version = canonical(match["name"]), match["version"]
        others = {stack: pins[name] for stack, pins in curated.items() if name in pins}
        wrong = {
            stack: pinned for stack, pinned in others.items() if pinned.split("+")[0] != version.split("+")[0]
        }
        problems += [
            f"line {number}: {name}=={version}, but the stack {stack} holds {name} {pinned}; take that version or leave the line out"
            for stack, pinned in wrong.items()
        ]
        if len(others) < len(curated):
            kept[name] = text
    if problems:
        listed = "\n  ".join(problems[:20])
        raise ImageError(
            f"{file} cannot be installed beside the stacks {', '.join(curated)}:\n  {listed}\n"
            "Resolve it against their locks: see docs/howto/images.md."
        )
    return "".join(f"{line}\n" for _, line in sorted(kept.items()))


def _entries(file: Path) -> Iterable[tuple[int, str]]:
    """Yield (line number, text) of each entry: continued lines joined, comments and blank lines gone."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ImageError(f"{file} is larger than {_MAX_BYTES // 2**20} MB: that is no list of packages.")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{file} cannot be read as text ({error}).") from None
    start, parts = 0, []
    for number, line in enumerate([*lines, ""], 1):
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        start = start or number
        if text.endswith("\\"):
            parts.append(text[:-1].strip())
            continue
        whole = " ".join(part for part in (*parts, text) if part)
        if whole:
            yield start, whole
        start, parts = 0, []
