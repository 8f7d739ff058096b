"""Reading labelled images: class folders, class lists with split files, and everything that can be wrong with them."""

import shutil

import numpy as np
import pytest

from tidelab.training.datasets import DatasetError, data_digest, read_classes, read_images
from tidelab.training.synthetic import LABELS, encode, make_image


def put(folder, name, seed=0):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(make_image(seed, 50).pixels))


@pytest.fixture
def listed(tmp_path):
    """Return a data set with class list and split files, one class of which has a slash."""
    for k in range(6):
        put(tmp_path, f"Egg+Cyst/{k}.jpg", k)
        put(tmp_path, f"Bubbles/{k}.jpg", 10 + k)
    (tmp_path / "classes.txt").write_text("Egg/Cyst\nBubbles\n")
    (tmp_path / "train.txt").write_text("".join(f"Egg/Cyst/{k}.jpg 0\nBubbles/{k}.jpg 1\n" for k in range(4)))
    (tmp_path / "val.txt").write_text("Egg+Cyst/4.jpg 0\nBubbles/4.jpg 1\n")
    (tmp_path / "test.txt").write_text("Egg/Cyst/5.jpg 0\nBubbles/5.jpg 1\n\n")
    return tmp_path


def test_class_folders_are_read_in_alphabetical_order(images):
    assert images.labels == LABELS
    assert images.counts == dict.fromkeys(LABELS, 20)
    assert [images.labels[k] for k in images.truth] == [name.split("/")[0] for name in images.names]
    assert all(images.sample_ids), "samples come from truth.csv"
    assert not images.rejected


def test_label_order_does_not_depend_on_the_order_of_creation(tmp_path):
    for name in ("b", "a", "c"):
        put(tmp_path, f"{name}/1.jpg", ord(name))
    assert read_images(tmp_path).labels == ("a", "b", "c")


def test_split_files_and_a_slash_in_a_class_name(listed):
    found = read_images(listed)
    assert found.labels == ("Egg+Cyst", "Bubbles"), "the order of the class list, not of the alphabet"
    assert len(found) == 12
    assert dict(zip(found.names, found.given_parts, strict=True))["Egg+Cyst/4.jpg"] == "validation"
    assert found.counts == {"Egg+Cyst": 6, "Bubbles": 6}


def test_real_split_files(shared_data):
    root = shared_data / "flowcam-plankton" / "phyto" / "data"
    found = read_images(root / "demo-images", root / "dataset_files")
    assert found.counts == {
        "Actinoptychus": 11, "Bacillariophyceae": 12, "Ciliophora": 15, "Dinoflagellata": 16, "Noctilucales": 18, "Tripos": 10,
    }  # fmt: skip
    assert set(found.given_parts) == {"train"}
    assert len(found.rejected) == 23
    assert {one.reason for one in found.rejected} == {"listed, but the file is not there"}


def test_unreadable_files_are_left_out_with_a_reason(class_folders, tmp_path):
    shutil.copytree(class_folders, tmp_path / "data")
    bad = tmp_path / "data" / "Tripos"
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "text.png").write_text("no picture")
    (bad / "half.jpg").write_bytes(encode(make_image(1, 1).pixels)[:400])
    (tmp_path / "data" / "Nothing in it").mkdir()
    found = read_images(tmp_path / "data")
    assert len(found) == 120
    reasons = {one.image: one.reason for one in found.rejected}
    assert set(reasons) == {"Tripos/empty.jpg", "Tripos/text.png", "Tripos/half.jpg", "Nothing in it"}
    assert all(len(reason) > 10 for reason in reasons.values())


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("train.txt", "Bubbles/1.jpg\n", r"train\.txt, line 1.*Expected `class/file\.jpg index`"),
        ("train.txt", "Bubbles/1.jpg 7\n", r"line 1.*index below 2"),
        ("train.txt", "Bubbles/1.jpg 0\n", r"lies in 'Bubbles', but index 0 is 'Egg\+Cyst'"),
        ("train.txt", "../secret.jpg 0\n", "index 0 is|leads out"),
        ("train.txt", "Bubbles/../../x.jpg 1\n", "leads out|index 1"),
        ("classes.txt", "Bubbles\nBubbles\n", "names Bubbles twice"),
        ("classes.txt", "One\n", r"names 1 class\(es\)"),
        ("classes.txt", "", r"names 0 class\(es\)"),
    ],
)
def test_contradictions_are_named_with_file_and_line(listed, file, content, words):
    (listed / file).write_text(content)
    with pytest.raises(DatasetError, match=words):
        read_images(listed)


def test_an_image_in_two_split_files_is_kept_once_and_named(listed):
    with (listed / "test.txt").open("a") as stream:
        stream.write("Bubbles/0.jpg 1\n")
    found = read_images(listed)
    assert len(found) == 12
    assert [(one.image, "train.txt and test.txt" in one.reason) for one in found.rejected] == [
        ("Bubbles/0.jpg", True)
    ]


def test_a_link_out_of_the_folder_is_not_followed(class_folders, tmp_path):
    shutil.copytree(class_folders, tmp_path / "data")
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(encode(make_image(1, 1).pixels))
    (tmp_path / "data" / "Tripos" / "link.jpg").symlink_to(outside)
    found = read_images(tmp_path / "data")
    assert [one.image for one in found.rejected] == ["Tripos/link.jpg"]


def test_too_little_is_said(tmp_path):
    with pytest.raises(DatasetError, match="is not a folder"):
        read_images(tmp_path / "nowhere")
    put(tmp_path, "Only/1.jpg")
    with pytest.raises(DatasetError, match="at least 2"):
        read_images(tmp_path)


def test_sample_table_without_its_columns(class_folders, tmp_path):
    shutil.copytree(class_folders, tmp_path / "data")
    (tmp_path / "data" / "samples.csv").write_text("file,station\n")
    with pytest.raises(DatasetError, match=r"expected the columns image and sample_id"):
        read_images(tmp_path / "data")


def test_digest_changes_with_content_class_and_part_and_with_nothing_else(images):
    parts = np.array(["train"] * 100 + ["test"] * 20)
    first = data_digest(images, parts)
    assert first == data_digest(images.subset(range(119, -1, -1)), parts[::-1])
    assert first != data_digest(images, parts[::-1])
    assert first != data_digest(images.subset(range(119)), parts[:119])


def test_windows_and_byte_order_marks_in_class_lists(tmp_path):
    (tmp_path / "classes.txt").write_bytes("\ufeffEgg/Cyst\r\nBubbles\r\n\r\n".encode())
    assert read_classes(tmp_path / "classes.txt") == ("Egg+Cyst", "Bubbles")
