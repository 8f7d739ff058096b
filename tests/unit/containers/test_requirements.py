"""A use case's own packages: pinned, with digests, and nothing that a stack holds in another version."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.containers.errors import ImageError
from tidelab.containers.requirements import own_requirements

HASH = "--hash=sha256:" + "0" * 64
CURATED = {"analyse": {"numpy": "2.1.3", "pandas": "3.1.1"}}


def read(tmp_path: Path, text: str, curated: dict[str, dict[str, str]] = CURATED) -> str:
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    return own_requirements(file, curated)


def test_what_a_resolver_writes(tmp_path: Path) -> None:
    text = (
        "# made by uv\n"
        f"Tiny_Package==1.0 \\\n    {HASH} \\\n    --hash=sha256:{'1' * 64}\n    # via -r requirements.in\n"
        f"numpy==2.1.3 {HASH}\n"
        f"another[extra]==2.0.post1 ; python_version < '4' {HASH}\n\n"
    )
    assert read(tmp_path, text) == (
        f"another[extra]==2.0.post1 ; python_version < '4' {HASH}\nTiny_Package==1.0 {HASH} --hash=sha256:{'1' * 64}\n"
    )


def test_one_that_every_stack_holds_is_left_out_and_one_that_some_lack_is_kept(tmp_path: Path) -> None:
    text = f"numpy==2.1.3 {HASH}\n"
    assert read(tmp_path, text) == ""
    assert read(tmp_path, text, {**CURATED, "torch": {}}) == text


def test_another_version_than_the_stack_s(tmp_path: Path) -> None:
    with pytest.raises(
        ImageError, match=r"line 2: numpy==1\.26\.0, but the stack analyse holds numpy 2\.1\.3"
    ):
        read(tmp_path, f"\nNumPy==1.26.0 {HASH}\n")


@pytest.mark.parametrize(
    "line",
    [
        "numpy", "numpy>=2", "tiny==1.0", "tiny==1.0 --hash=sha256:0", "tiny==1.0 --hash=md5:" + "0" * 32, "-e .", "-r other.txt",
        "--index-url https://evil.example", "tiny @ https://evil.example/tiny.whl", "./tiny.whl", f"tiny==1.* {HASH}",
        f"tiny==1.0 --global-option=x {HASH}", f"tiny==1.0 {HASH} --index-url=https://evil.example",
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ImageError, match=r"line 1: .* is not `name==version --hash"):
        read(tmp_path, line + "\n")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read(tmp_path, f"a\nb\npandas==1.0 {HASH}\n")
    assert [f"line {number}" in str(caught.value) for number in (1, 2, 3)] == [True] * 3


def test_binary_and_huge_files(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImageError, match="cannot be read as text"):
        own_requirements(file, CURATED)
    file.write_text("#" * (5 * 2**20))
    with pytest.raises(ImageError, match="no list of packages"):
        own_requirements(file, CURATED)


@settings(max_examples=60)
@given(text=st.text(alphabet="ab=1.0 \\\n#-:;[]hashs256", max_size=120))
def test_anything_is_refused_or_harmless(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        kept = read(tmp_path_factory.mktemp("r"), text)
    except ImageError:
        return
    for line in kept.splitlines():
        assert "==" in line
        assert "--hash=sha256:" in line
        assert not line.startswith("-")
