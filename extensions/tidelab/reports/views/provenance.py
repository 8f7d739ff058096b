"""Where the numbers come from, so that someone else can get them again."""

from typing import Any, Final

from markupsafe import Markup

from tidelab.reports.display import Displayable, section, table
from tidelab.reports.source import use_case_of
from tidelab.runs import RunFolder
from tidelab.runs.methods import parameter_words
from tidelab.runs.shown_paths import shown_parameters

_DEPTH: Final = 2
_MOST_ROWS: Final = 60
_LONGEST: Final = 200


def provenance(run: RunFolder) -> Displayable:
    """Return model, parameters, versions and times of a run, and what to cite."""
    request = run.request
    use_case = use_case_of(run)
    analyse = use_case.notebooks.get("analyse") if use_case else None
    titles = {name: one.title for name, one in analyse.parameters.items()} if analyse else {}
    rows: list[tuple[str | Markup, str | Markup]] = [
        ("Run", run.run_id),
        ("Use case", request.use_case),
        ("Person", request.person),
        ("Model", f"{request.model.name} {request.model.version}".strip()),
        ("Model digest", request.model.digest),
        *(
            (titles.get(name, f"Parameter {name}"), parameter_words(name, value))
            for name, value in shown_parameters(request.parameters, use_case, run.runs_root).items()
        ),
    ]
    more = [
        (name, value)
        for name, value in _flat(run.manifest())
        if name.split(" · ")[0] not in ("parameters", "model", "run_id", "use_case", "person")
    ]
    body = table(["What", "Value"], rows)
    if use_case is not None:
        cited = Markup("{}").format(use_case.citation.text)
        if use_case.citation.url:
            cited += Markup(' <a href="{}" rel="noopener noreferrer" target="_blank">{}</a>').format(
                str(use_case.citation.url), str(use_case.citation.url)
            )
        body = Markup("<p><b>Please cite:</b> {}</p>").format(cited) + body
    if use_case is not None:
        body += Markup('<p class="tl-policy"><b>Your data:</b> {}</p>').format(use_case.data_policy.sentence)
    if more:
        body += Markup("<details><summary>All that is known of this run</summary>{}</details>").format(
            table(["What", "Value"], more[:_MOST_ROWS])
        )
    return section(body, "\n".join(f"{name}: {value}" for name, value in rows), "tl-provenance")


def _flat(value: Any, name: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Return nested names and values as rows; long lists as their length."""
    if isinstance(value, dict) and depth <= _DEPTH:
        return [
            row
            for key, inner in value.items()
            for row in _flat(inner, f"{name} · {key}" if name else str(key), depth + 1)
        ]
    if isinstance(value, list | dict):
        return [(name, f"{len(value)} entries in manifest.json")]
    text = str(value)
    return [(name, text if len(text) <= _LONGEST else text[:_LONGEST] + "…")]
