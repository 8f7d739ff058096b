"""Commands that remove: runs delete, runs prune, runs sweep."""

from typing import TYPE_CHECKING, Annotated

import typer

from tidelab.cli._output import say
from tidelab.cli.runs import RunArgument, _find

if TYPE_CHECKING:
    from tidelab.runs.delete import Freed

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def delete(
    run_name: RunArgument,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop it first if it is running.")] = False,
    yes: Yes = False,
) -> None:
    """Delete a run: its folder, its upload, and what the cache holds for it alone. The images you gave as a folder stay."""
    from tidelab.runs.delete import delete_run

    folder = _find(run_name)
    if not yes:
        typer.confirm(f"Delete {folder.path}? This cannot be undone.", abort=True)
    _say_freed(delete_run(folder, cancel=cancel))


def prune(
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Runs that ended before so many days."),
    ],
    cache_only: Annotated[
        bool,
        typer.Option("--cache-only", help="Keep the runs; only forget what the cache holds for them alone."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete old runs, or only what the cache holds for them."""
    from tidelab import paths
    from tidelab.runs.delete import Freed, delete_run, release_cache
    from tidelab.runs.sweep import older_than as old_runs

    found = old_runs(paths.runs(), older_than)
    if not found:
        say(f"No run in {paths.runs()} ended more than {older_than:g} days ago.")
        return
    for folder in found:
        say(f"{folder.path.parent.name}  {folder.run_id}")
    what = "Forget the cached results of" if cache_only else "Delete"
    if not yes:
        typer.confirm(f"{what} these {len(found)} runs? This cannot be undone.", abort=True)
    freed = Freed()
    for folder in found:
        freed += release_cache(folder) if cache_only else delete_run(folder)
    _say_freed(freed)


def sweep(
    everyone: Annotated[
        bool, typer.Option("--all", help="For every home of the data folder, not only for yourself.")
    ] = False,
) -> None:
    """Remove what data policies do not keep, and finish deletions that were interrupted. Safe to run at any time."""
    from tidelab.runs.sweep import sweep_all

    _say_freed(sweep_all(everyone=everyone))


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``tidelab runs``."""
    for command in (delete, prune, sweep):
        app.command(command.__name__)(command)


def _say_freed(freed: "Freed") -> None:
    say(f"Freed {freed.bytes / 1e6:.1f} MB ({freed.files} files).")
