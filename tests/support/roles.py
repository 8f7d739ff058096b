"""The roles of the playbook as files: their defaults, specifications and tasks, and their templates rendered without Ansible."""

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import yaml

from tidelab import paths

ROOT = paths.checkout() / "ansible"
# What Ansible itself knows of a host, and what group_vars of ours never set.
FACTS = {
    "inventory_hostname": "lab.example.org",
    "playbook_dir": "/checkout/ansible",
    "ansible_managed": "Ansible managed",
}


def roles() -> list[str]:
    """Return the names of the roles."""
    return sorted(folder.name for folder in (ROOT / "roles").iterdir() if folder.is_dir())


def read(role: str, file: str) -> Any:
    """Return a YAML file of a role; None where there is none."""
    path = ROOT / "roles" / role / file
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def tasks(role: str) -> Iterator[dict[str, Any]]:
    """Yield every task and handler of a role, those inside blocks too."""
    for folder in ("tasks", "handlers"):
        for file in sorted((ROOT / "roles" / role / folder).glob("*.yml")):
            yield from _flat(yaml.safe_load(file.read_text(encoding="utf-8")))


def _flat(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from _flat(entry.get(part, []))


def templates(role: str) -> list[Path]:
    """Return the templates of a role."""
    return sorted((ROOT / "roles" / role / "templates").glob("*.j2"))


@cache
def filters() -> ModuleType:
    """Return our filter plugin; Ansible's error class, all it takes from Ansible, is made up where Ansible is not installed."""
    if "ansible.errors" not in sys.modules:
        fake = ModuleType("ansible.errors")
        fake.AnsibleFilterError = type("AnsibleFilterError", (Exception,), {})  # type: ignore[attr-defined]
        sys.modules.setdefault("ansible", ModuleType("ansible"))
        sys.modules["ansible.errors"] = fake
    file = ROOT / "roles" / "tidelab" / "filter_plugins" / "tidelab.py"
    spec = importlib.util.spec_from_file_location("tidelab_filters", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def defaults(**chosen: Any) -> dict[str, Any]:
    """Return the variables of all roles as a play has them, one resolved through the other."""
    raw = {
        **FACTS,
        **{
            name: value for role in roles() for name, value in (read(role, "defaults/main.yml") or {}).items()
        },
        **chosen,
    }
    environment = _environment(None)
    for _ in range(5):
        raw = {name: _resolved(environment, value, raw) for name, value in raw.items()}
    return raw


def _resolved(environment: jinja2.Environment, value: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or "{{" not in value:
        return value
    text = environment.from_string(value).render(known)
    return {"True": True, "False": False}.get(text, text)  # Ansible keeps the type


def render(template: Path, **chosen: Any) -> str:
    """Return a template rendered with the defaults and what is chosen besides."""
    environment = _environment(jinja2.FileSystemLoader(template.parent))
    return environment.get_template(template.name).render(defaults(**chosen))


def _environment(loader: jinja2.BaseLoader | None) -> jinja2.Environment:
    # Ansible's own settings: undefined is an error, a block's line break goes, a final one stays.
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= filters().FilterModule().filters()
    environment.filters["combine"] = lambda one, *others, recursive=False: {
        k: v for part in (one, *others) for k, v in part.items()
    }
    environment.filters["dirname"] = lambda path: str(Path(path).parent)
    environment.filters["to_nice_json"] = lambda value: json.dumps(value, indent=4, sort_keys=True)
    return environment
