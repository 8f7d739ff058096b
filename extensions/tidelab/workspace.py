"""Prepares a person's home for one use case and becomes their JupyterLab. Standard library only.

``python -m tidelab.workspace start --use-case flowcam-plankton`` runs in the lab environment, in the person's home, with
the variables that the hub sets. Notebooks, sample and README of the use case are copied into ``~/<use case>/``:

- a copy that nobody changed is brought up to date;
- a changed copy is kept, and a new version is placed beside it (``analyse.new.ipynb``) with a note in
  ``NEW VERSIONS.txt``;
- a copy that was removed comes back, so removing one's copy is the way to a fresh one;
- nothing is ever removed.

Which version a copy was made from stands in ``~/.tidelab-workspace.json``.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tidelab import paths

LEDGER = ".tidelab-workspace.json"
NOTE = "NEW VERSIONS.txt"
WEBSOCKET_BYTES = 200 * 1024 * 1024
MAX_FILES = 20_000
LAB_EXTENSION = Path(__file__).resolve().parents[1] / "jupyterlab-tidelab" / "labextension"
SERVER_EXTENSIONS = {
    "tidelab.lab": True,
    # Apps have a server of their own; here Voila would show any notebook with everything its kernel may do.
    "voila.server_extension": False,
    # Each costs time at every start: no language server is installed, and the classic notebook is not there.
    "jupyter_lsp": False,
    "notebook_shim": False,
}
_TOP_LEVEL = ("*.ipynb", "README.md")
_FOLDERS = ("sample",)


class WorkspaceError(RuntimeError):
    """A workspace that cannot be prepared; the text says why and what to do."""


@dataclass
class Report:
    """What a synchronisation did: names relative to ``~/<use case>/``."""

    copied: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """Say it in one line."""
        counts = [
            (self.copied, "copied"),
            (self.updated, "updated"),
            (self.beside, "placed beside yours"),
            (self.failed, "failed"),
        ]
        said = ", ".join(f"{len(names)} {words}" for names, words in counts if names)
        return said or "everything is up to date"


def find_usecase_folder(slug: str) -> Path:
    """Return the folder of a use case.

    Raises
    ------
    WorkspaceError
        No folder of the catalogue has this name.
    """
    if paths.safe_name(slug) == slug:
        for parent in paths.usecase_folders():
            if (parent / slug / "usecase.yaml").is_file():
                return parent / slug
    looked = ", ".join(str(parent) for parent in paths.usecase_folders())
    raise WorkspaceError(f"There is no use case {slug[:40]!r} (looked in {looked}).")


def synchronise(source: Path, home: Path) -> Report:
    """Bring ``<home>/<name of source>`` up to date with the use case's folder; see the module for the rules."""
    target = home / source.name
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise WorkspaceError(
            f"~/{source.name} is not a plain folder. Rename it, then open the use case again."
        )
    target.mkdir(parents=True, exist_ok=True)
    ledger = _read_ledger(home / LEDGER)
    known = ledger.setdefault(source.name, {})
    report = Report()
    for relative in _delivered(source):
        try:
            _deliver(source / relative, target / relative, relative, known, report)
        except OSError as error:
            report.failed.append(f"{relative} ({error.strerror})")
    if report.beside:
        _write_note(target / NOTE, report.beside)
    _write_atomically(home / LEDGER, json.dumps(ledger, indent=1, sort_keys=True).encode())
    return report


def _delivered(source: Path) -> Iterator[str]:
    """Yield what is copied, as paths relative to the use case: plain files only, no links, nothing hidden."""
    found = [file for pattern in _TOP_LEVEL for file in sorted(source.glob(pattern))]
    for folder in _FOLDERS:
        found += sorted((source / folder).rglob("*"))
    for file in found[:MAX_FILES]:
        relative = file.relative_to(source)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and file.is_file() and not file.is_symlink():
            yield relative.as_posix()


def _deliver(source: Path, target: Path, relative: str, known: dict[str, Any], report: Report) -> None:
    entry = known.get(relative)
    entry = entry if isinstance(entry, dict) else {}
    new = _digest(source)
    if not target.is_symlink() and not target.exists():
        _copy(source, target)
        report.copied.append(relative)
        known[relative] = {"delivered": new}
        return
    mine = None if target.is_symlink() or not target.is_file() else _digest(target)
    if mine == new:
        known[relative] = {"delivered": new}
    elif mine is not None and mine == entry.get("delivered"):
        _copy(source, target)
        report.updated.append(relative)
        known[relative] = {"delivered": new}
    elif new not in (entry.get("delivered"), entry.get("beside")):
        beside = _free_name(target, known, new)
        _copy(source, beside)
        report.beside.append(f"{relative} -> {beside.name}")
        known[relative] = {**entry, "beside": new}


def _free_name(target: Path, known: dict[str, Any], new: str) -> Path:
    """Return the name for a new version beside a changed copy; an older, changed one there is kept as well."""
    for number in range(1, 1000):
        suffix = ".new" if number == 1 else f".new{number}"
        candidate = target.with_name(f"{target.stem}{suffix}{target.suffix}")
        if not candidate.is_symlink() and (not candidate.exists() or _digest(candidate) == new):
            return candidate
    raise OSError(0, "no free name for the new version beside it")


def _write_note(file: Path, beside: list[str]) -> None:
    intro = "You changed these files, so your version was kept and the new one placed beside it:\n"
    today = datetime.now(UTC).date().isoformat()
    old = file.read_text(errors="replace") if file.is_file() and not file.is_symlink() else intro
    lines = "".join(f"{today}  {line}\n" for line in beside)
    _write_atomically(file, (old + lines).encode())


def _read_ledger(file: Path) -> dict[str, Any]:
    """Return the ledger; an unreadable one counts as empty, which keeps every changed copy."""
    try:
        ledger = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return (
        {key: value for key, value in ledger.items() if isinstance(value, dict)}
        if isinstance(ledger, dict)
        else {}
    )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tidelab-")
    try:
        with os.fdopen(handle, "wb") as stream, source.open("rb") as original:
            shutil.copyfileobj(original, stream)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_atomically(file: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".tidelab-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    Path(temporary).replace(file)


def installed_kernels() -> list[str]:
    """Return the kernels of the stacks, as they are registered in this environment."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "kernels"
    return sorted(child.name for child in folder.glob("tidelab-*") if (child / "kernel.json").is_file())


def server_command(slug: str, home: Path, notebook: str = "analyse.ipynb") -> list[str]:
    """Return the command of the single-user server for one use case, which opens with one of its notebooks."""
    kernels = [f"--KernelSpecManager.allowed_kernelspecs={name}" for name in installed_kernels()]
    return [
        *(sys.executable, "-m", "tidelab.lab.singleuser"),
        f"--ServerApp.root_dir={home}",
        f"--ServerApp.default_url=/lab/tree/{quote(slug)}/{quote(notebook)}",
        # Uploads of the file widget arrive as one message; tornado's own limit of 10 MiB drops them silently.
        f"--ServerApp.tornado_settings={{'websocket_max_message_size': {WEBSOCKET_BYTES}}}",
        # Without a list there would be no kernel to limit to, so an impossible name stands for none.
        *(kernels or ["--KernelSpecManager.allowed_kernelspecs=tidelab-none"]),
        "--KernelSpecManager.ensure_native_kernel=False",
        # No calls to outside addresses at start, and no installing of extensions into the shared environment.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        # An editable install copies no data files, so the built extension is read where it lies, here and in images.
        f"--LabServerApp.extra_labextensions_path={LAB_EXTENSION}",
        *(f"--ServerApp.jpserver_extensions={name}={on}" for name, on in SERVER_EXTENSIONS.items()),
        # In a container the only user is often root; Jupyter asks for this word then.
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def start(slug: str, notebook: str) -> None:
    """Prepare the home, then become the single-user server; does not return."""
    home = Path.home()
    report = synchronise(find_usecase_folder(slug), home)
    print(f"~/{slug}: {report.sentence()}.", flush=True)
    command = server_command(slug, home, notebook)
    # Switches off the question about news; the file is read from here, so no environment and no home is written to.
    os.environ["JUPYTER_CONFIG_PATH"] = str(Path(__file__).parent / "lab_settings")
    os.execv(command[0], command)  # noqa: S606 (no shell: a list of arguments of our own)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tidelab.workspace", description="Prepare a home for a use case."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "prepare the home and become its JupyterLab"),
        ("sync", "prepare the home only"),
    ):
        command = commands.add_parser(name, help=text)
        # An image says which it is for.
        default = os.environ.get("TIDELAB_USECASE")
        command.add_argument("--use-case", required=not default, default=default, help="slug of the use case")
        if name == "start":
            command.add_argument(
                "--open", default="analyse.ipynb", help="notebook that JupyterLab opens with"
            )
    given = parser.parse_args(arguments)
    try:
        if given.command == "start":
            start(given.use_case, given.open)
        report = synchronise(find_usecase_folder(given.use_case), Path.home())
        print(f"~/{given.use_case}: {report.sentence()}.")
    except (WorkspaceError, OSError) as error:
        print(f"tidelab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
