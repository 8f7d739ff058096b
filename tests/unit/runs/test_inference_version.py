"""A cached result stands for code: when that code changes, its version must."""

import pytest

from tests.support import inference_digests as guard
from tidelab.catalogue import load_catalogue
from tidelab.models import predictor_class

KNOWN = guard.accepted()


@pytest.mark.parametrize("spec", sorted(guard.current()))
def test_code_behind_the_cache_has_not_changed_without_a_new_version(spec: str) -> None:
    now = guard.current()[spec]
    assert spec in KNOWN, f"run `python -m tests.support.inference_digests` once for the new predictor {spec}"
    if now["version"] == KNOWN[spec]["version"]:
        assert now["digest"] == KNOWN[spec]["digest"], (
            f"The sources of {spec} changed and its version is still {now['version']}: people would be given cached results of "
            "the old code. Raise INFERENCE_VERSION (SCHEMA for decoding), then run `python -m tests.support.inference_digests`."
        )
    assert now == KNOWN[spec], "run `python -m tests.support.inference_digests` to accept the new version"


def test_each_lies_where_its_code_is() -> None:
    places = guard.files()
    assert {spec.partition(".")[0] for spec in KNOWN} <= set(places)
    assert all(
        file.is_file() == any(spec.startswith(f"{package}.") for spec in KNOWN)
        for package, file in places.items()
    )
    own = {
        file.parents[1].name for package, file in places.items() if package != "tidelab" and file.is_file()
    }
    assert own, "no use case with code of its own is guarded"


def test_comments_docstrings_and_formatting_do_not_count_and_code_does() -> None:
    import ast

    one = guard.meaning(ast.parse('"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1\n'))
    same = guard.meaning(ast.parse("def f( x ):  # why\n\n    return (x+1)\n"))
    other = guard.meaning(ast.parse("def f(x):\n    return x + 2\n"))
    assert one == same != other


def test_every_module_that_a_predictor_computes_with_is_listed() -> None:
    for use_case in load_catalogue().values():
        made = predictor_class(use_case.task.predictor, [str(use_case.source_folder)])
        for module in made.SOURCES:
            missing = guard.imported(module) - set(made.SOURCES)
            assert not missing, (
                f"{use_case.task.predictor}: {module} imports {missing}, which SOURCES does not list"
            )
