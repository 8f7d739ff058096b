"""``docs/use-cases.md``: one section a use case, from the catalogue."""

from collections.abc import Mapping

from tidelab.catalogue import UseCase
from tidelab.catalogue.task import Label
from tidelab.cli.pages.markdown import MADE, plain


def catalogue_page(catalogue: Mapping[str, UseCase]) -> str:
    """Return the page of use cases: one section each."""
    lines = [
        "# Use cases",
        MADE,
        "Each is one folder of `notebooks/`; see [how to add one](howto/add-a-use-case.md).",
        "",
    ]
    for use_case in catalogue.values():
        lines += _section(use_case)
    return "\n".join(lines).rstrip() + "\n"


def _section(use_case: UseCase) -> list[str]:
    lines = [
        f"## {plain(use_case.title)}",
        "",
        f"`{use_case.slug}`: {plain(use_case.summary)}",
        "",
        plain(use_case.description),
        "",
    ]
    if use_case.app:
        lines += [f"- **In**: {plain(use_case.app.inputs)}", f"- **Out**: {plain(use_case.app.outputs)}"]
    lines += [f"- **Classes** ({len(use_case.labels)}): {'; '.join(map(_class, use_case.labels))}"]
    for notebook in use_case.notebooks.values():
        parameters = ", ".join(
            f"`{name}` ({_default(value.default)})" for name, value in notebook.parameters.items()
        )
        lines.append(
            f"- **{plain(notebook.title)}**: `{notebook.file}`, stack `{notebook.stack}`, as {', '.join(notebook.faces)}"
            + (f"; parameters {parameters}" if parameters else "")
        )
    for source in use_case.model.published:
        place = f"https://doi.org/{source.doi}" if source.doi else source.url
        lines.append(f"- **Published model**: {plain(source.title)}, {plain(source.licence)}, <{place}>")
    lines += [f"- **Sample**: {plain(use_case.sample.title)}, {plain(use_case.sample.licence)}"]
    lines += [
        f"- **People**: {', '.join(f'{plain(person.name)} ({person.role})' for person in use_case.people)}"
    ]
    return [*lines, f"- **Cite**: {plain(use_case.citation.text)}", ""]


def _class(label: Label) -> str:
    """Return a class in words: title, kind, rank, life stage, AphiaID and whether a person compared it with WoRMS."""
    parts: list[str] = [label.kind, *(plain(part) for part in (label.rank, label.life_stage) if part)]
    if label.aphia_id:
        checked = f"checked on {label.aphia_checked}" if label.aphia_checked else "not checked"
        parts.append(f"AphiaID {label.aphia_id} {checked}")
    return f"{plain(label.shown)} ({', '.join(parts)})"


def _default(value: object) -> str:
    return "empty unless given" if value is None or value == "" else f"default `{value}`"
