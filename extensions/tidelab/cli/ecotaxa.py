"""``tidelab ecotaxa``: a run into a project of EcoTaxa, and whether it arrived."""

import getpass
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tidelab.cli._output import say, warn
from tidelab.cli.exports import _progress
from tidelab.cli.runs import _find

if TYPE_CHECKING:
    from tidelab.exports.ecotaxa_import import Answers, Question
    from tidelab.exports.ecotaxa_server import EcotaxaServer
    from tidelab.runs import RunFolder

TOKEN: Final = "TIDELAB_ECOTAXA_TOKEN"  # noqa: S105  the name of a variable
URL: Final = "TIDELAB_ECOTAXA_URL"

app = typer.Typer(no_args_is_help=True, help="Send a run to EcoTaxa and compare it there.")

What = Annotated[
    str, typer.Argument(metavar="RUN", help="A run (its name or folder), or a zip made for EcoTaxa.")
]
Project = Annotated[int, typer.Option("--project", min=1, help="Number of the project in EcoTaxa.")]

Taxon = Annotated[
    list[str] | None,
    typer.Option("--taxon", metavar="NAME=ID", help="Category that EcoTaxa may ask for."),
]
User = Annotated[
    list[str] | None, typer.Option("--user", metavar="NAME=ID", help="Person that EcoTaxa may ask for.")
]


@app.command("import")
def import_(
    what: What,
    project: Project,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out objects that are there already.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Change objects that are there; add none.")
    ] = False,
    taxon: Taxon = None,
    user: User = None,
) -> None:
    """Import a run into a project of EcoTaxa.

    The zip is checked by EcoTaxa's rules, sent, the import followed, and the objects in the project compared with the table. The token is read from
    TIDELAB_ECOTAXA_TOKEN; without it e-mail address and password are asked for.
    """
    from tidelab.exports.ecotaxa_import import Answers, check_bundle, start

    known = Answers(_numbers(user, "--user"), _numbers(taxon, "--taxon"))
    with _zip_of(what) as path:
        check_bundle(path)
        server = _server()
        job_id = start(
            server, path, project, skip_existing=skip_existing, update=update, progress=_progress("bytes")
        )
        say(f"Import started in project {project}: job {job_id}")
        warn(
            "It goes on in EcoTaxa whatever happens here. To follow it again: "
            f"tidelab ecotaxa follow {job_id} {shlex.quote(what)} --project {project}"
        )
        _followed(server, job_id, known)
        _compared(server, path, project)


@app.command("follow")
def follow(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="Number of the job in EcoTaxa.")],
    project: Project,
    what: Annotated[
        str, typer.Argument(metavar="RUN", help="The run or zip that was sent; it is compared afterwards.")
    ] = "",
    taxon: Taxon = None,
    user: User = None,
) -> None:
    """Follow an import that was started before.

    For an import that goes on in EcoTaxa after the connection, this computer or the program broke off. Then the objects in the project are compared with
    the table of RUN, as after an import; without RUN nothing is compared.
    """
    from tidelab.exports.ecotaxa_import import Answers

    known = Answers(_numbers(user, "--user"), _numbers(taxon, "--taxon"))
    if not what:
        _followed(_server(), job, known)
        say(f"Job {job} is finished. Nothing was compared: tidelab ecotaxa check RUN --project {project}")
        return
    with _zip_of(what) as path:
        server = _server()
        _followed(server, job, known)
        _compared(server, path, project)


@app.command("check")
def check(what: What, project: Project) -> None:
    """Compare a run with what a project of EcoTaxa holds.

    The exit code is 1 when number or names of the objects differ.
    """
    with _zip_of(what) as path:
        _compared(_server(), path, project, tries=0)


def _followed(server: "EcotaxaServer", job_id: int, known: "Answers") -> None:
    from tidelab.exports.ecotaxa_import import follow as to_its_end

    seen: list[str] = []

    def tell(text: str) -> None:
        if not seen or seen[-1] != text:
            seen.append(text)
            warn(text)

    to_its_end(
        server,
        job_id,
        lambda question: _answers(question, known),
        lambda job: tell(f"{job.percent} % {job.message}"),
    )


def _compared(server: "EcotaxaServer", path: Path, project: int, tries: int | None = None) -> None:
    from tidelab.exports.ecotaxa_import import TRIES, recheck

    result = recheck(server, path, project, tries=TRIES if tries is None else tries)
    say(result.words)
    if not result.agrees:
        raise typer.Exit(1)


def _server() -> "EcotaxaServer":
    from tidelab.exports.ecotaxa_server import DEFAULT_URL, EcotaxaServer, EcotaxaServerError

    url = os.environ.get(URL) or DEFAULT_URL
    token = os.environ.get(TOKEN, "")
    if token:
        return EcotaxaServer(url, token)
    if not sys.stdin.isatty():
        raise EcotaxaServerError(
            f"EcoTaxa asks who you are: put your token into the environment variable {TOKEN}."
        )
    user = typer.prompt("E-mail address at EcoTaxa", err=True)
    return EcotaxaServer.sign_in(url, user, getpass.getpass("Password at EcoTaxa: "))


@contextmanager
def _zip_of(what: str) -> Iterator[Path]:
    """Yield the zip of a run: the one its use case made, else the export that any run has."""
    from tidelab.exports import EXPORTS, ExportError

    path = Path(what)
    if path.is_file() and path.suffix.lower() == ".zip":
        yield path
        return
    run = _find(what)
    if made := _made(run):
        yield made
        return
    export = EXPORTS["ecotaxa"]
    if reason := export.available(run):
        raise ExportError(f"{export.title} cannot be made: {reason}")
    with tempfile.TemporaryDirectory(prefix="tidelab-ecotaxa-") as folder:
        yield export.write(run, Path(folder) / export.file_name(run), _progress("images")).path


def _made(run: "RunFolder") -> Path | None:
    """Return the zip for EcoTaxa that the use case made of a run; None where it makes none.

    Raises
    ------
    ExportError
        When it is older than what people said of the run, not as it was made, or could not be made: what is sent is what is in force.
    """
    from tidelab.exports import ExportError
    from tidelab.runs.own_products import outdated, product_problems

    found = [one for one in run.products() if one.name.startswith("ecotaxa") and one.name.endswith(".zip")]
    again = f"Make it again with `tidelab runs remake {run.run_id}`, then repeat this."
    if not found and (problems := product_problems(run)):
        # Not silently another zip: what arrives in EcoTaxa is hard to take back.
        raise ExportError(
            f"The run lacks files of its use case, which may include its zip for EcoTaxa: {problems[0]} {again} The zip that any run has is sent "
            f"with `tidelab export {run.run_id} ecotaxa` and the name of that file instead of the run's."
        )
    if not found:
        return None
    if old := outdated(run):
        raise ExportError(f"products/{found[0].name} is not sent: {old} {again}")
    if not found[0].is_intact():
        raise ExportError(
            f"products/{found[0].name} is not sent: it was changed after the run made it (its checksum is another than in manifest.json). {again}"
        )
    return found[0].path


def _numbers(given: list[str] | None, option: str) -> dict[str, int]:
    found = {}
    for one in given or ():
        name, equals, number = one.rpartition("=")
        if not equals or not name or not number.isdecimal():
            raise typer.BadParameter(f"{one!r}: expected NAME=NUMBER", param_hint=option)
        found[name] = int(number)
    return found


def _answers(question: "Question", known: "Answers") -> "Answers":
    from tidelab.exports.ecotaxa_import import Answers

    users = {name: known.users[name] for name in question.users if name in known.users}
    taxa = {name: known.taxa[name] for name in question.taxa if name in known.taxa}
    if sys.stdin.isatty():
        for what, names, into in (("person", question.users, users), ("category", question.taxa, taxa)):
            for name in names:
                if name not in into:
                    into[name] = typer.prompt(f"Number in EcoTaxa of the {what} {name!r}", type=int, err=True)
    return Answers(users, taxa)
