"""`tidelab new` makes one folder, and the case is in the hub, in the apps, in the reports and in the docs; nothing else changes."""

import subprocess

import pytest

from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.cli import run


def checkout_state() -> str:
    """What git sees as changed or new in the checkout; empty where it is no repository."""
    command = ["git", "-C", str(paths.checkout()), "status", "--porcelain", "--untracked-files=all"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in result.stdout.splitlines() if "demo-case" in line)


@pytest.fixture
def demo(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path))
    tracked = {
        path: path.stat().st_mtime_ns
        for path in (paths.checkout() / "notebooks").rglob("*")
        if path.is_file()
    }
    assert run(["new", "demo-case", "--title", "Demo of shapes", "--into", str(tmp_path)]) == 0
    assert run(["check", "demo-case"]) == 0
    assert {path: path.stat().st_mtime_ns for path in tracked if path.exists()} == tracked
    return load_catalogue()["demo-case"]


def test_only_its_own_folder_was_made(demo, tmp_path):
    assert [path.name for path in tmp_path.iterdir()] == ["demo-case"]
    assert checkout_state() == ""


def test_it_is_in_the_hub(demo):
    from tidehub.model_status import model_status
    from tidehub.profiles import choose, profile

    shown = profile(demo)
    assert (shown.slug, shown.title, shown.has_picture) == ("demo-case", "Demo of shapes", True)
    assert shown.app_path is not None
    assert "demo-case" in shown.app_path
    use_case, choice = choose(load_catalogue(), "demo-case", {})
    assert use_case is not None
    assert (choice.name, choice.stacks) == ("small", ("analyse",))
    assert model_status(demo).is_demo


def test_its_card_appears_in_a_running_hub_without_a_restart(demo):
    from tidehub.live_catalogue import LiveCatalogue

    live = LiveCatalogue()
    assert "second-case" not in live()
    assert run(["new", "second-case", "--into", str(demo.folder.parent)]) == 0
    assert "second-case" in live()


def test_it_is_in_the_apps(demo):
    from tidelab.apps.shown import app_notebook, load_apps

    app = load_apps()["demo-case"]
    assert app.kernel == "tidelab-analyse"
    sources = [cell.source for cell in app_notebook(app).cells]
    assert any('Analysis("demo-case"' in source for source in sources)


def test_it_is_in_the_reports(demo, capsys):
    assert run(["report", "--list"]) == 0
    assert "demo-case\tanalyse\tDemo of shapes\t" in capsys.readouterr().out


def test_it_is_in_the_docs(demo):
    from tidelab.cli.generated_docs import pages

    assert "## Demo of shapes\n\n`demo-case`: " in pages()["docs/use-cases.md"]


def test_it_gives_a_report(demo, tmp_path, capsys):
    out = tmp_path.parent / f"{tmp_path.name}-report"
    assert run(["report", "demo-case", "--out", str(out), "--quiet"]) == 0, capsys.readouterr()
    rows = (out / "results.csv").read_text().splitlines()
    assert len(rows) == 37
    truth = dict(line.split(",") for line in (demo.folder / "sample/truth.csv").read_text().splitlines()[1:])
    header = rows[0].split(",")
    image, label = header.index("image"), header.index("label")
    found = {row.split(",")[image]: row.split(",")[label] for row in rows[1:]}
    right = sum(found[name] == label for name, label in truth.items())
    assert right >= 33, "the demonstration model names its own kind of drawings"
    assert "demonstration model" in (out / "report.html").read_text()
