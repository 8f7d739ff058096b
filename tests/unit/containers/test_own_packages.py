"""Packages a person installs: where they go, that curated ones win, that people's own virtual environments are left alone."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tidelab import paths

SOURCE = paths.checkout() / "images" / "project" / "own_packages.py"
VERSION = f"py{sys.version_info[0]}{sys.version_info[1]}"
PACKAGES = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_packages", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment as an image has it: a link to a build in the store, with the module and its .pth file."""
    envs = tmp_path_factory.mktemp("envs")
    built = envs / ".store" / "analyse" / "3.11-cpu-0"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(built)], check=True)
    (envs / "analyse").symlink_to(built)
    packages = built / PACKAGES
    (packages / "_tidelab_own_packages.py").write_bytes(SOURCE.read_bytes())
    (packages / "zzz-tidelab-own-packages.pth").write_text("import _tidelab_own_packages\n")
    (packages / "curated.py").write_text("origin = 'curated'\n")
    # Stands in for pip: says what it was told.
    (packages / "pip.py").write_text(
        "import os\nfor name in ('PIP_PREFIX', 'PIP_CONSTRAINT'): print(name, os.environ.get(name))\n"
    )
    return envs / "analyse"


def run(stack: Path, home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TIDELAB_PACKAGES": "~/.tidelab/packages",
        **environment,
    }
    return subprocess.run(
        [str(stack / "bin" / "python"), *arguments], capture_output=True, text=True, env=given, check=True
    )


def test_curated_packages_win_and_own_ones_are_found(stack: Path, tmp_path: Path) -> None:
    own = tmp_path / ".tidelab" / "packages" / f"analyse-{VERSION}" / PACKAGES
    own.mkdir(parents=True)
    (own / "curated.py").write_text("origin = 'own'\n")
    (own / "mine.py").write_text("origin = 'own'\n")
    done = run(stack, tmp_path, "-c", "import curated, mine; print(curated.origin, mine.origin)")
    assert done.stdout.split() == ["curated", "own"]


def test_what_is_installed_later_is_found_by_a_kernel_that_runs(stack: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "pathlib.Path(sys.path[-1], 'later.py').write_text('x = 1')\n"
        "import later; print(later.x)"
    )
    assert run(stack, tmp_path, "-c", code).stdout.strip() == "1"


def test_pip_is_told_where_to_and_what_to_keep(stack: Path, tmp_path: Path) -> None:
    done = run(stack, tmp_path, "-m", "pip", "install", "x")
    prefix = tmp_path / ".tidelab" / "packages" / f"analyse-{VERSION}"
    lines = dict(line.split() for line in done.stdout.splitlines())
    assert lines["PIP_PREFIX"] == str(prefix)
    assert lines["PIP_CONSTRAINT"].endswith("/tidelab-pins.txt")
    assert f"packages go to {prefix}" in done.stderr


def test_a_place_that_the_person_names_is_theirs(stack: Path, tmp_path: Path) -> None:
    for option in ("--target=/x", "--prefix", "--user", "-t"):
        assert "PIP_PREFIX None" in run(stack, tmp_path, "-m", "pip", "install", option, "x").stdout


def test_nothing_is_told_to_any_other_program(stack: Path, tmp_path: Path) -> None:
    """A virtual environment of one's own, made from a terminal, keeps its own pip."""
    code = "import os; print([name for name in os.environ if name.startswith('PIP_')])"
    assert run(stack, tmp_path, "-c", code).stdout.strip() == "[]"


def test_without_the_variable_or_a_writable_home_python_starts(stack: Path, tmp_path: Path) -> None:
    for value, home in (
        ("", tmp_path),
        ("~/.tidelab/packages", Path("/proc/nowhere")),
        ("relative", tmp_path),
    ):
        done = run(stack, home, "-c", "print('started')", TIDELAB_PACKAGES=value)
        assert done.stdout.strip() == "started"
        assert done.stderr == ""
    assert not (tmp_path / ".tidelab").exists()


def test_what_counts_as_pip(module: ModuleType) -> None:
    assert module.runs_pip(["python", "-m", "pip", "install"])
    assert module.runs_pip(["/x/python", "-Xfrozen_modules=off", "-m", "pip"])
    assert module.runs_pip(["/x/python", "/x/bin/pip3.11", "list"]) == (sys.version_info[:2] == (3, 11))
    assert module.runs_pip(["/x/python", "/x/bin/pip", "list"])
    assert not module.runs_pip(["python", "-m", "pipx"])
    assert not module.runs_pip(["python", "pipeline.py"])
    assert not module.runs_pip(["python"])


def test_the_name_of_an_environment(module: ModuleType) -> None:
    assert module.environment("/opt/envs/analyse") == "analyse"
    assert module.environment("/opt/envs/.store/analyse/3.11-cpu-1") == "analyse"
