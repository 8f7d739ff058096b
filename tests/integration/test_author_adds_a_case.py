"""A use case with reader, measure, product and view, made as ``docs/howto/own-parts.md`` says, and nothing but its folder."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup
from PIL import Image

from tests.support.faces import newest_run
from tidelab import paths

PAGE = paths.checkout() / "docs" / "howto" / "own-parts.md"
CASE = "reef-green"


def blocks() -> list[tuple[str, str]]:
    """Return language and text of the code blocks of the page's example, in order."""
    example = PAGE.read_text(encoding="utf-8").partition("## A whole example")[2]
    return re.findall(r"```(\w*)\n(.*?)```", example, re.DOTALL)


def tidelab(folder: Path, *arguments: str) -> str:
    """Run the command in the folder where the author stands; return what it prints."""
    program = paths.env_python("analyse").with_name("tidelab")
    env = {
        **os.environ,
        "TIDELAB_USECASES": str(folder / "cases"),
        "TIDELAB_RUNS": str(folder / "runs"),
    }
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow_the_page(folder: Path) -> None:
    """Write what the page says into the folder of the use case."""
    (module := folder / "src" / CASE.replace("-", "_")).mkdir(parents=True)
    (module / "__init__.py").touch()
    declaration = folder / "usecase.yaml"
    notebook = json.loads((folder / "analyse.ipynb").read_text(encoding="utf-8"))
    for language, text in blocks():
        name = re.match(r"# (src/\S+)\n", text)
        if name:
            (folder / name[1]).write_text(text.partition("\n")[2], encoding="utf-8")
        elif language == "yaml":
            old = "task:\n  kind: image-classification\n"
            assert old in declaration.read_text(encoding="utf-8")
            declaration.write_text(
                declaration.read_text(encoding="utf-8").replace(old, text), encoding="utf-8"
            )
        elif language == "python":
            _show(notebook, text.strip())
    (folder / "analyse.ipynb").write_text(
        json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _show(notebook: dict[str, list[dict[str, object]]], source: str) -> None:
    cells = notebook["cells"]
    made = next(at for at, cell in enumerate(cells) if "analysis = Analysis(" in "".join(cell["source"]))  # type: ignore[arg-type]
    lines = "".join(cells[made]["source"])  # type: ignore[arg-type]
    cells[made]["source"] = lines.replace("analysis.form()", 'own = analysis.own("views")\nanalysis.form()')
    tags = {"tags": ["result"]}
    code = {
        "cell_type": "code",
        "id": "green",
        "metadata": tags,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    cells += [{"cell_type": "markdown", "id": "green-text", "metadata": tags, "source": "## How green"}, code]


def test_an_author_follows_the_page_and_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (new, _, check, report) = [
        line.split()[1:] if line.startswith("tidelab") else []
        for language, text in blocks()
        if not language
        for line in text.splitlines()
    ]
    assert (new[:2], check, report[:2]) == (["new", CASE], ["check", CASE], ["report", CASE])
    tidelab(tmp_path, "new", CASE, "--title", "Green on reefs", "--into", "cases")
    follow_the_page(tmp_path / "cases" / CASE)
    assert f"{CASE}: in order" in tidelab(tmp_path, *check)

    pictures = tmp_path / "my-pictures" / "north"
    pictures.mkdir(parents=True)
    (pictures / "site.txt").write_text("North <b>reef</b>\n", encoding="utf-8")
    for name, rows in (("bare", 0), ("half", 20), ("full", 40)):
        pixels = np.full((40, 30, 3), (120, 60, 60), np.uint8)
        pixels[:rows] = (10, 150, 20)
        Image.fromarray(pixels).save(pictures / f"{name}.png")
    tidelab(tmp_path, *report)

    run = newest_run(tmp_path / "runs", CASE)
    statistics = pd.read_csv(run / "statistics.csv").set_index("image")["green_share"]
    assert statistics.to_dict() == {"north/bare.png": 0.0, "north/full.png": 1.0, "north/half.png": 0.5}
    table = pd.read_csv(run / "products" / "green.csv")
    assert table.to_dict("records") == [
        {"sample_id": "north", "green_share": 0.5, "station": "North <b>reef</b>"}
    ]
    page = BeautifulSoup(
        (tmp_path / "green-report" / "report.html").read_text(encoding="utf-8"), "html.parser"
    )
    assert "How green" in page.get_text()
    assert "North <b>reef</b>" in page.get_text()
    assert [cell.get_text() for cell in page.find_all("td") if cell.get_text().endswith("%")][-3:] == [
        "0%",
        "100%",
        "50%",
    ]
    assert (tmp_path / "green-report" / "products" / "green.csv").is_file() or list(
        (tmp_path / "green-report").rglob("green.csv")
    )
