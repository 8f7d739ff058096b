"""Commands about usage events: the summary for reports to funders, and merging those of another place."""

import csv
import datetime
import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from tidelab.cli._output import say, table, warn
from tidelab.domain.usage import Purpose
from tidelab.domain.usage_summary import GROUPS, Totals, chosen, summarise

app = typer.Typer(help="Add up who used what (docs/statistics.md).", invoke_without_command=True)

COLUMNS = (
    "group", "users", "services_and_vessels", "countries", "country_codes", "runs", "images_ingested", "images_processed",
    "images_from_cache", "files_failed", "hours", "runs_without_country", "runs_ingested_unknown", "runs_processed_unknown",
)  # fmt: skip


@app.callback()
def usage(
    context: typer.Context,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day, e.g. 2026-01-01 (UTC).")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, included, e.g. 2026-12-31 (UTC).")
    ] = None,
    by: Annotated[str | None, typer.Option(help=f"A line for each: {', '.join(GROUPS)}.")] = None,
    purpose: Annotated[str, typer.Option(help="real, demo or test; they are never added together.")] = "real",
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, for a spreadsheet.")] = False,
) -> None:
    """Say how many people, images and countries: `tidelab usage --from 2026-01-01 --to 2026-12-31 --by use_case`."""
    if context.invoked_subcommand is not None:
        return
    from tidelab.runs.usage import read_events

    if by is not None and by not in GROUPS:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(GROUPS)}", param_hint="--by")
    if purpose not in get_args(Purpose):
        raise typer.BadParameter(
            f"{purpose!r} is none of {', '.join(get_args(Purpose))}", param_hint="--purpose"
        )
    events, unreadable = read_events()
    wanted = chosen(events, first=_day(first, "--from"), last=_day(last, "--to"), purpose=purpose)  # type: ignore[arg-type]
    rows = [_row(name, totals) for name, totals in summarise(wanted, by).items()]
    if by is not None and rows:
        # People who use two use cases are one person: the total is counted, not added up.
        rows += [_row("all", totals) for totals in summarise(wanted).values()]
    _write(rows, as_csv)
    if unreadable:
        warn(f"{unreadable} lines of the event file could not be read and are not counted.")


@app.command()
def merge(file: Annotated[Path, typer.Argument(help="events.jsonl or usage.json of another place.")]) -> None:
    """Add the events of another place, e.g. of a ship that was offline. An event that is here already is not counted twice."""
    from tidelab.runs.usage import merge_events

    try:
        merged = merge_events(file)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be merged: {error.strerror}", param_hint="FILE") from None
    say(f"{merged.added} events added; {merged.known} were here already.")
    if merged.unreadable:
        warn(f"{merged.unreadable} lines of {file} are no usage events and were left out.")


def _day(text: str | None, option: str) -> datetime.date | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2026-01-31", param_hint=option) from None


def _row(name: str, totals: Totals) -> tuple[str, ...]:
    return (
        name, str(len(totals.people)), str(len(totals.machines)), str(len(totals.countries)), " ".join(sorted(totals.countries)),
        str(totals.events), str(totals.images_ingested), str(totals.images_processed), str(totals.images_from_cache),
        str(totals.files_failed), f"{totals.seconds / 3600:.2f}", str(totals.without_country), str(totals.ingested_unknown),
        str(totals.processed_unknown),
    )  # fmt: skip


def _write(rows: list[tuple[str, ...]], as_csv: bool) -> None:
    from tidelab.catalogue.countries import country_name
    from tidelab.runs.names import spreadsheet_safe

    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([spreadsheet_safe(row[0]), *row[1:]] for row in rows)
        return
    if not rows:
        say("No events.")
        return
    table(
        ("", "USERS", "COUNTRIES", "RUNS", "IMAGES NEW", "PROCESSED", "FROM CACHE", "HOURS"),
        [(row[0], row[1], row[3], row[5], row[6], row[7], row[8], row[10]) for row in rows],
    )
    codes = sorted({code for row in rows for code in row[4].split()})
    if codes:
        say("Countries: " + ", ".join(f"{country_name(code)} ({code})" for code in codes))
    total = rows[-1]
    if total[11] != "0":
        say(f"{total[11]} of {total[5]} runs say no country.")
    if total[12] != "0" or total[13] != "0":
        say(
            f"{total[12]} runs do not know which images were new, {total[13]} not how many were processed; they add nothing there."
        )
