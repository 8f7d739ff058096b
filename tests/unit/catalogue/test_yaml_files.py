"""Files that are no declaration at all: each gets a sentence, none harms the reader."""

import os
import time
from pathlib import Path

import pytest
import yaml

from tidelab.catalogue import UseCaseError, _yaml, load_usecase

HEAD = "schema_version: 1\nslug: demo-case\n"
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

FILES = {
    "empty": (b"", ["is empty", "schema_version: 1"]),
    "only a comment": (b"# nothing\n", ["is empty"]),
    "a list": (b"- a\n- b\n", ["one mapping"]),
    "a word": (b"hello", ["one mapping"]),
    "two documents": (HEAD.encode() + b"---\na: 1\n", ["is not valid YAML", "line 3"]),
    "bad indentation": (HEAD.encode() + b"people:\n  - name: A\n role: b\n", ["is not valid YAML", "line 5", "indentation"]),
    "tab": (HEAD.encode() + b"people:\n\t- name: A\n", ["is not valid YAML", "line 4", "never with tabs"]),
    "missing colon space": (HEAD.encode() + b"title:x\nsummary: y\n", ["is not valid YAML", "line"]),
    "unclosed quote": (HEAD.encode() + b'title: "abc\n', ["is not valid YAML"]),
    "unclosed list": (HEAD.encode() + b"keywords: [a, b\n", ["is not valid YAML"]),
    "key twice": (HEAD.encode() + b"title: a\ntitle: b\n", ["line 4", "`title` is given twice (first on line 3)"]),
    "nested key twice": (b"task: {kind: a, kind: b}\n", ["`task.kind` is given twice"]),
    "Latin-1": ("title: Phytoplancton côtier\n".encode("latin-1"), ["is not UTF-8 text", "line 1", "UTF-8"]),
    "UTF-16": ("slug: x\n".encode("utf-16"), ["is not UTF-8 text"]),
    "binary": (bytes(range(256)) * 10, ["is not UTF-8 text"]),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(100), ["is not UTF-8 text"]),
    "NUL": (b"slug: a\x00b\n", ["is not valid YAML", "not text"]),
    "half a character": (HEAD.encode() + b'title: "\\uD800"\n', ["is not valid", "line 3"]),
    "recursive alias": (b"a: &a\n  b: *a\n", ["anchor or alias (`&a`", "line 1", "Write the value out"]),
    "billion laughs": (LAUGHS.encode(), ["anchor or alias"]),
    "merge key": (b"a: {b: 1}\nc: {<<: x}\n", ["is not a field"]),
    "python object": (b"a: !!python/object/apply:os.system [id]\n", ["uses the tag", "python"]),
    "own tag": (b"a: !secret x\n", ["uses the tag '!secret'"]),
    "list as a key": (b"? [a, b]\n: c\n", ["name is not a word"]),
    "deep nesting": (b"a: " + b"[" * 100_000, ["nested deeper than 30 levels"]),
    "deep blocks": ("".join(f"{' ' * n}a:\n" for n in range(200)).encode(), ["nested deeper than 30 levels"]),
    "long number": (b"schema_version: " + b"9" * 5000 + b"\n", ["`schema_version` is '999"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_declaration_is_refused_in_words(name, folder):
    content, expected = FILES[name]
    (folder / "usecase.yaml").write_bytes(content)
    with pytest.raises(UseCaseError) as caught:
        load_usecase(folder)
    message = str(caught.value)
    assert str(folder / "usecase.yaml") in message
    for part in expected:
        assert part in message


@pytest.mark.parametrize("name", FILES)
def test_without_libyaml_it_is_refused_too(name, folder, monkeypatch):
    monkeypatch.setattr(_yaml, "_LOADER", yaml.SafeLoader)
    (folder / "usecase.yaml").write_bytes(FILES[name][0])
    with pytest.raises(UseCaseError):
        load_usecase(folder)


def test_a_huge_file_is_refused_without_reading_it(folder):
    file = folder / "usecase.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    started = time.perf_counter()
    with pytest.raises(UseCaseError, match="is larger than 512 kB"):
        load_usecase(folder)
    assert time.perf_counter() - started < 1


def test_a_missing_file_and_a_folder_in_its_place(folder):
    (folder / "usecase.yaml").unlink()
    with pytest.raises(UseCaseError, match=r"is not there.*tidelab new"):
        load_usecase(folder)
    (folder / "usecase.yaml").mkdir()
    with pytest.raises(UseCaseError, match="is not a file"):
        load_usecase(folder)


def test_a_pipe_does_not_hang_the_reader(folder):
    (folder / "usecase.yaml").unlink()
    os.mkfifo(folder / "usecase.yaml")
    with pytest.raises(UseCaseError, match="is not a file"):
        load_usecase(folder)


def test_an_unreadable_file(folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UseCaseError, match="cannot be read: Permission denied"):
        load_usecase(folder)


@pytest.mark.parametrize(
    ("written", "read"), [("no", "no"), ("12:30", "12:30"), ("2026-01-31", "2026-01-31"), ("0x1F", "0x1F")]
)
def test_plain_words_stay_words(folder, written, read):
    """YAML 1.1 would read false, 750, a date and 31."""
    file = folder / "usecase.yaml"
    file.write_text(file.read_text().replace("title: Demo case", f"title: {written}"))
    assert load_usecase(folder).title == read


def test_a_byte_order_mark_is_no_problem(folder):
    file = folder / "usecase.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_usecase(folder).slug == "demo-case"
