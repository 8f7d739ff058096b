"""Digest of the code that a cached result stands for; the accepted ones are ``tests/data/inference_digests.json``, and beside its tests those
of a use case's own code (``notebooks/<slug>/tests/inference_digests.json``).

    python -m tests.support.inference_digests

writes the digests of predictors whose version was raised. Where the code changed and no prediction can differ (a renamed
variable), ``--same-predictions`` accepts it without a new version. Comments, docstrings and formatting do not count.
"""

import ast
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tidelab.catalogue import load_catalogue
from tidelab.models import predictor_class
from tidelab.runs import keys
from tidelab.runs.hooks import load_hooks
from tidelab.runs.inputs.particles import RULE
from tidelab.science.particle_size import MEASURE

FILE = Path(__file__).resolve().parents[1] / "data" / "inference_digests.json"
OWN_FILE = Path("tests") / FILE.name
"""In the folder of a use case: what it computes with of its own, so that adding one changes no file of the project."""
DECODING = "tidelab.runs.keys:SCHEMA"
MEASURING = "tidelab.science.particle_size:MEASURE"
CUTTING = "tidelab.runs.inputs.particles:RULE"
SHIPPED = ("tidelab.models.classifier:ImageClassifier", "tidelab.models.detector:ObjectDetector")
"""Predictors of the toolkit: guarded whether or not a use case names them."""
_IGNORED = {"ctx", "type_params", "type_comment", "kind"}
_COUNTED = ("tidelab.science.", "tidelab.models.thumbnail")


def source_of(module: str) -> str:
    """Return the source of a module without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec
    assert spec.origin
    return Path(spec.origin).read_text(encoding="utf-8")


def meaning(node: object) -> object:
    """Return a syntax tree as nested lists, without positions, comments, docstrings and what differs between Pythons."""
    if isinstance(node, list):
        return [meaning(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        # Any bare string is a note to the reader.
        kept = [
            one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        ]
        node.body = kept
    return [
        type(node).__name__,
        *((name, meaning(value)) for name, value in ast.iter_fields(node) if name not in _IGNORED),
    ]


def digest(modules: Iterable[str]) -> str:
    """Return one sha256 over the meaning of several modules."""
    parts = [(module, meaning(ast.parse(source_of(module)))) for module in sorted(modules)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def imported(module: str) -> set[str]:
    """Return the modules of the toolkit's arithmetic that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source_of(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith(_COUNTED) and _is_module(name)}


def own_modules(module: str) -> tuple[str, ...]:
    """Return a module of a use case and those of its own package that it computes with, wherever they are imported."""
    package, found, waiting = module.partition(".")[0], {module}, [module]
    while waiting:
        for node in ast.walk(ast.parse(source_of(waiting.pop()))):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if name.startswith(f"{package}.") and name not in found:
                found.add(name)
                waiting.append(name)
    return tuple(sorted(found))


def computed_with(module: str) -> tuple[str, ...]:
    """Return a module of a use case, those of its package that it computes with, and the toolkit's arithmetic behind them."""
    found = set(own_modules(module))
    waiting = list(found)
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return tuple(sorted(found))


def current() -> dict[str, dict[str, str]]:
    """Return version and digest of every predictor of the catalogue, and of the decoding of images."""
    sources = {
        DECODING: (str(keys.SCHEMA), keys.SOURCES),
        MEASURING: (MEASURE, ("tidelab.science.particle_size", "tidelab.science.region_features")),
        CUTTING: (RULE, ("tidelab.runs.inputs.particles",)),
    }
    folders: dict[str, list[str]] = {spec: [] for spec in SHIPPED}
    folders |= {one.task.predictor: [str(one.source_folder)] for one in load_catalogue().values()}
    for spec, search in folders.items():
        made = predictor_class(spec, search)
        sources[spec] = (made.INFERENCE_VERSION, made.SOURCES)
    for use_case in load_catalogue().values():
        hooks = load_hooks(use_case)
        for name, measure in hooks.measures.items():
            sources[name] = (measure.VERSION, own_modules(name.partition(":")[0]))
        if hooks.reader:
            # A reader that keeps what it computed says what stands for its code.
            versions = getattr(inspect.getmodule(hooks.reader[1]), "VERSIONS", {})
            for name, (version, followed) in versions.items():
                module = name.partition(":")[0]
                sources[name] = (version, computed_with(module) if followed else (module,))
    return {
        spec: {"version": version, "digest": digest(modules)}
        for spec, (version, modules) in sorted(sources.items())
    }


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def files() -> dict[str, Path]:
    """Return file by package: ``tidelab``, and the module of each use case that has one."""
    cases = load_catalogue().values()
    own = {one.slug.replace("-", "_"): one.folder / OWN_FILE for one in cases if one.source_folder.is_dir()}
    return {"tidelab": FILE, **own}


def accepted() -> dict[str, dict[str, str]]:
    """Return version and digest as they were accepted."""
    found: dict[str, dict[str, str]] = {}
    for file in files().values():
        found |= json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def main() -> None:
    """Accept the code as it is."""
    known, now = accepted(), current()
    for spec, one in now.items():
        before = known.get(spec, {})
        changed = before and before["digest"] != one["digest"] and before["version"] == one["version"]
        if changed and "--same-predictions" not in sys.argv:
            sys.exit(
                f"{spec}: its sources changed and its version is still {one['version']}. Raise it, or see --same-predictions."
            )
    for package, file in files().items():
        part = {spec: one for spec, one in now.items() if spec.startswith(f"{package}.")}
        if part:
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(part, indent=2) + "\n", encoding="utf-8")
        else:
            file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
