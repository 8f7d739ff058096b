"""A service executes and shows runs of people who may write into their runs' folders whatever they like, whenever they like."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.brightness import PREDICTOR, grey_png, make_use_case
from tidelab.catalogue import UseCase
from tidelab.domain.state import RunState
from tidelab.runs import RunError, RunFolder, get_executor, list_runs, prepare
from tidelab.runs.executor import clean_environment
from tidelab.runs.originals import originals
from tidelab.runs.owner import ON_BEHALF, Owner
from tidelab.runs.processes import identity
from tidelab.runs.progress import write_state
from tidelab.widgets.browse import readable_roots

LANDLOCK = (
    "import pathlib; from tidelab.runs.landlock import confine; print(confine([pathlib.Path('/')], [], []))"
)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """A use case of this place; ada and eve have homes, and this process acts for either."""
    monkeypatch.setenv(ON_BEHALF, "1")
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    use_case = make_use_case(tmp_path / "usecases")
    for user in ("ada", "eve"):
        grey_png(home(tmp_path, user) / "in" / f"{user}.png", 30 if user == "ada" else 200)
        (home(tmp_path, user) / "runs").mkdir()
    return use_case


def home(tmp_path: Path, user: str) -> Path:
    return tmp_path / "data" / "homes" / user


def asked(case: UseCase, tmp_path: Path, images: object = None, person: str = "eve") -> RunFolder:
    """A run as the app prepares it."""
    own = home(tmp_path, person)
    return prepare(
        case,
        images=images or own / "in",
        person=person,
        face="app",
        runs_root=own / "runs",  # type: ignore[arg-type]
    )


def rewrite(run: RunFolder, **change: Any) -> None:
    file = run.path / "request.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


def is_held() -> bool:
    done = subprocess.run([sys.executable, "-c", LANDLOCK], capture_output=True, text=True, check=True)
    return not done.stdout.strip()


def inside(tmp_path: Path, program: str, before: str = "") -> str:
    """Return what a process prints that is held to eve's places, or, where `before` sees to it, is not; `why` says which."""
    text = f"""
import os, subprocess, sys, tempfile
from pathlib import Path
from tidelab.runs import owner
data = Path({str(tmp_path / "data")!r})
{before}
why = owner.hold_to(data / "homes/eve/runs")
assert {bool(before)} or why == "", why
def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
{program}
"""
    own = {"TIDELAB_USECASES": str(tmp_path / "usecases"), "TMPDIR": str(tmp_path)}
    environment = {**clean_environment(), **own}
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def of_another_run(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"run_id": "20260101T000000001Z-00000a"}


def images_of_another(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"images": [str(home(tmp_path, "ada") / "in")]}


def images_behind_a_link(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    (home(tmp_path, "eve") / "mine").symlink_to(home(tmp_path, "ada") / "in")
    return {"images": [str(home(tmp_path, "eve") / "mine")]}


def images_by_dots(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"images": [str(home(tmp_path, "eve") / ".." / "ada" / "in")]}


def a_model_of_another(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"model": {**request["model"], "folder": str(home(tmp_path, "ada")), "source": "own"}}


def a_model_called_the_champion(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"model": {**request["model"], "folder": str(home(tmp_path, "eve") / "in"), "source": "champion"}}


def a_use_case_of_their_own(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    copy = make_use_case(home(tmp_path, "eve"), "brightness-case")
    (copy.source_folder / "brightness.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\n" + PREDICTOR)
    return {"use_case_folder": str(copy.folder)}


def another_policy(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"policy": "shared"}


def another_person(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"person": "ada"}


def a_strange_parameter(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"parameters": {"threshold": "/etc/passwd"}}


def an_interpreter_of_their_own(request: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return {"stack": "../../data/homes/eve"}


CHANGES = [
    of_another_run, images_of_another, images_behind_a_link, images_by_dots, a_model_of_another, a_model_called_the_champion,
    a_use_case_of_their_own, another_policy, another_person, a_strange_parameter, an_interpreter_of_their_own,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_crafted_request_is_refused_and_the_state_says_why(
    case: UseCase, tmp_path: Path, change: Callable[[dict[str, Any], Path], dict[str, Any]]
) -> None:
    run = asked(case, tmp_path)
    rewrite(run, **change(json.loads((run.path / "request.json").read_text()), tmp_path))
    for executor in (get_executor("inline"), get_executor("process")):
        with pytest.raises(RunError, match=r"(?i)again"):
            executor.submit(RunFolder(run.path))
    state = run.state()
    assert state.status == "failed"
    assert state.message.endswith(("again.", "new run."))
    assert "Traceback" not in state.message
    assert not (tmp_path / "owned").exists()
    assert not (run.path / "results.csv").exists()


def a_link(file: Path, tmp_path: Path) -> None:
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")


def a_pipe(file: Path, tmp_path: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_gigabyte(file: Path, tmp_path: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(10**9)


def garbage(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff\x00{[" * 100)


def brackets(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"[" * 10**6)


@pytest.mark.parametrize("harm", [a_link, a_pipe, a_gigabyte, garbage, brackets])
def test_a_request_that_cannot_be_read_is_refused_in_a_sentence(
    case: UseCase, tmp_path: Path, harm: Callable[[Path, Path], None]
) -> None:
    run = asked(case, tmp_path)
    harm(run.path / "request.json", tmp_path)
    again = RunFolder(run.path)
    with pytest.raises(RunError, match=r"request\.json is damaged \(.+\)\. Start the analysis again"):
        get_executor("process").submit(again)
    assert "is damaged" in again.state().message


def test_what_was_prepared_is_executed_whatever_lies_in_the_folder(case: UseCase, tmp_path: Path) -> None:
    run = asked(case, tmp_path)
    owned = a_use_case_of_their_own({}, tmp_path)
    rewrite(run, images=[str(home(tmp_path, "ada") / "in")], stack="../../eve", **owned)
    state = get_executor("process").submit(run).wait(120)
    assert state.status == "done", state.message
    assert run.results()["image"].tolist() == ["eve.png"]
    assert not (tmp_path / "owned").exists()
    assert ("can open files of its owner" if is_held() else "Only paths are checked") in run.log()


@pytest.mark.parametrize("name", ["log.txt", "state.json", "thumbnails.sqlite", "results.csv", "run.lock"])
def test_a_run_writes_through_no_link(case: UseCase, tmp_path: Path, name: str) -> None:
    run = asked(case, tmp_path)
    target = home(tmp_path, "ada") / "in" / "ada.png"
    before = target.read_bytes()
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(target)
    try:
        get_executor("inline").submit(run)
    except (RunError, OSError):
        assert not (run.path / "counts.csv").exists()
    assert target.read_bytes() == before


def test_a_link_put_in_the_way_after_the_check_leads_nowhere(case: UseCase, tmp_path: Path) -> None:
    run = asked(case, tmp_path)
    own = home(tmp_path, "eve")
    run.know(Owner(own).to_execute(run.request, run))
    (own / "in").rename(own / "before")
    (own / "in").symlink_to(home(tmp_path, "ada") / "in")
    from tidelab.runs.execute import execute

    state = execute(run)
    assert state.status == "failed"
    assert "ada.png" not in state.message + run.log()
    assert "ada.png" not in (run.path / "failed_files.csv").read_text()


def test_the_kernel_holds_a_process_to_its_owners_places(case: UseCase, tmp_path: Path) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "data/shared").mkdir()
    (tmp_path / "data/shared/common.txt").write_text("common")
    (tmp_path / "secret.txt").write_text("of the service")
    (home(tmp_path, "eve") / "link.png").symlink_to(home(tmp_path, "ada") / "in" / "ada.png")
    said = inside(tmp_path, """
homes = data / "homes"
print(tried(lambda: (homes / "ada/in/ada.png").read_bytes()))
print(tried(lambda: list((homes / "ada").iterdir())), tried(lambda: list(homes.iterdir())))
print(tried(lambda: (homes / "eve/link.png").read_bytes()))
print(tried(lambda: (homes / "ada/new").write_text("1")), tried(lambda: (data.parent / "secret.txt").read_bytes()))
print(subprocess.run(["cat", homes / "ada/in/ada.png"], capture_output=True).returncode)
print("allowed", tried(lambda: (homes / "eve/in/eve.png").read_bytes()), tried(lambda: (data / "shared/common.txt").read_bytes()))
print(tried(lambda: (homes / "eve/new").write_text("1")), tried(lambda: (homes / "eve/new").rename(homes / "eve/in/new")))
print(tried(lambda: tempfile.TemporaryFile().write(b"1")), tried(lambda: Path(sys.prefix, "x").write_text("1")) != "done")
print(tried(lambda: (data / "shared/new").write_text("1")), subprocess.run(["true"]).returncode)
""")  # fmt: skip
    no = "PermissionError"
    assert said.split() == [
        *(no, no, no, no, no, no, "1"),
        *("allowed", "done", "done", "done", "done", "done", "True", no, "0"),
    ]


BELOW_TEMPORARY = "tempfile.tempdir = str(Path(sys.base_prefix).parent)\n"


def test_a_held_process_goes_on_where_its_python_lies_below_a_folder_left_out(
    case: UseCase, tmp_path: Path
) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    program = """
import wave, lzma
print(repr(why), subprocess.run([sys.executable, "-I", "-c", "import tidelab.paths, ctypes"]).returncode)
print(tried(lambda: (data / "homes/ada/in/ada.png").read_bytes()))
"""
    assert inside(tmp_path, program, BELOW_TEMPORARY).split() == ["''", "0", "PermissionError"]


def test_nothing_is_given_up_where_python_could_not_go_on(case: UseCase, tmp_path: Path) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    before = BELOW_TEMPORARY + "owner._read = lambda data: [Path(sys.prefix), owner.paths.checkout()]"
    program = """
import wave, lzma
print(why, owner.HELD in os.environ, tried(lambda: (data / "homes/ada/in/ada.png").read_bytes()), sep="|")
"""
    why, is_marked, ada = inside(tmp_path, program, before).split("|")
    assert why.startswith("Python itself could not open ")
    assert (is_marked, ada) == ("False", "done")


@pytest.mark.parametrize("harm", ["HOME", "loop", "temporary"])
def test_what_cannot_be_looked_at_is_said_and_ends_nothing(case: UseCase, tmp_path: Path, harm: str) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = {
        "HOME": "def no_home(): raise RuntimeError('no home')\nPath.home = no_home",
        "loop": f"os.environ['TMPDIR'] = ''; owner._homes = lambda home: [Path({str(tmp_path / 'loop')!r})]",
        "temporary": "def none(): raise FileNotFoundError('no temporary folder')\ntempfile.gettempdir = none",
    }[harm]
    said = inside(tmp_path, "print(why)", before)
    words = "a folder that has to be left out cannot be looked at" if harm == "loop" else ""
    assert said.startswith(words)
    assert bool(said) == bool(words)


def test_what_is_kept_of_fonts_lies_with_the_owner(
    case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    said = inside(tmp_path, """
from tidelab.runs.executor import clean_environment
print(*(clean_environment()[name] for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "TMPDIR")))
""")  # fmt: skip
    own = home(tmp_path, "eve") / "runs" / ".tmp"
    assert said.split() == [str(own / "matplotlib"), str(own / "cache"), str(own)]


@pytest.mark.parametrize("written", ["none", "pipe"])
def test_nothing_is_given_up_where_a_rule_cannot_be_made(tmp_path: Path, written: str) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    text = f"""
import os
from pathlib import Path
from tidelab.runs.landlock import confine
writable = {{"none": Path("/none/at/all"), "pipe": Path(f"/proc/self/fd/{{os.pipe()[0]}}")}}[{written!r}]
print(confine([Path("/usr")], [writable]))
print(len(os.listdir({str(tmp_path)!r})))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Landlock cannot let ")
    assert done.stdout.endswith(
        "be written (No such file or directory)\n0\n" if written == "none" else ")\n0\n"
    )


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN, errno.EIO, errno.EACCES])
def test_a_drive_that_is_gone_costs_that_drive_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    dead, alive = tmp_path / "dead", tmp_path / "alive"
    for folder in (dead, alive, home(tmp_path, "eve")):
        folder.mkdir(parents=True)
    looked = Path.is_dir

    def is_dir(path: Path) -> bool:
        if path == dead:
            raise OSError(number, os.strerror(number), str(path))
        return looked(path)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    monkeypatch.setenv("TIDELAB_MOUNTS", f"{dead}{os.pathsep}{alive}")
    owner = Owner(home(tmp_path, "eve"))
    assert [title for title, _ in owner.places] == ["Home", "alive"]
    assert owner.may_read(alive / "x")
    assert [root.title for root in readable_roots(owner.home)] == ["Home", "alive"]


@pytest.mark.parametrize("change", ["bounds", "policy", "moved"])
def test_a_run_that_an_update_overtook_is_told_so_and_not_called_changed(
    case: UseCase, tmp_path: Path, change: str
) -> None:
    run = asked(case, tmp_path)
    file = case.folder / "usecase.yaml"
    declared = yaml.safe_load(file.read_text())
    if change == "bounds":
        declared["notebooks"]["analyse"]["parameters"]["threshold"].update(maximum=0.4, default=0.4)
    elif change == "policy":
        declared["data_policy"] = {"kind": "shared"}
    file.write_text(yaml.safe_dump(declared))
    if change == "moved":
        case.folder.rename(case.folder.with_name("moved"))
    with pytest.raises(
        RunError, match="Tidelab or this use case changed since this run was prepared"
    ) as told:
        Owner(home(tmp_path, "eve")).to_execute(run.request, run)
    assert "The request of this run was changed" not in str(told.value)
    assert str(told.value).endswith("Start the analysis again as a new run.")


def test_earlier_runs_are_shown_while_the_former_releases_folder_is_still_there(
    case: UseCase, tmp_path: Path
) -> None:
    run = asked(case, tmp_path)
    former = make_use_case(tmp_path / "former")
    request = run.request.model_copy(update={"use_case_folder": str(former.folder)})
    owner = Owner(home(tmp_path, "eve"))
    assert owner.to_show(request, run, case).use_case_folder == str(case.folder)
    with pytest.raises(RunError, match="made with another use case, 'other'"):
        owner.to_show(request.model_copy(update={"use_case": "other"}), run, case)


@pytest.mark.parametrize("name", [".cache", ".uploads", ".trash", ".tmp"])
def test_a_run_does_not_begin_where_a_folder_beside_it_is_a_link(
    case: UseCase, tmp_path: Path, name: str
) -> None:
    (home(tmp_path, "eve") / "runs" / name).symlink_to(home(tmp_path, "ada") / "in")
    state = get_executor("process").submit(asked(case, tmp_path)).wait(120)
    assert state.status == "failed"
    assert f"{name} cannot be used" in state.message
    assert [path.name for path in (home(tmp_path, "ada") / "in").iterdir()] == ["ada.png"]


def test_two_drives_of_one_name_are_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drives = [tmp_path / one / "Home" for one in ("a", "b")]
    for folder in (*drives, home(tmp_path, "eve")):
        folder.mkdir(parents=True)
    monkeypatch.setenv("TIDELAB_MOUNTS", os.pathsep.join(map(str, drives)))
    owner = Owner(home(tmp_path, "eve"))
    assert all(owner.may_read(one / "x") for one in (*drives, owner.home))
    assert not owner.may_read(tmp_path / "a")
    assert not owner.may_read("/tmp/\0")


def test_a_held_kernel_starts_runs_that_are_held_too(case: UseCase, tmp_path: Path) -> None:
    if not is_held():
        pytest.skip("this kernel has no Landlock")
    said = inside(tmp_path, """
os.environ["TIDELAB_ON_BEHALF"] = "1"
from tidelab.runs import get_executor, prepare
eve = data / "homes/eve"
run = prepare("brightness-case", images=eve / "in", person="eve", face="app", runs_root=eve / "runs")
state = get_executor("process").submit(run).wait(120)
print(state.status, state.message, run.results()["image"].tolist())
""")  # fmt: skip
    assert said == "done  ['eve.png']"
    (log,) = home(tmp_path, "eve").glob("runs/*/*/log.txt")
    assert "This run can open files of its owner and shared data" in log.read_text()


def test_pictures_of_a_run_are_read_again_only_from_the_owners_places(case: UseCase, tmp_path: Path) -> None:
    run = asked(case, tmp_path, "sample")
    get_executor("inline").submit(run)
    assert [one.problem for one in originals(run)] == ["", "", ""]
    theirs = asked(case, tmp_path, person="ada")
    get_executor("inline").submit(theirs)
    # Eve knows what ada's picture is called, and its digest.
    (run.path / "results.csv").write_bytes((theirs.path / "results.csv").read_bytes())
    rewrite(run, images=[str(home(tmp_path, "ada") / "in")])
    (found,) = originals(RunFolder(run.path))
    assert found.content == b""
    assert "lies outside the folders that may be read for you here" in found.problem
    (read_by_ada,) = originals(RunFolder(theirs.path))
    assert read_by_ada.content


def test_files_of_a_run_that_are_links_are_not_shown(case: UseCase, tmp_path: Path) -> None:
    theirs = asked(case, tmp_path, person="ada")
    get_executor("inline").submit(theirs)
    run = asked(case, tmp_path)
    get_executor("inline").submit(run)
    for name in ("results.csv", "manifest.json", "embeddings.npy", "thumbnails.sqlite", "log.txt"):
        (run.path / name).unlink()
        (run.path / name).symlink_to(theirs.path / name)
    for look in (run.results, run.manifest, run.embeddings, lambda: run.thumbnail("sha256:0")):
        with pytest.raises(RunError):
            look()
    assert run.log() == ""


def test_runs_behind_links_are_not_listed(case: UseCase, tmp_path: Path) -> None:
    asked(case, tmp_path, person="ada")
    runs = home(tmp_path, "eve") / "runs"
    (runs / case.slug).symlink_to(home(tmp_path, "ada") / "runs" / case.slug)
    assert list_runs(case, runs) == []
    (runs / case.slug).unlink()
    runs.rmdir()
    runs.symlink_to(home(tmp_path, "ada") / "runs")
    assert list_runs(case, runs) == []
    with pytest.raises(RunError, match="is a link"):
        get_executor("process").submit(asked(case, tmp_path))


def test_a_model_elsewhere_is_gone_for_whoever_looks_at_a_run(case: UseCase, tmp_path: Path) -> None:
    run = asked(case, tmp_path)
    assert RunFolder(run.path).request.model.folder == str((case.folder / "model" / "demo").resolve())
    bundle = json.loads((run.path / "request.json").read_text())["model"]
    rewrite(run, model={**bundle, "folder": str(home(tmp_path, "ada"))})
    assert not Path(RunFolder(run.path).request.model.folder).exists()


def test_cancelling_ends_no_process_of_another(case: UseCase, tmp_path: Path) -> None:
    run = asked(case, tmp_path)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        named = {"pid": other.pid, "process": identity(other.pid), "own_process": True}
        write_state(run.path, RunState(status="running", **named))  # type: ignore[arg-type]
        run.cancel()
        assert other.poll() is None
        other.communicate(b"\n", timeout=60)
        assert other.returncode == 0, "it ended by itself, not by a signal"
    finally:
        other.kill()
        other.wait()
