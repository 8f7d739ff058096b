"""Whatever happens to a valid file: it is a use case, or an error in words."""

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelab.catalogue import UseCase, UseCaseError, load_usecase

SETTINGS = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def outcome(folder, content: bytes) -> None:
    (folder / "usecase.yaml").write_bytes(content)
    try:
        result = load_usecase(folder)
    except UseCaseError as error:
        result = error
    if isinstance(result, UseCaseError):
        assert result.problems
        assert str(folder / "usecase.yaml") in str(result)
        str(result).encode("utf-8")  # nothing that a terminal or a page cannot show
    else:
        assert isinstance(result, UseCase)


@SETTINGS
@given(st.data())
def test_changed_bytes(folder, declaration, data):
    content = bytearray(declaration.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = min(len(content), start + data.draw(st.integers(0, 12)))
        content[start:stop] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"\t", b"\n", b": ", b"&a ", b"*a", b"- ", b"{", b"!!"])
        )
    outcome(folder, bytes(content))


@SETTINGS
@given(st.data())
def test_changed_values(folder, declaration, data):
    content = yaml.safe_load(declaration)
    current, path = content, []
    while isinstance(current, dict | list) and current and data.draw(st.integers(0, 4)):
        key = data.draw(
            st.sampled_from(sorted(current) if isinstance(current, dict) else range(len(current)))
        )
        path.append((current, key))
        current = current[key]
    if not path:
        return
    parent, key = path[-1]
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            parent[key] = data.draw(VALUES)
        case "remove":
            del parent[key]
        case "add" if isinstance(parent, dict):
            parent[data.draw(st.text(min_size=1, max_size=8))] = data.draw(VALUES)
    outcome(folder, yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass"))
