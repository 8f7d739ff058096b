"""Environments as declared in ``images/<name>/stack.toml``."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelab import paths
from tidelab.environments.errors import DeclarationError, UnknownEnvironmentError

KINDS = {
    "stack": "what a kernel runs in",
    "service": "what a process of the hub runs in",
    "tool": "what developers use",
    "node": "a program from npm",
}
_FIELDS = {"name", "title", "purpose", "kind", "kernel", "extends", "variants", "startup"}
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_MODULE = re.compile(r"tidelab(\.[a-z_][a-z0-9_]*)+")
_BY_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!]*")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Variant:
    """One build of an environment: ``size_gb`` on disk and ``minutes`` to install on two cores, both measured once.

    ``by_machine`` pins (``name==version``) what is installed by name after the lock: packages whose build depends on the machine
    (torch for this processor or that GPU), so that no digest of one file would hold everywhere.
    """

    name: str
    size_gb: float
    minutes: float
    by_machine: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """One environment: what it is for, what it costs and where its locks are.

    ``kernel`` is the display name of the kernel of a stack (else None); ``extends`` names the environment that a thin layer lies on;
    ``startup`` names modules of the toolkit that every interpreter of the environment imports when it starts.
    """

    name: str
    title: str
    purpose: str
    kind: str
    kernel: str | None
    extends: str | None
    variants: Mapping[str, Variant]
    folder: Path
    startup: tuple[str, ...] = ()

    @property
    def is_stack(self) -> bool:
        """Whether kernels run in it."""
        return self.kind == "stack"

    def variant(self, wanted: str) -> Variant:
        """Return the wanted variant (``cpu`` or ``cuda``), or ``cpu`` where the environment knows no other."""
        return self.variants.get(wanted, self.variants["cpu"])

    def lock(self, python: str, variant: str = "cpu") -> Path:
        """Return the lock for one Python version (``3.11``), whether it exists or not."""
        suffix = "" if variant == "cpu" else f"-{variant}"
        return self.folder / f"requirements-{python_tag(python)}{suffix}.lock"

    def requirements(self, variant: str = "cpu") -> Path:
        """Return the file that the lock is resolved from."""
        return self.folder / ("requirements.in" if variant == "cpu" else f"requirements-{variant}.in")


def python_tag(python: str) -> str:
    """Return the tag of a Python version in lock names.

    >>> python_tag("3.11")
    'py311'
    """
    return "py" + python.replace(".", "")


def canonical(name: str) -> str:
    """Return a distribution's name in the one spelling that comparisons use (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: Path) -> dict[str, str]:
    """Return ``{canonical name: version}`` of a lock."""
    return {canonical(name): version for name, version in _PIN.findall(lock.read_text(encoding="utf-8"))}


def lock_digest(lock: Path) -> str:
    """Return the SHA-256 of what a lock pins: comments and blank lines do not count, so re-annotating reinstalls nothing."""
    lines = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    content = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(content.encode()).hexdigest()


def images_folder() -> Path:
    """Return the folder that declares the environments."""
    return paths.checkout() / "images"


def load_environments(images: Path | None = None) -> dict[str, Environment]:
    """Return every declared environment by name.

    Parameters
    ----------
    images
        Folder to read; default: ``images/`` of the checkout.

    Raises
    ------
    DeclarationError
        Naming file, field, value and rule.
    """
    files = sorted((images or images_folder()).glob("*/stack.toml"))
    found = {environment.name: environment for environment in map(load_environment, files)}
    for environment in found.values():
        if environment.extends is not None and environment.extends not in found:
            file = environment.folder / "stack.toml"
            raise DeclarationError.for_field(
                file, "extends", environment.extends, "it must name an environment"
            )
    return found


def get_environment(name: str) -> Environment:
    """Return one environment; raises `UnknownEnvironmentError` naming the known ones."""
    known = load_environments()
    if name not in known:
        raise UnknownEnvironmentError.for_name(name, list(known))
    return known[name]


def stacks() -> dict[str, Environment]:
    """Return the environments that kernels run in, by name."""
    return {name: environment for name, environment in load_environments().items() if environment.is_stack}


def load_environment(file: Path) -> Environment:
    """Return the environment that one ``stack.toml`` declares; raises `DeclarationError`."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{file}: not valid TOML ({error}).") from None
    for field in raw.keys() - _FIELDS:
        raise DeclarationError.for_field(
            file, field, raw[field], f"only {', '.join(sorted(_FIELDS))} are known"
        )
    name = _text(file, raw, "name")
    if name != file.parent.name or not _NAME.fullmatch(name):
        raise DeclarationError.for_field(
            file, "name", name, f"it must equal the folder's name, {file.parent.name!r}"
        )
    kind = _text(file, raw, "kind")
    if kind not in KINDS:
        raise DeclarationError.for_field(file, "kind", kind, f"it must be one of {', '.join(KINDS)}")
    if (kind == "stack") != ("kernel" in raw):
        raise DeclarationError.for_field(
            file, "kernel", raw.get("kernel"), "a stack names its kernel, and nothing else does"
        )
    return Environment(
        name=name,
        title=_text(file, raw, "title"),
        purpose=_text(file, raw, "purpose"),
        kind=kind,
        kernel=_text(file, raw, "kernel") if kind == "stack" else None,
        extends=_text(file, raw, "extends") if "extends" in raw else None,
        variants=_variants(file, raw.get("variants")),
        folder=file.parent,
        startup=_texts(
            file, "startup", raw.get("startup", []), _MODULE, "it must list modules, such as tidelab.x.y"
        ),
    )


def _text(file: Path, raw: Mapping[str, Any], field: str) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DeclarationError.for_field(file, field, value, "it must be a text")
    return value


def _texts(file: Path, field: str, raw: object, form: re.Pattern[str], rule: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(each, str) and form.fullmatch(each) for each in raw):
        raise DeclarationError.for_field(file, field, raw, rule)
    return tuple(raw)


def _variants(file: Path, raw: object) -> dict[str, Variant]:
    if not isinstance(raw, dict) or "cpu" not in raw or raw.keys() - {"cpu", "cuda"}:
        raise DeclarationError.for_field(
            file, "variants", raw, "it must be a table with `cpu` and perhaps `cuda`"
        )
    variants = {}
    for name, fields in raw.items():
        for field in ("size_gb", "minutes"):
            value = fields.get(field) if isinstance(fields, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise DeclarationError.for_field(
                    file, f"variants.{name}.{field}", value, "it must be a number above zero"
                )
        rule = "it must list pins without a local version, such as torch==2.13.0"
        named = _texts(file, f"variants.{name}.by_machine", fields.get("by_machine", []), _BY_MACHINE, rule)
        variants[name] = Variant(name, float(fields["size_gb"]), float(fields["minutes"]), named)
    return variants
