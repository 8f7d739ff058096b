"""The committed JSON schema: it is what the code says, it accepts the real declarations, and it rejects bad ones."""

import copy
import json

import jsonschema
import pytest
import yaml

from tidelab import paths
from tidelab.catalogue import usecase_schema

SCHEMA = paths.checkout() / "docs" / "reference" / "usecase.schema.json"
USECASE = paths.checkout() / "notebooks" / "flowcam-plankton" / "usecase.yaml"


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text())


@pytest.fixture
def declaration():
    return yaml.safe_load(USECASE.read_text())


def test_it_is_what_the_code_says(schema):
    assert schema == usecase_schema(), "docs/reference/usecase.schema.json is stale: run `tidelab docs`"


def test_it_is_a_schema_and_accepts_the_real_declaration(schema, declaration):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(declaration, schema)


def test_every_mapping_refuses_unknown_fields(schema):
    for name, part in {"UseCase": schema, **schema["$defs"]}.items():
        if part.get("type") == "object":
            assert part["additionalProperties"] is False, name


def test_every_field_has_a_title_and_a_description(schema):
    for name, part in {"UseCase": schema, **schema["$defs"]}.items():
        for field, node in part.get("properties", {}).items():
            target = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
            assert node.get("title") or target.get("title"), f"{name}.{field}"
            assert node.get("description") or target.get("description"), f"{name}.{field}"


REJECTED = {
    # name: (path to the mapping, field, value or REMOVE, a part of the validator's message)
    "unknown field": ([], "colour", "red", "'colour' was unexpected"),
    "unknown nested field": (["app"], "colour", "red", "'colour' was unexpected"),
    "missing field": ([], "title", None, "'title' is a required property"),
    "missing nested field": (["citation"], "text", None, "'text' is a required property"),
    "number for a text": ([], "title", 5, "5 is not of type 'string'"),
    "text for a number": (["resources", "flavours", "small"], "cpu", "one", "'one' is not of type 'number'"),
    "slug": ([], "slug", "Flow Cam", "does not match"),
    "schema version": ([], "schema_version", 2, "1 was expected"),
    "no people": ([], "people", [], "should be non-empty"),
    "kind of label": (["labels", 0], "kind", "animal", "'animal' is not one of"),
    "AphiaID": (["labels", 0], "aphia_id", 0, "0 is less than or equal to the minimum of 0"),
    "p value": (["drift"], "p_value", 2, "2 is greater than or equal to the maximum of 1"),
    "face": (["notebooks", "drift"], "faces", ["phone"], "'phone' is not one of"),
    "upload": (["app", "limits"], "upload_mb", 0, "0 is less than the minimum of 1"),
    "parameter type": (["notebooks", "analyse", "parameters", "threshold"], "type", "switch", "not valid under any"),
    "parameter field": (["notebooks", "analyse", "parameters", "threshold"], "choices", ["a"], "not valid under any"),
    "address": (["citation"], "url", "javascript:alert(1)", "does not match"),
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_it_rejects(name, schema, declaration):
    path, field, value, message = REJECTED[name]
    bad = copy.deepcopy(declaration)
    part = bad
    for key in path:
        part = part[key]
    if value is None:
        del part[field]
    else:
        part[field] = value
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate(bad, schema)
    assert message in caught.value.message
