"""Installing with real pip from a folder of wheels. Several at once, kill -9 and the command line: tests/integration/test_install.py."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.support.small_checkout import make_wheel
from tidelab.environments import (
    InstallError,
    Progress,
    UnknownEnvironmentError,
    build,
    install,
    is_installed,
    machine,
    missing,
    processes,
    state,
)

REPOSITORY = Path(__file__).resolve().parents[3]


def version_in(python: Path) -> str:
    done = subprocess.run(
        [python, "-c", "import speck; print(speck.VERSION)"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_first_installation_then_nothing_then_changed_lock(quick, checkout, monkeypatch):
    checkout.lock("1.0")
    seen: list[Progress] = []
    stamp = install("tiny", seen.append)
    assert version_in(checkout.python()) == "1.0"
    assert stamp.python in machine.SUPPORTED
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert (seen[-1].step, fractions[-1]) == ("done", 1.0)
    assert any(progress.step == "install" and progress.total == 1 for progress in seen)

    with monkeypatch.context() as patch:
        patch.setattr(processes, "run", lambda *_, **__: pytest.fail("a second run starts no process"))
        before = time.perf_counter()
        assert install("tiny") == stamp
        assert time.perf_counter() - before < 1.0

    first = (checkout.envs / "tiny").resolve()
    checkout.lock("1.1")
    assert [environment.name for environment in missing(["tiny"])] == ["tiny"]
    install("tiny")
    assert version_in(checkout.python()) == "1.1"
    assert not first.exists(), "the replaced build takes no disk"


def test_wrong_hash_leaves_the_previous_installation(quick, checkout):
    checkout.lock("1.0")
    install("tiny")
    checkout.lock("1.1", digest="0" * 64)
    with pytest.raises(InstallError) as caught:
        install("tiny")
    assert "SHA-256 differs" in caught.value.what
    assert "pip cache purge" in caught.value.remedy
    assert Path(caught.value.log).read_text().count("speck")
    assert version_in(checkout.python()) == "1.0"
    assert len(list((checkout.envs / ".store" / "tiny").iterdir())) == 1, "no half build stays"


def test_no_network_says_so(quick, checkout, monkeypatch):
    checkout.lock("1.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(InstallError) as caught:
        install("tiny")
    assert "cannot be reached" in caught.value.what
    assert "network" in caught.value.remedy
    assert "secret" not in str(caught.value) + Path(caught.value.log).read_text()


def test_folder_made_by_hand_is_adopted_when_it_satisfies_the_lock(quick, checkout, monkeypatch):
    checkout.lock("1.0")
    install("tiny")
    folder = (checkout.envs / "tiny").resolve()
    (checkout.envs / "tiny").unlink()
    folder.rename(checkout.envs / "tiny")
    (checkout.envs / "tiny" / state.STAMP).unlink()
    assert not is_installed("tiny")
    assert missing(["tiny"]) == []
    monkeypatch.setattr(build, "install_lock", lambda *_: pytest.fail("nothing is to be downloaded"))
    install("tiny")
    assert is_installed("tiny")


def test_what_depends_on_the_machine_is_installed_by_name_in_the_build_found_there(quick, checkout):
    checkout.lock("1.0")
    build_of_here = checkout.wheels / "grain-2.0+here-py3-none-any.whl"
    make_wheel(build_of_here, "2.0+here", name="grain")
    text = (checkout.root / "images/tiny/stack.toml").read_text()
    checkout.declare("tiny", text + 'by_machine = ["grain==2.0"]\n')
    install("tiny")
    folder = (checkout.envs / "tiny").resolve()
    assert state.installed_packages(folder)["grain"] == "2.0+here"
    assert is_installed("tiny")
    lock = checkout.root / "images/tiny/requirements-py311.lock"
    assert state.satisfies(folder, lock, ["grain==2.0"])
    assert not state.satisfies(folder, lock, ["grain==2.1"])

    checkout.declare("tiny", text + 'by_machine = ["grain==3.0"]\n')
    assert not is_installed("tiny"), "another version by name is another environment"
    with pytest.raises(InstallError):
        install("tiny")
    assert state.installed_packages((checkout.envs / "tiny").resolve())["grain"] == "2.0+here"


def test_every_interpreter_of_an_environment_imports_what_it_declares(quick, checkout):
    checkout.lock("1.0")
    module = checkout.root / "extensions" / "tidelab"
    module.mkdir()
    (module / "__init__.py").write_text("")
    (module / "hello.py").write_text("import sys\nsys.said_hello = True\n")
    text = (checkout.root / "images/tiny/stack.toml").read_text()
    checkout.declare("tiny", text.replace("[variants", 'startup = ["tidelab.hello"]\n[variants'))
    install("tiny")
    said = [checkout.python(), "-c", "import sys; print(getattr(sys, 'said_hello', False))"]
    assert subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip() == "True"

    checkout.declare("tiny", text)
    install("tiny")
    assert subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_full_disk_is_noticed_before_anything_is_written(checkout, monkeypatch):
    checkout.lock("1.0")
    monkeypatch.setattr(machine, "free_gb", lambda folder: 0.001)
    with pytest.raises(InstallError, match=r"0\.0 GB while it installs, and 0\.0 GB are free") as caught:
        install("tiny")
    assert "TIDELAB_STATE" in caught.value.remedy
    assert not list(checkout.envs.glob(".store/tiny/*"))


def test_no_supported_python_names_the_line_to_run(checkout, monkeypatch):
    checkout.lock("1.0")
    monkeypatch.setattr(machine, "find_python", lambda: None)
    with pytest.raises(InstallError, match=r"apt-get install python3\.11"):
        install("tiny")


def test_python_without_venv_and_pip_names_the_one_line(checkout, monkeypatch):
    checkout.lock("1.0")
    monkeypatch.setattr(machine, "has_module", lambda python, module: False)
    with pytest.raises(InstallError, match=r"sudo apt-get install python3\.1[12]-venv"):
        install("tiny")


def test_unknown_name_lists_the_known_ones(checkout):
    with pytest.raises(UnknownEnvironmentError, match=r"'huge'. Known: tiny"):
        install("huge")


def test_thin_layer_sees_the_environment_it_extends_and_adds_nothing_to_it(quick, checkout):
    checkout.lock("1.0")
    text = (checkout.root / "images/tiny/stack.toml").read_text().replace("tiny", "thin")
    checkout.declare("thin", text.replace("[variants", 'extends = "tiny"\n[variants'))
    for tag in ("py311", "py312"):
        (checkout.root / "images/thin" / f"requirements-{tag}.lock").write_text("# nothing beside it\n")
    install("thin")
    assert version_in(checkout.python("thin")) == "1.0"
    assert not list(checkout.envs.glob("tiny/lib/python*/site-packages/tidelab-base.pth"))


def test_folder_that_cannot_be_made_is_said_in_words(checkout):
    checkout.lock("1.0")
    checkout.envs.parent.mkdir()
    checkout.envs.write_text("a file is in the way")
    with pytest.raises(InstallError, match="File exists"):
        install("tiny")
