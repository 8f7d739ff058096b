"""Every kind of wrong declaration, with the words that a person reads: file, line, field, value, rule."""

import pytest

from tidelab.catalogue import load_usecase

BAD = {
    # name: (old, new, every one of these stands in the message)
    "unknown field": ("licence:", "colour: red\nlicence:", ["line 9", "`colour` is not a field", "Known: annotation"]),
    "misspelt field": ("summary:", "sumary:", ["`sumary` is not a field", "Did you mean 'summary'?", "`summary` is missing"]),
    "missing field": ("title: Demo case\n", "", ["`title` is missing (Title on the card, the app and the report)"]),
    "unknown nested field": ("memory_gb: 4", "memory: 4", ["line 15", "`resources.flavours.small.memory` is not", "memory_gb"]),
    "text for a number": ("cpu: 1", "cpu: one", ["line 15", "`resources.flavours.small.cpu` is 'one'", "must be a number"]),
    "quoted number": ("cpu: 1", "cpu: '1'", ["`resources.flavours.small.cpu` is '1'", "must be a number"]),
    "number for a text": ("title: Demo case", "title: 5", ["line 3", "`title` is 5", "must be text"]),
    "nothing for a text": ("title: Demo case", "title:", ["`title` is None", "must be text"]),
    "true for a number": ("cpu: 1", "cpu: true", ["`resources.flavours.small.cpu` is True", "must be a number"]),
    "below a limit": ("cpu: 1", "cpu: 0", ["`resources.flavours.small.cpu` is 0", "must be above 0"]),
    "above a limit": ("memory_gb: 4,", "memory_gb: 1e9,", ["memory_gb` is 1000000000.0", "must be at most 4096"]),
    "infinite": ("memory_gb: 4,", "memory_gb: .inf,", ["memory_gb` is '.inf'", "must be a number"]),
    "mapping for a list": ("  - {name: Ada, role: author}", "  name: Ada", ["`people` is a list or mapping", "must be a list"]),
    "text for a mapping": ("citation: {text: Ada (2026).}", "citation: Ada", ["`citation` is 'Ada'", "must be a mapping"]),
    "unknown word": ("role: author", "role: boss", ["`people[0].role` is 'boss'", "'author', 'maintainer', 'contact'"]),
    "empty list": ("people:\n  - {name: Ada, role: author}", "people: []", ["`people`", "must have at least 1 entries"]),
    "one label": ("  - {name: Bubbles, kind: artefact}\n", "", ["`labels`", "has one class; a model that names images needs at least two"]),
    "schema version": ("schema_version: 1", "schema_version: 2", ["line 1", "`schema_version` is 2", "must be 1"]),
    "slug pattern": ("slug: demo-case", "slug: Demo_Case", ["line 2", "`slug` is 'Demo_Case'", "match the pattern ^[a-z]"]),
    "slug too long": ("slug: demo-case", f"slug: {'a' * 31}", ["`slug`", "30 lower-case letters"]),
    "two hyphens in a slug": ("slug: demo-case", "slug: demo--case", ["`slug` is 'demo--case'", "single hyphens"]),
    "slug is not the folder": ("slug: demo-case", "slug: other-case", ["`model.registered_name` is 'demo-case'", "'other-case'"]),
    "same label twice": ("name: Bubbles", "name: tripos", ["`labels[1].name` is 'tripos', which another label has too"]),
    "label with a slash": ("name: Bubbles", "name: Egg/Cyst", ["`labels[1].name` is 'Egg/Cyst'", "pattern", "Egg+Cyst"]),
    "label leads out": ("name: Bubbles", "name: ..", ["`labels[1].name` is '..'"]),
    "AphiaID zero": ("aphia_id: 494057", "aphia_id: 0", ["`labels[0].aphia_id` is 0", "must be above 0"]),
    "AphiaID as text": ("aphia_id: 494057", "aphia_id: urn:lsid:494057", ["`labels[0].aphia_id`", "must be a whole number"]),
    "AphiaID of an artefact": ("kind: artefact", "kind: artefact, aphia_id: 3", ["`labels[1].kind` is artefact for 'Bubbles'"]),
    "checked without AphiaID": ("kind: artefact", "kind: artefact, aphia_checked: 2026-01-31", ["without an aphia_id"]),
    "rank of an artefact": ("kind: artefact", "kind: artefact, rank: Genus", ["`labels[1].kind` is artefact", "which has rank"]),
    "life stage of what does not live": ("kind: artefact", "kind: non-living, life_stage: egg, aphia_id: 3", [
        "`labels[1].kind` is non-living for 'Bubbles'", "aphia_id and life_stage", "only what lives"]),
    "life stage without one": ("kind: artefact", "kind: life-stage", ["is life-stage for 'Bubbles'", "add `life_stage`, e.g. nauplius"]),
    "checked in time to come": ("aphia_id: 494057", "aphia_id: 494057, aphia_checked: 2999-01-31", [
        "`labels[0].aphia_checked` is 2999-01-31 for 'Tripos'", "a day to come"]),
    "one taxon twice": ("kind: artefact", "kind: taxon, aphia_id: 494057", [
        "`labels[1].aphia_id` is 494057 for 'Bubbles', which 'Tripos' has too", "different life stages"]),
    "one stage twice": ("  - {name: Bubbles, kind: artefact}", "  - {name: Egg, kind: life-stage, life_stage: egg, aphia_id: 3}\n"
        "  - {name: Ova, kind: life-stage, life_stage: Egg, aphia_id: 3}", ["`labels[2].aphia_id` is 3 for 'Ova', which 'Egg' has too"]),
    "not a day": ("rank: Genus", "aphia_checked: yesterday", ["`labels[0].aphia_checked` is 'yesterday'", "a day, as 2026-01-31"]),
    "ORCID": ("role: author", "role: author, orcid: 0000-1", ["`people[0].orcid` is '0000-1'", "match the pattern", "ORCID iD"]),
    "default above maximum": ("default: 0.5", "default: 7", [
        "line 30", "`notebooks.analyse.parameters.threshold.default` is 7.0; it must be at most 1.0"]),
    "minimum above maximum": ("minimum: 1, maximum: 10", "minimum: 11, maximum: 10", ["parameters.top.minimum` is 11"]),
    "default not a choice": ("default: table", "default: map", ["parameters.view.default` is 'map'", "one of: table, plot"]),
    "default too long": ('default: ""', "default: far too long a text", ["parameters.note.default`", "at most 10 characters"]),
    "default of another type": ("type: integer, default: 5", "type: integer, default: five", [
        "`notebooks.analyse.parameters.top.default` is 'five'", "must be a whole number"]),
    "unknown parameter type": ("type: boolean", "type: switch", ["`notebooks.analyse.parameters.quick`", "'boolean', 'choice'"]),
    "no parameter type": ("{type: boolean, ", "{", ["`notebooks.analyse.parameters.quick` has no `type`"]),
    "parameter name": ("      quick:", "      Quick!:", ["Quick!` is not a possible name here", "^[a-z]"]),
    "field of another type": ("quick: {type: boolean,", "quick: {type: boolean, minimum: 0,", ["quick.minimum` is not a field"]),
    "unknown default flavour": ("default: small", "default: huge", ["`resources.default` is 'huge'", "small, train"]),
    "stack nobody declares": ("stacks: [analyse]}", "stacks: [torch]}", ["`resources.flavours.small.stacks[0]` is 'torch'"]),
    "notebook in another stack": ("file: retrain.ipynb, title: Retrain, stack: tensorflow", "file: retrain.ipynb, title: R, stack: torch", [
        "`notebooks.retrain.stack` is 'torch'", "one of the use case's stacks: analyse, tensorflow"]),
    "app outside the analyse stack": ("    stack: analyse\n", "    stack: tensorflow\n", ["`notebooks.analyse.stack` is 'tensorflow'"]),
    "no server for a stack": ("stacks: [analyse, tensorflow]}", "stacks: [analyse]}", ["no server with the stack 'tensorflow'"]),
    "no analyse": ("  analyse:\n    file", "  count:\n    file", ["`notebooks` has no `analyse`"]),
    "same file twice": ("file: retrain.ipynb", "file: analyse.ipynb", ["`notebooks.retrain.file`", "another notebook has too"]),
    "app without texts": ("app: {inputs: Images., outputs: A table.}\n", "", ["`app` is missing", "face `app`"]),
    "unknown face": ("faces: [lab]", "faces: [phone]", ["`notebooks.retrain.faces[0]` is 'phone'", "'lab', 'app' or 'report'"]),
    "file leads out": ("file: retrain.ipynb", "file: ../../retrain.ipynb", ["must name something inside the use case's folder"]),
    "absolute file": ("folder: sample", "folder: /etc", ["`sample.folder` is '/etc'", "inside the use case's folder"]),
    "not a notebook": ("file: retrain.ipynb", "file: retrain.py", ["`notebooks.retrain.file` is 'retrain.py'", "ipynb"]),
    "script address": ("citation: {text: Ada (2026).}", "citation: {text: A, url: 'javascript:alert(1)'}", ["`citation.url`", "^https://"]),
    "registered name": ("registered_name: demo-case", "registered_name: other", ["`model.registered_name` is 'other'"]),
    "maintainers": ("maintainers_group: maintainers-demo-case", "maintainers_group: maintainers-all", ["must be 'maintainers-demo-case'"]),
    "predictor": ("task: {kind: image-classification}", "task: {kind: image-classification, predictor: os.system}", ["`task.predictor`"]),
    "published without a digest": ("model: {registered_name: demo-case}", """\
model:
  registered_name: demo-case
  published:
    - {name: xyz, title: X, file: w.h5, framework: keras, licence: MIT, citation: X., preprocessing: {size_px: 100, mean: [0, 0, 0], scale: [1, 1, 1]}}
""", ["`model.published[0]` needs a `url` or a `doi`", "`model.published[0]` needs a `sha256`"]),
    "preprocessing of two channels": ("model: {registered_name: demo-case}", """\
model:
  registered_name: demo-case
  published:
    - {name: xyz, title: X, file: w.h5, doi: 10.1234/x, checksum: from-repository, framework: keras, licence: MIT, citation: X., preprocessing: {size_px: 100, mean: [0, 0], scale: [1, 1, 1]}}
""", ["`model.published[0].preprocessing.mean"]),
    "p value": ("sample: {", "drift: {p_value: 2}\nsample: {", ["`drift.p_value` is 2", "must be below 1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_declaration_is_refused_in_words(name, broken, folder):
    old, new, expected = BAD[name]
    message = broken(old, new)
    assert str(folder / "usecase.yaml") in message
    for part in expected:
        assert part in message
    assert "Error" not in message, "no class name or traceback"
    assert "pydantic" not in message


def test_all_problems_are_said_at_once_in_the_order_of_the_file(broken):
    message = broken("title: Demo case", "title: 5\ncolour: red")
    lines = message.splitlines()
    assert len(lines) == 2
    assert "line 3" in lines[0]
    assert "line 4" in lines[1]


def test_the_folder_must_have_the_name_of_the_slug(folder):
    other = folder.rename(folder.with_name("other"))
    with pytest.raises(
        Exception, match=r"line 2: `slug` is 'demo-case'; it must be the folder's name, 'other'"
    ):
        load_usecase(other)


def test_a_value_is_shortened_and_made_printable(broken):
    message = broken("role: author", f'role: "{"x" * 5000}\\e[31m"')
    assert len(message) < 600
    assert "\x1b" not in message


def test_the_good_declaration_loads(folder):
    use_case = load_usecase(folder)
    assert use_case.folder == folder
    assert use_case.notebook("analyse").path == folder / "analyse.ipynb"
    assert use_case.label_names == ("Tripos", "Bubbles")
    assert use_case.faces("app") == ("analyse",)
    assert use_case.demo_folder is None
    with pytest.raises(Exception, match="frozen"):
        use_case.title = "Other"
