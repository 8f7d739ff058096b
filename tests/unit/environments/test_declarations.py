"""The declared environments and their locks: the repository's own, and broken ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tidelab.environments import DeclarationError, load_environments
from tidelab.environments.lock import problems
from tidelab.environments.machine import SUPPORTED
from tidelab.environments.model import lock_digest, pins

ENVIRONMENTS = load_environments()
LOCKS = [
    (environment, python, variant)
    for environment in ENVIRONMENTS.values()
    for python in SUPPORTED
    for variant in environment.variants
    if environment.requirements(variant).exists()
]


def requirements(file):
    for line in file.read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            yield from requirements(file.parent / text[3:])
        elif text:
            yield Requirement(text)


@pytest.mark.parametrize(
    ("environment", "python", "variant"), LOCKS, ids=lambda value: getattr(value, "name", value)
)
def test_lock_is_complete_and_carries_no_place(environment, python, variant):
    lock = environment.lock(python, variant)
    assert lock.exists(), "run `make lock`"
    assert problems(lock) == []
    by_machine = dict(pin.split("==") for pin in environment.variant(variant).by_machine)
    assert not by_machine.keys() & pins(lock).keys(), "pinned by name, so its digest must not be locked"
    locked = {**pins(lock), **by_machine}
    for requirement in requirements(environment.requirements(variant)):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{lock} lacks {requirement.name}: run `make lock`"
        assert version in requirement.specifier, f"{lock} has {requirement.name} {version}: run `make lock`"


@pytest.mark.parametrize("name", [name for name, environment in ENVIRONMENTS.items() if environment.extends])
def test_layer_agrees_with_what_it_lies_on(name):
    environment = ENVIRONMENTS[name]
    for python in SUPPORTED:
        base = pins(ENVIRONMENTS[environment.extends].lock(python))
        assert {
            package: (version, base[package])
            for package, version in pins(environment.lock(python)).items()
            if base.get(package, version) != version
        } == {}


def test_npm_lock_names_no_registry_and_pins_every_package():
    import json

    lock = json.loads((ENVIRONMENTS["proxy"].folder / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/configurable-http-proxy"]["version"] == "5.3.0"
    assert all("resolved" not in package and package["integrity"] for package in packages.values())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("x >= 1 \\\n    --hash=sha256:ab\nopencv-python==5.0.0 \\\n    --hash=sha256:ab\n", "opencv-python"),
        ("rfc3987_syntax==1.1.0 \\\n    --hash=sha256:ab\n", "rfc3987-syntax"),
        ("torch==2.13.0+cpu \\\n    --hash=sha256:ab\n", "local version"),
        (
            "speck==1.0 \\\n    --hash=sha256:ab\n    # via -r /home/ada/tidelab/requirements.in\n",
            "place or a host",
        ),
        (
            "--index-url https://packages.example.org/simple\nspeck==1.0 \\\n    --hash=sha256:ab\n",
            "place or a host",
        ),
        ("speck==1.0\n", "no hash"),
    ],
)
def test_unsound_lock_is_named(tmp_path, wrong, message):
    lock = tmp_path / "requirements-py311.lock"
    lock.write_text(wrong)
    found = problems(lock)
    assert len(found) == 1
    assert message in found[0]


@given(st.lists(st.sampled_from(["# via x", "", "   ", "    # via\n    #   y"])), st.integers(0, 3))
def test_comments_do_not_change_a_digest_but_a_version_does(tmp_path_factory, comments, position):
    lock = tmp_path_factory.mktemp("lock") / "requirements-py311.lock"
    lines = ["a==1 \\", "    --hash=sha256:aa", "b==2 \\", "    --hash=sha256:bb"]
    lock.write_text("\n".join(lines))
    plain = lock_digest(lock)
    lock.write_text("\n".join([*lines[:position], *comments, *lines[position:]]))
    assert lock_digest(lock) == plain
    assert pins(lock) == {"a": "1", "b": "2"}
    lock.write_text("\n".join(lines).replace("b==2", "b==3"))
    assert lock_digest(lock) != plain


GOOD = """
name = "tiny"
title = "Tiny"
purpose = "tests"
kind = "stack"
kernel = "Tiny"
[variants.cpu]
size_gb = 1.5
minutes = 2
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "tiny"', 'name = "other"'), "name is 'other', but it must equal the folder's name, 'tiny'"),
        (('title = "Tiny"', "title = 3"), "title is 3, but it must be a text"),
        (('title = "Tiny"', 'title = " "'), "title is ' ', but it must be a text"),
        (
            ('kind = "stack"', 'kind = "pile"'),
            "kind is 'pile', but it must be one of stack, service, tool, node",
        ),
        (('kernel = "Tiny"', ""), "kernel is None, but a stack names its kernel"),
        (('kernel = "Tiny"', 'kernel = "Tiny"\nkernle = "x"'), "kernle is 'x', but only"),
        (
            ('kernel = "Tiny"', 'kernel = "Tiny"\nextends = "nothing"'),
            "extends is 'nothing', but it must name an environment",
        ),
        (("size_gb = 1.5", "size_gb = 0"), "variants.cpu.size_gb is 0, but it must be a number above zero"),
        (
            ("minutes = 2", "minutes = true"),
            "variants.cpu.minutes is True, but it must be a number above zero",
        ),
        (("variants.cpu", "variants.rocm"), "variants is {'rocm'"),
        (("[variants.cpu]", "[variants.cpu"), "not valid TOML"),
        (("minutes = 2", 'minutes = 2\nby_machine = "torch==2"'), "variants.cpu.by_machine is 'torch==2'"),
        (("minutes = 2", 'minutes = 2\nby_machine = ["torch==2.13.0+cpu"]'), "without a local version"),
        (
            ("minutes = 2", 'minutes = 2\nby_machine = ["--pre", "torch==2"]'),
            "variants.cpu.by_machine is ['--pre'",
        ),
        (('kernel = "Tiny"', 'kernel = "Tiny"\nstartup = ["os; print(1)"]'), "startup is ['os; print(1)']"),
    ],
)
def test_broken_declaration_names_file_field_value_and_rule(checkout, change, message):
    file = checkout.declare("tiny", GOOD.replace(*change))
    with pytest.raises(DeclarationError, match=re.escape(message)) as caught:
        load_environments()
    assert str(file) in str(caught.value)


def test_new_folder_is_a_new_environment(checkout):
    checkout.declare("extra", kind="stack")
    assert list(load_environments()) == ["extra", "tiny"]
