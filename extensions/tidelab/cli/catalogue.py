"""Commands about use cases: list, check, new, schema, docs."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

from tidelab.cli._output import say, table, warn


def list_usecases() -> None:
    """List the use cases."""
    from tidelab.catalogue import load_catalogue

    catalogue = load_catalogue()
    rows = []
    for use_case in catalogue.values():
        faces = [face for face in ("lab", "app", "report") if use_case.faces(face)]
        rows.append((use_case.slug, use_case.title, ", ".join(faces), str(use_case.folder)))
    table(("NAME", "TITLE", "FACES", "FOLDER"), rows)
    for folder in catalogue.problems:
        warn(f"{folder} cannot be used: run `tidelab check {folder.name}`.")


def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Use cases; default: all.")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Strip outputs and execution counts from notebooks.")
    ] = False,
) -> None:
    """Check use cases. Declaration, files it names, notebooks, demonstration model; exit code 1 when something is wrong.

    Advice, such as an AphiaID that nobody compared with WoRMS, is no error.
    """
    from tidelab.catalogue import UnknownUseCaseError, load_catalogue
    from tidelab.catalogue.check import advice, check_usecase

    catalogue = load_catalogue()
    broken = {folder.name: error for folder, error in catalogue.problems.items()}
    wanted = names or sorted({*catalogue, *broken})
    count = 0
    for name in wanted:
        problems = list(broken[name].problems) if name in broken else []
        if name in catalogue:
            if fix:
                for notebook in catalogue[name].notebooks.values():
                    _strip(notebook.path)
            problems += check_usecase(catalogue[name])
            for note in advice(catalogue[name]):
                warn(f"Advice: {note}")
        elif name not in broken:
            raise UnknownUseCaseError(name, [*catalogue, *broken])
        for problem in problems:
            warn(str(problem))
        say(
            f"{name}: {'in order' if not problems else f'{len(problems)} problem' + 's' * (len(problems) > 1)}"
        )
        count += len(problems)
    if not wanted:
        warn("There is no use case. Make one with `tidelab new NAME`.")
    if count:
        raise typer.Exit(1)


def new(
    slug: Annotated[
        str, typer.Argument(metavar="NAME", help="Short name, e.g. noise-vessels; also the folder's.")
    ],
    title: Annotated[str | None, typer.Option(help="Title, for people. Default: made from the name.")] = None,
    author: Annotated[str, typer.Option(help="Who is named as its author.")] = "Your name",
    source: Annotated[
        str, typer.Option("--from", help="A template or use case to start from.")
    ] = "_template",
    into: Annotated[
        Path | None, typer.Option(help="Folder of use cases. Default: notebooks/ of the checkout.")
    ] = None,
) -> None:
    """Make a new use case. It works at once, with a generated sample and a demonstration model."""
    from tidelab import paths
    from tidelab.catalogue.check import check_usecase
    from tidelab.catalogue.scaffold import find_source, new_usecase

    parent = (into or paths.usecase_folders()[0]).expanduser().resolve()
    use_case = new_usecase(
        slug, title or slug.replace("-", " ").capitalize(), author, parent, find_source(source)
    )
    for problem in check_usecase(use_case):
        warn(str(problem))
    say(f"Made {use_case.folder}")
    if parent not in [folder.resolve() for folder in paths.usecase_folders()]:
        say(f"It is outside the catalogue: set TIDELAB_USECASES={parent} (several: joined with ':').")
    say(f"Next: edit {use_case.folder / 'usecase.yaml'}, then run `tidelab check {slug}`.")
    say(f"Try it: tidelab report {slug} --images sample --out {slug}-report")


def schema(
    out: Annotated[Path | None, typer.Option(help="Write it here instead of printing it.")] = None,
) -> None:
    """Print the JSON schema of usecase.yaml. Editors complete and check a declaration with it."""
    from tidelab.catalogue import usecase_schema

    text = json.dumps(usecase_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        say(text.rstrip())
    else:
        out.write_text(text, encoding="utf-8")
        say(f"Wrote {out}")


def docs(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 when a page is stale.")
    ] = False,
) -> None:
    """Make the generated documentation pages. They come from the code and the catalogue."""
    from tidelab import paths
    from tidelab.cli.generated_docs import stale_pages, write_pages

    if importlib.util.find_spec("pydantic_settings") is None:
        there = paths.env_python("dev").with_name("tidelab")
        raise typer.BadParameter(
            f"the pages need the environment `dev`: run {there} docs", param_hint="environment"
        )
    if not check_only:
        for page in write_pages():
            say(f"Wrote {page}")
        return
    stale = stale_pages()
    for name in stale:
        warn(f"{name} is stale: run `tidelab docs`.")
    if stale:
        raise typer.Exit(1)


def _strip(path: Path) -> None:
    from tidelab.catalogue.notebook_cells import strip_notebook

    try:
        before = path.read_text(encoding="utf-8")
        after = json.dumps(strip_notebook(json.loads(before)), indent=1, ensure_ascii=False) + "\n"
    except (OSError, ValueError):
        return  # named by the check that follows
    if after != before:
        path.write_text(after, encoding="utf-8")
        say(f"Stripped {path}")
