"""``tidelab export`` and ``tidelab check-ecotaxa``: runs in the formats of others, and the bundles of others before they travel."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say, table, warn
from tidelab.cli.runs import RunArgument, _find


def export(
    run_name: RunArgument,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[FORMAT]", help="Which format; without it the formats are listed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write to; by default a file in this folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a run in a format of others.

    EcoTaxa, Darwin Core, COCO, iFDO, or a package with citation; without FORMAT they are listed.
    """
    from tidelab.exports import EXPORTS, ExportError

    run = _find(run_name)
    if name is None:
        rows = [(one.name, one.title, one.available(run) or one.detail) for one in EXPORTS.values()]
        table(("FORMAT", "TITLE", "WHAT FOR, OR WHY NOT"), rows)
        return
    if name not in EXPORTS:
        raise typer.BadParameter(
            f"there is no format {name!r}; the formats: {', '.join(EXPORTS)}", param_hint="FORMAT"
        )
    chosen = EXPORTS[name]
    reason = chosen.available(run)
    if reason:
        raise ExportError(f"{chosen.title} cannot be made: {reason}")
    path = _place(out, chosen.file_name(run))
    if path.exists() and not force:
        raise typer.BadParameter(
            f"{path} exists; choose another file, or replace it with --force", param_hint="--out"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        done = chosen.write(run, path, _progress("images"))
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error.strerror}. Choose another place with --out."
        ) from None
    say(str(done.path))
    for note in done.notes:
        warn(f"Note: {note}")


def check_ecotaxa(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or zip that EcoTaxa shall import.")],
) -> None:
    """Check an EcoTaxa bundle by EcoTaxa's rules.

    One line a fault; the exit code is 1 when EcoTaxa would refuse the bundle.
    """
    from tidelab.formats.ecotaxa import validate

    tell = _progress("lines")
    faults = validate(path, lambda done: tell(done, 0))
    for fault in faults:
        say(f"{fault.severity}: {fault}")
    errors = sum(fault.severity == "error" for fault in faults)
    warnings = len(faults) - errors
    if errors:
        warn(f"EcoTaxa would refuse {path.name}: {_count(errors, 'error')}, {_count(warnings, 'warning')}.")
        raise typer.Exit(1)
    besides = f" ({_count(warnings, 'warning')})" if warnings else ""
    say(
        f"{path.name} follows EcoTaxa's rules{besides}. "
        "Whether its categories and persons exist only EcoTaxa knows; it asks for those it does not."
    )


def _place(out: Path | None, name: str) -> Path:
    if out is None:
        return Path(name)
    return out / name if out.is_dir() else out


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _progress(what: str) -> Callable[[int, int], None]:
    """Return a function that draws one line in a terminal, and nothing in a pipe."""
    live = sys.stderr.isatty()

    def tell(done: int, total: int) -> None:
        if live and (done == total or done % 25 == 0):
            typer.echo(f"\r{done}{f' of {total}' if total else ''} {what}", err=True, nl=done == total)

    return tell
