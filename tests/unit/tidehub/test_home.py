"""What the home page derives from runs and use cases."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tidehub.pages.home import run_lines
from tidehub.profiles import profile
from tidehub.services import service_definitions, service_prefix
from tidehub.settings import Settings
from tidelab import paths
from tidelab.catalogue import load_catalogue


@pytest.mark.parametrize("name", ["20260102T030405678Z-ab12cd", "a&b=c#d e"])
def test_a_recent_analysis_leads_to_the_app_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    for use_case in ("flowcam-plankton", "gone"):
        file = paths.user_runs("ada") / use_case / name / "state.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"status": "done", "done": 3, "total": 3}))
    profiles = {slug: profile(use_case) for slug, use_case in load_catalogue().items()}
    shown = {line.title: line.path for line in run_lines("ada", profiles)}
    known = profiles["flowcam-plankton"]
    path = shown[known.title]
    assert path is not None
    assert urlsplit(path).path == known.app_path
    assert parse_qs(urlsplit(path).query) == {"run": [name]}
    assert shown["gone"] is None, "without an app there is nothing to open"


def test_the_promotion_finds_mlflow_below_its_own_prefix() -> None:
    made = {service.name: service for service in service_definitions(Settings())}
    assert f"{made['models'].variables['TIDELAB_MLFLOW_URL']}/" == made["mlflow"].url + service_prefix(
        "mlflow"
    )
