"""The brightness use case with the real analyse notebook, and each of the three faces as a person uses it."""

import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import yaml

from tests.support.brightness import make_use_case
from tidelab import paths
from tidelab.catalogue import UseCase, load_usecase

REAL = "flowcam-plankton"


def make_case(parent: Path, slug: str = "brightness-case") -> UseCase:
    """Make a use case whose predictor can be slowed down, with the cells of the real notebook."""
    use_case = make_use_case(parent, slug)
    notebook = (paths.checkout() / "notebooks" / REAL / "analyse.ipynb").read_text(encoding="utf-8")
    (use_case.folder / "analyse.ipynb").write_text(notebook.replace(REAL, slug), encoding="utf-8")
    # What the cells pass on must be declared, and the real declaration says what that is.
    real = yaml.safe_load(
        (paths.checkout() / "notebooks" / REAL / "usecase.yaml").read_text(encoding="utf-8")
    )
    file = use_case.folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    ours = declared["notebooks"]["analyse"]["parameters"]
    declared["notebooks"]["analyse"]["parameters"] = real["notebooks"]["analyse"]["parameters"] | ours
    declared.setdefault("samples", {"fields": real["samples"]["fields"]})
    file.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return load_usecase(use_case.folder)


def run_lab(use_case: UseCase, folder: Path, person: str, images: str) -> Path:
    """Execute the notebook as Lab's Run All does, with its parameters cell edited; return the run's folder."""
    notebook = nbformat.read(use_case.notebook("analyse").path, as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace('images = "sample"', f"images = {images!r}")
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "analyse.ipynb")
    shutil.copytree(use_case.folder / "sample", folder / "sample", dirs_exist_ok=True)
    program = (
        "import nbformat, nbclient, sys\n"
        "nb = nbformat.read('analyse.ipynb', as_version=4)\n"
        "nbclient.NotebookClient(nb, kernel_name='tidelab-analyse', timeout=240).execute()\n"
        "nbformat.write(nb, 'executed.ipynb')\n"
    )
    runs = folder / "runs"
    env = {**os.environ, "JUPYTERHUB_USER": person, "TIDELAB_RUNS": str(runs)}
    env.pop("TIDELAB_CACHE", None)
    done = subprocess.run(
        [str(paths.env_python("analyse")), "-c", program],
        cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return newest_run(runs, use_case.slug)


def newest_run(runs: Path, slug: str) -> Path:
    """Return the newest run below a folder of runs."""
    return max(
        (path for path in (runs / slug).iterdir() if (path / "request.json").exists()),
        key=lambda path: path.name,
    )
