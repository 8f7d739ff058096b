"""A small checkout of its own: one environment with one package, real pip, no network."""

import base64
import hashlib
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pip
import pytest

from tidelab.environments import build

BACKEND = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tidelab-0.1.0-py3-none-any.whl"
    info = "tidelab-0.1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("_tidelab.pth", str(pathlib.Path(__file__).parent / "extensions"))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tidelab\\nVersion: 0.1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"_tidelab.pth,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return name
"""


class Checkout:
    """A folder that looks like the project's, with the environment ``tiny``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.envs = root / ".tidelab" / "envs"
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        (root / "extensions").mkdir()
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "tidelab"\nversion = "0.1.0"\n'
        )
        self.declare("tiny")

    def declare(self, name: str, text: str | None = None, kind: str = "service") -> Path:
        """Write ``images/<name>/stack.toml``."""
        folder = self.root / "images" / name
        folder.mkdir(parents=True, exist_ok=True)
        default = f"""
            name = "{name}"
            title = "Tiny"
            purpose = "tests"
            kind = "{kind}"
            {'kernel = "Tiny kernel"' if kind == "stack" else ""}
            [variants.cpu]
            size_gb = 0.01
            minutes = 0.1
        """
        file = folder / "stack.toml"
        file.write_text(textwrap.dedent(text if text is not None else default))
        return file

    def lock(self, version: str, name: str = "tiny", digest: str | None = None) -> Path:
        """Publish ``speck`` in one version and lock it, for both Python versions."""
        wheel = self.wheels / f"speck-{version}-py3-none-any.whl"
        if not wheel.exists():
            make_wheel(wheel, version)
        found = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        for tag in ("py311", "py312"):
            file = self.root / "images" / name / f"requirements-{tag}.lock"
            file.write_text(f"speck=={version} \\\n    --hash=sha256:{found}\n    # via -r requirements.in\n")
        return file

    def python(self, name: str = "tiny") -> Path:
        """Return the interpreter of an environment."""
        return self.envs / name / "bin" / "python"


def make_wheel(file: Path, version: str, name: str = "speck") -> None:
    """Write a wheel of a package with one module of its name."""
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_b64(text)},{len(text)}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, text in content.items():
            wheel.writestr(path, text)


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def quick_venv(name: str, folder: Path, *_: object) -> None:
    """Create a virtual environment whose pip is a link to ours: unpacking pip each time takes seconds of every test."""
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", folder], check=True)
    site_packages = next(folder.glob("lib/python*/site-packages"))
    (site_packages / "pip").symlink_to(Path(pip.__file__).parent)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the virtual environments of this process quickly."""
    monkeypatch.setattr(build, "create_venv", quick_venv)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Return a small checkout that `tidelab.paths` points to, with a registry that is a folder."""
    made = Checkout(tmp_path / "checkout")
    for name in [name for name in os.environ if name.startswith(("PIP_", "TIDELAB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TIDELAB_ROOT", str(made.root))
    monkeypatch.setenv("TIDELAB_VARIANT", "cpu")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.wheels))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    return made
