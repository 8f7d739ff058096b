"""Notes from which sources the committed build was made: ``python3 digest.py write`` after a build, ``check`` in the tests.

Nobody needs Node to use or test Tidelab, so the build lies in the repository; this is what keeps it that of the sources.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE / "labextension"
NOTE = BUILT / "digest.json"
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "src", "style")


def digest(root: Path, names: tuple[str, ...]) -> str:
    """Return the SHA-256 over names and contents of files and folders below a folder."""
    files = [
        file
        for name in names
        for file in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))
        if file.is_file()
    ]
    lines = sorted(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(root).as_posix()}"
        for file in files
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def now() -> dict[str, str]:
    """Return the digests of what lies there: the sources, and the build without this note."""
    built = tuple(child.name for child in BUILT.iterdir() if child != NOTE)
    return {"sources": digest(HERE, SOURCES), "built": digest(BUILT, built)}


def check() -> str:
    """Return what is wrong, in words; empty where the build is that of the sources."""
    try:
        noted = json.loads(NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{NOTE} cannot be read; run `make lab-extension`."
    found = now()
    changed = [what for what in ("sources", "built") if noted.get(what) != found[what]]
    if not changed:
        return ""
    return f"The Lab extension's {' and '.join(changed)} changed since it was built; run `make lab-extension` and commit the result."


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    if arguments == ["write"]:
        NOTE.write_text(json.dumps(now(), indent=1) + "\n", encoding="utf-8")
        return 0
    if trouble := check():
        print(trouble, file=sys.stderr)
    return bool(trouble)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
