"""Building with a stand-in for the engine's program: what is asked of it, what is skipped, what failures say."""

import io
import json
import re
import stat
import sys
import tarfile
from pathlib import Path

import pytest

from tidelab.containers import names
from tidelab.containers.bake import bake, write_bake
from tidelab.containers.build import Built, build_all, in_words
from tidelab.containers.content import Item, content_digest, folder_items, write_context
from tidelab.containers.errors import ImageError
from tidelab.containers.failures import explain
from tidelab.containers.plan import Build

ENGINE = """#!/usr/bin/python3 -ES
import json, os, sys
store = os.environ["STORE"]
state = json.load(open(store)) if os.path.exists(store) else {}
arguments = sys.argv[1:]
def value(option):
    return [arguments[n + 1] for n, a in enumerate(arguments) if a == option]
with open(store + ".log", "a") as log:
    log.write(json.dumps(arguments) + "\\n")
if arguments[0] == "version":
    print("99.0")
elif arguments[:2] == ["image", "inspect"]:
    known = {**state.get("old", {}), **{i["id"]: i for i in state.values() if "id" in i}, **state}
    if arguments[2] not in known:
        sys.exit("Error: No such image: " + arguments[2])
    image = known[arguments[2]]
    tags = [name for name, i in state.items() if i.get("id") == image["id"]]
    print(json.dumps([{"Id": image["id"], "RepoTags": tags, "Size": 1, "Config": {"Labels": image["labels"]}, "RootFS": {"Layers": []}}]))
elif arguments[0] == "build":
    sent = sys.stdin.buffer.read()
    print("Step 1/2 : FROM x")
    if b"please fail" in sent:
        print("write /x: no space left on device")
        sys.exit(1)
    tag = value("--tag")[0]
    number = sum(1 for line in open(store + ".log") if '"build"' in line)
    if tag in state:
        state.setdefault("old", {})[state[tag]["id"]] = state[tag]
    state[tag] = {"id": "sha256:" + str(number) + tag, "labels": dict(l.split("=", 1) for l in value("--label"))}
    json.dump(state, open(store, "w"))
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(ENGINE.replace("/usr/bin/python3", sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TIDELAB_STATE", str(tmp_path / "state"))
    return tmp_path / "store.log"


def chain(text: str = "x") -> list[Build]:
    first = Build("p/a:1", "A", "base:1", {}, {names.CONTENT: "a"}, (Item("Dockerfile", text="FROM base"),))
    second = Build("p/b:1", "B", "p/a:1", {}, {names.CONTENT: "b" + text}, (Item("Dockerfile", text=text),))
    return [first, second]


def build(builds: list[Build], **options: object) -> tuple[list[Built], list[str]]:
    said: list[str] = []
    return build_all(builds, said.append, **options), said  # type: ignore[arg-type]


def fresh(done: list[Built]) -> list[bool]:
    return [one.fresh for one in done]


@pytest.mark.parametrize("jobs", [1, 4])
def test_built_once_and_then_up_to_date(engine: Path, jobs: int) -> None:
    assert fresh(build(chain(), jobs=jobs)[0]) == [True, True]
    done, said = build(chain(), jobs=jobs)
    assert fresh(done) == [False, False]
    assert sorted(said) == ["p/a:1: up to date", "p/b:1: up to date"]


def test_only_what_changed_is_built_and_what_lies_on_a_new_parent(engine: Path, tmp_path: Path) -> None:
    build(chain())
    assert fresh(build(chain("other"))[0]) == [False, True]
    store = tmp_path / "store"
    state = json.loads(store.read_text())
    state["p/a:1"]["id"] = "sha256:somebody built it again"
    store.write_text(json.dumps(state))
    assert fresh(build(chain("other"))[0]) == [False, True]


def test_an_image_that_lost_its_name_is_removed_the_uppermost_first(engine: Path) -> None:
    build(chain())
    build(chain(), fresh=True)
    removed = [
        json.loads(line)[2]
        for line in engine.read_text().splitlines()
        if json.loads(line)[:2] == ["image", "rm"]
    ]
    assert [name.split("p/")[1] for name in removed] == ["b:1", "a:1"]


def test_all_again_when_asked(engine: Path) -> None:
    build(chain())
    assert fresh(build(chain(), fresh=True)[0]) == [True, True]
    assert sum("--no-cache" in json.loads(line) for line in engine.read_text().splitlines()) == 2


def test_a_failure_is_a_sentence_and_stops_what_lies_on_it(engine: Path) -> None:
    builds = chain("please fail")
    third = Build("p/c:1", "C", "p/b:1", {}, {names.CONTENT: "c"}, (Item("Dockerfile", text="x"),))
    with pytest.raises(
        ImageError, match=r"Building p/b:1 \(B\) stopped: the disk of the container engine is full"
    ):
        build([*builds, third])
    tried = [json.loads(line) for line in engine.read_text().splitlines()]
    assert not any("p/c:1" in line for line in tried if line[0] == "build")


def test_a_thrown_away_stage_is_removed_even_when_it_failed(engine: Path) -> None:
    staged = (Item("Dockerfile", text="please fail"), Item("host/install.sh", text=""))
    with pytest.raises(ImageError):
        build([Build("p/a:1", "A", "base:1", {}, {names.CONTENT: "a"}, staged)])
    lines = [json.loads(line) for line in engine.read_text().splitlines()]
    made = next(line for line in lines if line[0] == "build")
    number = next(part for part in made if part.startswith("BUILD_ID=")).removeprefix("BUILD_ID=")
    assert ["image", "prune", "--force", "--filter", f"label={names.BUILD}={number}"] in lines


def test_no_program_and_no_engine(engine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "docker"
    program.write_text("#!/bin/sh\necho 'permission denied while trying to connect' >&2; exit 1\n")
    with pytest.raises(ImageError, match="this account may not use it"):
        build(chain())
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    with pytest.raises(ImageError, match="No container engine answers"):
        build(chain())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="no `docker` on PATH"):
        build(chain())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("pull access denied for tidelab/foundation", "neither here nor in a registry"),
        ("dial tcp: lookup registry-1.docker.io: no such host", "image registry cannot be reached"),
        ("E: Failed to fetch http://deb.debian.org/x  503", "Debian packages cannot be fetched"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that the lock names"),
        (
            "./a/w.h5: FAILED\nsha256sum: WARNING: 1 computed checksum did NOT match",
            "published weights are not the file",
        ),
        ("something at https://me:secret@host/x Error", "something at https://\\*\\*\\*@host/x"),
    ],
)
def test_causes(output: str, words: str) -> None:
    what, remedy = explain(output)
    assert re.search(words, what)
    assert remedy


def test_words_of_both_builders() -> None:
    assert in_words("Step 9/14 : RUN sh /tmp/host/install.sh") == "installing packages from the lock"
    assert (
        in_words('#9 [install 4/4] RUN sh /tmp/host/install.sh "lab"') == "installing packages from the lock"
    )
    assert (
        in_words("#9 12.34 lab:  44% fetching pydantic (89 of 123)")
        == "lab:  44% fetching pydantic (89 of 123)"
    )
    assert in_words(" ---> Running in 0123") is None


def test_the_same_content_is_the_same_context(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("1")
    script = tmp_path / "a" / "run"
    script.write_text("#!/bin/sh")
    script.chmod(0o700)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / ".env").write_text("secret")
    items = list(folder_items(tmp_path, "p"))
    assert [item.name for item in items] == ["p/a/run", "p/a/x.py"]

    def written() -> bytes:
        out = io.BytesIO()
        write_context(items, out)
        return out.getvalue()

    first = written()
    script.touch()
    assert written() == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        entries = {entry.name: entry for entry in archive}
    assert {entry.uid for entry in entries.values()} == {0}
    assert stat.S_IMODE(entries["p/a/run"].mode) == 0o755
    assert stat.S_IMODE(entries["p/a/x.py"].mode) == 0o644


def test_digest_sees_names_contents_modes_and_settings(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("1")
    digests = {content_digest([Item("a", file)], {})}
    digests.add(content_digest([Item("b", file)], {}))
    digests.add(content_digest([Item("a", file)], {"x": "1"}))
    file.chmod(0o755)
    digests.add(content_digest([Item("a", file)], {}))
    file.write_text("2")
    digests.add(content_digest([Item("a", file)], {}))
    assert len(digests) == 5
    assert content_digest([Item("a", file), Item("b", text="x")], {}) == content_digest(
        [Item("b", text="x"), Item("a", file)], {}
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    gone = Item("a", tmp_path / "gone")
    with pytest.raises(ImageError, match=r"gone cannot be read"):
        content_digest([gone], {})


def test_bake_builds_the_chain_without_pushing(tmp_path: Path) -> None:
    """The fields are those of Docker's bake file reference (https://docs.docker.com/build/bake/reference/)."""
    made = bake(chain())
    assert made["group"]["default"]["targets"] == ["p_a_1", "p_b_1"]
    for target in made["target"].values():
        assert set(target) <= {"context", "dockerfile", "tags", "args", "labels", "contexts"}
    assert made["target"]["p_b_1"]["contexts"] == {"p/a:1": "target:p_a_1"}
    assert "contexts" not in made["target"]["p_a_1"]
    file = write_bake(chain(), tmp_path / "out", [])
    assert json.loads(file.read_text()) == made
    for target in made["target"].values():
        assert (file.parent / target["context"] / "Dockerfile").is_file()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
