"""`tidelab stack`: what there is, and the words when there is not."""


def test_list(tidelab):
    lines = tidelab("stack", "list").out.splitlines()
    assert lines[0].split("\t") == ["NAME", "STATE", "DISK", "INSTALL", "FOR"]
    assert [line.split("\t")[0] for line in lines[1:]] == ["analyse", "tensorflow", "torch"]


def test_installing_what_does_not_exist(tidelab):
    said = tidelab("stack", "install", "nope")
    assert said.code == 1
    assert "nope" in said.err
    assert "analyse" in said.err, "it names the ones there are"
