"""Commands about GPUs: who has which, run something on one, drain, release, quotas."""

import getpass
import json
import math
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidelab.cli._output import say, table, warn
from tidelab.leases.model import Device, DeviceState, Kind, Lease, Owner, Quota, Request

app = typer.Typer(help="GPUs: who has which, run something on one, limits.", no_args_is_help=True)

if TYPE_CHECKING:
    from tidelab.leases.book import Book

_US = "command line"


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say who has which GPU since when, and who waits."""
    book = _book()
    book.reconcile(None)
    devices, leases, queue = book.devices(), book.live(), book.queue()
    if as_json:
        answer = {
            "devices": [asdict(state) for state in devices],
            "leases": [asdict(lease) for lease in leases],
            "queue": [{"ticket": asdict(ticket), "place": asdict(place)} for ticket, place in queue],
        }
        say(json.dumps(answer, indent=1))
        return
    if not devices:
        from tidelab.leases.inventory import SETTING, look

        found = look(os.environ.get(SETTING, "auto"))
        say(found.words if not found.devices else "No GPU is in the book of this machine.")
        return
    table(
        ("device", "model", "lease", "who", "server", "since", "last used"),
        [row for state in devices for row in _rows(state, leases)],
    )
    for ticket, place in queue:
        from tidelab.leases.words import of_request, of_seconds

        wait = "" if place.wait_s is None else f", about {of_seconds(place.wait_s)} to go"
        say(
            f"Waiting, {place.position} of {place.of}: {ticket.owner.user} ({ticket.owner.server}) for {of_request(ticket.request)}{wait}."
        )


@app.command(
    context_settings={
        "allow_extra_args": True,
        "allow_interspersed_args": False,
        "ignore_unknown_options": True,
    }
)
def run(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="whole, mig or shared.")] = "whole",
    profile: Annotated[str, typer.Option(help="MIG profile, e.g. 1g.10gb.")] = "",
    count: Annotated[int, typer.Option(help="How many; all or none.", min=1, max=64)] = 1,
    wait: Annotated[
        float | None,
        typer.Option(help="Wait for at most so many minutes; default: as long as it takes.", min=0),
    ] = None,
    use_case: Annotated[str, typer.Option(help="Slug, for the ledger.")] = "",
) -> None:
    """Run a command on a GPU of its own: `tidelab gpu run -- python train.py`. Waits for its turn."""
    from tidelab.cli import _gpu_process

    if not context.args:
        raise typer.BadParameter("say which command, after --", param_hint="COMMAND")
    request = Request(_kind(kind, profile), count, profile)
    owner = Owner(person(), f"run:{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}", use_case)
    wait_s = None if wait is None else wait * 60
    raise typer.Exit(_gpu_process.run(_book(), owner, request, context.args, wait_s))


@app.command()
def drain(
    device: Annotated[str, typer.Argument(help="As `tidelab gpu status` shows it.")],
    why: Annotated[str, typer.Option(help="For the others, e.g. 'fan replaced on Monday'.")],
) -> None:
    """Give out no more leases on a device; those that are go on."""
    book = _book()
    book.drain(device, True, why, person())
    holders = [lease for lease in book.live() if any(place.device == device for place in lease.held)]
    say(f"{device} is given to nobody any more.")
    for lease in holders:
        say(f"It is still held by {lease.owner.user} ({lease.owner.server}), lease {lease.id}.")


@app.command()
def undrain(device: Annotated[str, typer.Argument(help="As `tidelab gpu status` shows it.")]) -> None:
    """Give out leases on a drained device again."""
    _book().drain(device, False, "", person())
    say(f"{device} is given out again.")


@app.command()
def release(
    lease: Annotated[str, typer.Argument(help="As `tidelab gpu status` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    why: Annotated[str, typer.Option(help="For the log.")] = "by hand",
) -> None:
    """Take a lease away. What runs on the GPU is not stopped: for a server, stop the server instead."""
    book = _book()
    found = next((one for one in book.live() if one.id == lease), None)
    if found is None:
        warn(f"There is no lease {lease!r} now. `tidelab gpu status` lists them.")
        raise typer.Exit(1)
    who = f"{found.owner.user} ({found.owner.server})"
    devices = ", ".join(place.device for place in found.held)
    if not yes:
        warn(f"{devices} will be given to others, while what {who} runs there goes on computing on it.")
        typer.confirm(f"Take the lease {lease} from {who}?", abort=True, err=True)
    book.release(lease, f"released by {person()}: {why}")
    say(f"{devices} is free. {who} was not stopped.")


@app.command()
def quota(
    who: Annotated[str, typer.Option("--person", help="Of this person.")] = "",
    group: Annotated[str, typer.Option(help="Of this group.")] = "",
    everyone: Annotated[bool, typer.Option("--everyone", help="Of everyone without another limit.")] = False,
    gpu_hours: Annotated[
        float | None, typer.Option(help="Measured use, hours; inf: no limit.", min=0)
    ] = None,
    days: Annotated[float | None, typer.Option(help="In the last so many days (default 30).")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs at a time; inf: no limit.", min=0)] = None,
    servers: Annotated[float | None, typer.Option(help="Servers at a time; inf: no limit.", min=0)] = None,
    memory_gb: Annotated[float | None, typer.Option(help="Memory of all servers, GB.", min=0)] = None,
    disk_gb: Annotated[float | None, typer.Option(help="Disk space of a person's files, GB.", min=0)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the limits.")] = False,
) -> None:
    """Show your limits, or set those of a person, a group or everyone."""
    book = _book()
    if sum((bool(who), bool(group), everyone)) > 1:
        raise typer.BadParameter("only one of them", param_hint="--person, --group, --everyone")
    limits = {
        "gpu_hours": gpu_hours, "gpus": gpus, "servers": servers, "memory_gb": memory_gb, "disk_gb": disk_gb,
    }  # fmt: skip
    given = remove or any(value is not None for value in limits.values())
    if given:
        if not (who or group or everyone):
            raise typer.BadParameter("say whose: --person, --group or --everyone")
        scope: Any = "person" if who else "group" if group else "everyone"
        book.set_quota(scope, who or group, days=days, **({} if remove else limits))
    if group or everyone or given:
        rows = [
            (
                one.scope,
                one.name,
                *(
                    _figure(value)
                    for value in (one.gpu_hours, one.days, one.gpus, one.servers, one.memory_gb, one.disk_gb)
                ),
            )
            for one in book.quotas()
        ]
        table(("whose", "name", "GPU hours", "in days", "GPUs", "servers", "memory GB", "disk GB"), rows)
        return
    for line in _quota_lines(who or person(), book.quota(Owner(who or person(), ""))):
        say(line)


def person() -> str:
    """Return who asks: the person of this server on a hub, else the operating-system user."""
    return os.environ.get("TIDELAB_USER") or getpass.getuser()


def _book() -> "Book":
    """Open the book; without a hub, this command line says what the machine has."""
    from tidelab.leases.book import Book
    from tidelab.leases.inventory import SETTING, read

    book = Book()
    if book.inventory_by() in ("", _US):
        book.set_inventory(read(os.environ.get(SETTING, "auto")), by=_US)
    return book


def _kind(kind: str, profile: str) -> Kind:
    if kind not in ("whole", "mig", "shared"):
        raise typer.BadParameter(f"{kind!r} is none of whole, mig, shared", param_hint="--kind")
    if (kind == "mig") != bool(profile):
        raise typer.BadParameter(
            "a MIG slice needs its profile, and nothing else has one", param_hint="--profile"
        )
    return kind  # type: ignore[return-value]


def _rows(state: DeviceState, leases: list[Lease]) -> list[tuple[str, ...]]:
    device = state.device
    name = f"{device.id} ({device.kind})" if device.kind != "whole" else device.id
    on_it = [
        lease
        for lease in leases
        if any(place.device == device.id for place in lease.held) and lease.request.kind == device.kind
    ]
    rows: list[tuple[str, ...]] = [
        (
            name,
            _model(device),
            lease.id,
            lease.owner.user,
            lease.owner.server,
            _when(lease.started),
            _when(lease.used_at),
        )
        for lease in on_it
    ]
    free = device.slots - len(on_it)
    if not state.present:
        said = "not there any more"
    elif state.drained:
        said = f"drained: {state.why}" if state.why else "drained"
    else:
        said = "free" if device.slots == 1 else f"{free} of {device.slots} free"
    if free > 0 or not state.present or state.drained:
        rows.append((name, _model(device), said, "", "", "", ""))
    return rows


def _model(device: Device) -> str:
    memory = f", {device.memory_mb / 1024:.0f} GiB" if device.memory_mb else ""
    return f"{device.name}{memory}"


def _when(time: float | None) -> str:
    return "never" if time is None else f"{datetime.fromtimestamp(time, tz=UTC):%Y-%m-%d %H:%M} UTC"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return "no limit" if math.isinf(value) else f"{value:g}"


def _quota_lines(name: str, quota: Quota) -> list[str]:
    hours = "no limit" if quota.gpu_hours is None else f"{quota.gpu_hours:g}"
    lines = [
        f"{name}: {quota.used_hours:.1f} GPU hours used in the last {quota.days:g} days (limit: {hours}).",
        f"GPUs held now: {quota.holds} (limit: {_figure(quota.gpus) or 'none'}).",
    ]
    if quota.servers is not None:
        lines.append(f"Servers at a time: {quota.servers}.")
    if quota.memory_gb is not None:
        lines.append(f"Memory of all servers: {quota.memory_gb:g} GB.")
    if quota.disk_gb is not None:
        lines.append(f"Disk space: {quota.disk_gb:g} GB.")
    if quota.sources:
        lines.append(
            "From: " + ", ".join(f"{field} {source}" for field, source in quota.sources.items()) + "."
        )
    if not sys.stdout.isatty():
        return lines
    return [*lines, "Groups of the hub are not known here; the hub's page shows what they add."]
