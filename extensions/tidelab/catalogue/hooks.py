"""Whether the functions a use case names are there: looked at in a process of its own, for importing them runs a stranger's code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tidelab.catalogue.errors import Problem, shorten
from tidelab.catalogue.usecase import UseCase

_SECONDS: Final = 120
_LOADER: Final = """
import importlib, json, sys
source, members = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, source)
problems = {}
for field, member in members.items():
    module, _, name = member.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except AttributeError:
        problems[field] = f"the module {module} has no {name}"
    except BaseException as error:
        text = " ".join(str(error).split())[:200]
        problems[field] = f"importing {module} fails ({type(error).__name__}: {text})"
    else:
        version = getattr(found, "VERSION", None)
        if not callable(found):
            problems[field] = f"{name} of {module} cannot be called"
        elif field.startswith("task.measures") and not (isinstance(version, str) and version):
            problems[field] = f"{name} of {module} has no text `VERSION`, by which known numbers are told from new ones"
sys.__stdout__.write("\\n" + json.dumps(problems) + "\\n")
"""


def hook_problems(use_case: UseCase, declaration: Path) -> list[Problem]:
    """Return what is wrong with the members that ``task`` names.

    They are imported in a process of its own with the use case's ``src/`` folder first on the path. A use case whose only member is a
    predictor of the toolkit costs no process: that one is tested with the toolkit.

    Parameters
    ----------
    use_case
        The use case.
    declaration
        Its ``usecase.yaml``, named in each problem.
    """
    members = {
        field: member
        for field, member in use_case.task.hooks.items()
        if not (field == "task.predictor" and member.startswith("tidelab."))
    }
    if not members:
        return []
    next_step = "Expected `package.module:name` of the toolkit or of the use case's src/ folder; correct the name or the module."
    try:
        found = _ask(use_case.source_folder, members)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        words = (
            f"names functions that could not be imported within {_SECONDS} s"
            if isinstance(error, subprocess.TimeoutExpired)
            else f"names functions that could not be looked at ({error})"
        )
        return [Problem(declaration, f"{words}: {', '.join(members.values())}.", field="task")]
    return [
        Problem(
            declaration,
            f"is {shorten(members[field])}, which cannot be used: {reason}.",
            field=field,
            next_step=next_step,
        )
        for field, reason in found.items()
    ]


def _ask(source: Path, members: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, str(source), json.dumps(members)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        # The use case's folder may be read-only, and a check leaves nothing behind.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise ValueError(f"the process that imports them ended with {done.returncode}")
    answer = json.loads(lines[-1])
    return {str(field): str(reason) for field, reason in answer.items()}
