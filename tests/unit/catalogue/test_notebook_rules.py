"""Each rule of the notebook contract, broken by one small change to a notebook that keeps them all."""

import json

import pytest

from tidelab.catalogue import load_usecase
from tidelab.catalogue.notebook_cells import strip_notebook
from tidelab.catalogue.notebook_rules import notebook_problems

PARAMETERS = 'images = "sample"\nthreshold = 0.5\ntop = 5\nnote = ""\nquick = True\nview = "table"'


def code(source, *tags):
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def text(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": source}


def good():
    cells = [
        text("# Analyse"),
        code(PARAMETERS, "parameters"),
        code('analysis = Analysis("demo-case", images=images)\nanalysis.form()'),
        text("What you see."),
        code("analysis.show(views.counts)", "result"),
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "tidelab-analyse"}},
        "cells": cells,
    }


@pytest.fixture
def problems(folder):
    def check(content) -> str:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / "analyse.ipynb").write_bytes(raw)
        return "\n".join(map(str, notebook_problems(load_usecase(folder), "analyse")))

    return check


def test_a_notebook_that_keeps_the_contract(problems):
    assert problems(good()) == ""


BROKEN = {
    "kernel": (lambda n: n["metadata"]["kernelspec"].update(name="python3"), "`kernelspec` is 'python3'; it must be 'tidelab-analyse'"),
    "no kernel": (lambda n: n.update(metadata={}), "`kernelspec` is 'None'"),
    "outputs": (lambda n: n["cells"][4].update(outputs=[{"output_type": "stream"}]), "`cell 5` has outputs"),
    "execution count": (lambda n: n["cells"][4].update(execution_count=3), "`cell 5` has an execution count"),
    "tag": (lambda n: n["cells"][0]["metadata"].update(tags=["hide"]), "`cell 1` has the tag 'hide'"),
    "function": (lambda n: n["cells"].append(code("def f(): pass")), "`cell 6` defines `f`"),
    "async function": (lambda n: n["cells"].append(code("async def f(): pass")), "defines `f`"),
    "nested class": (lambda n: n["cells"].append(code("if True:\n    class A: pass")), "defines `A`"),
    "magic": (lambda n: n["cells"].append(code("%matplotlib inline")), "`cell 6` is not plain Python"),
    "shell": (lambda n: n["cells"].append(code("!pip install x")), "`cell 6` is not plain Python"),
    "no parameters cell": (lambda n: n["cells"].pop(1), "exactly one code cell; 0 cells"),
    "two parameters cells": (lambda n: n["cells"].append(code("x = 1", "parameters")), "exactly one code cell; 2 cells"),
    "text tagged parameters": (lambda n: n["cells"].__setitem__(1, text(PARAMETERS, "parameters")), "exactly one code cell"),
    "missing parameter": (lambda n: n["cells"].__setitem__(1, code("images = 'sample'", "parameters")), "lacks the parameter `threshold`"),
    "other default": (lambda n: n["cells"][1].update(source=PARAMETERS.replace("0.5", "0.6")), "sets `threshold` to 0.6; the default in usecase.yaml is 0.5"),
    "other type": (lambda n: n["cells"][1].update(source=PARAMETERS.replace("top = 5", "top = 5.0")), "sets `top` to 5.0"),
    "truth is not one": (lambda n: n["cells"][1].update(source=PARAMETERS.replace("True", "1")), "sets `quick` to 1; the default in usecase.yaml is True"),
    "undeclared parameter": (lambda n: n["cells"][1].update(source=PARAMETERS + "\nextra = 1"), "sets `extra`, which usecase.yaml does not declare"),
    "computed parameter": (lambda n: n["cells"][1].update(source=PARAMETERS + "\nx = 1 + len('a')"), "line 7 is not `name = value`"),
    "import among parameters": (lambda n: n["cells"][1].update(source="import os\n" + PARAMETERS), "line 1 is not `name = value`"),
    "too long": (lambda n: n["cells"].insert(2, code("\n".join(f"a{i} = {i}" for i in range(40)))), "lines of code, more than 40"),
    "result without a text": (lambda n: n["cells"].pop(3), "`cell 4` shows a result without a text cell before it"),
    "empty text": (lambda n: n["cells"][3].update(source="  \n"), "shows a result without a text cell"),
    "result without a tag": (lambda n: n["cells"][4]["metadata"].update(tags=[]), "without the tag `result`"),
    "print below the form": (lambda n: n["cells"].append(code("print(1)")), "`cell 6` calls `print` below the form"),
    "display below the form": (lambda n: n["cells"].append(code("x = 1\nif x:\n    display(x)")), "calls `display` below the form"),
    "value below the form": (lambda n: n["cells"].append(code("x = 1\nx + 1")), "`cell 6` line 2 shows a value below the form"),
    "call below the form": (lambda n: n["cells"].append(code("analysis.run.results()")), "shows a value below the form"),
    "another use case": (lambda n: n["cells"][2].update(source='a = Analysis("other")\na.form()'), "names the use case 'other'; this one is 'demo-case'"),
    "trains another use case": (lambda n: n["cells"][2].update(source='use_case = "other"'), "names the use case 'other'"),
    "source as a list": (lambda n: n["cells"].append(code(["def f():\n", "    pass"])), "defines `f`"),
    "no cells": (lambda n: n.pop("cells"), "is not a notebook of format 4"),
    "old format": (lambda n: n.update(nbformat=3), "is not a notebook of format 4"),
    "strange cell": (lambda n: n["cells"].append({"cell_type": "video"}), "has a cell 6 that is neither code nor text"),
    "cell is a word": (lambda n: n["cells"].append("hello"), "has a cell 6 that is neither"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named(name, problems):
    change, expected = BROKEN[name]
    notebook = good()
    change(notebook)
    found = problems(notebook)
    assert expected in found
    assert "analyse.ipynb" in found


@pytest.mark.parametrize("junk", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b'"x"', b"null"])
def test_junk_is_no_notebook(junk, problems):
    assert "is not a notebook" in problems(junk)


def test_a_missing_and_a_huge_notebook(problems, folder):
    use_case = load_usecase(folder)
    assert "is not there" in str(notebook_problems(use_case, "analyse")[0])
    with (folder / "analyse.ipynb").open("wb") as stream:
        stream.truncate(6 * 1024 * 1024)
    assert "larger than 5 MB" in str(notebook_problems(use_case, "analyse")[0])


def test_values_above_the_form_and_texts_are_free(problems):
    notebook = good()
    notebook["cells"].insert(1, code("print(1)\n2 + 2"))
    notebook["cells"].append(code("'a closing remark'"))
    assert problems(notebook) == ""


def test_stripping_leaves_the_rest_alone():
    notebook = good()
    notebook["cells"][4] |= {"outputs": [{"output_type": "stream"}], "execution_count": 7}
    assert strip_notebook(notebook) == good()
