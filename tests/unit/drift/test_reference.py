"""The reference survives the journey to disk, and nothing malformed gets in."""

import contextlib
import io
import pickle
import zipfile
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from drift_factory import JPEG, batch, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.npz import endless_texts
from tidelab.domain.prediction import Prediction
from tidelab.drift import Reference, ReferenceFileError
from tidelab.drift.selection import keep


def rewritten(path, **changes):
    """Write a good reference with some arrays replaced; None leaves one out."""
    with np.load(io.BytesIO(reference(20).to_bytes())) as arrays:
        content = {**arrays, **changes}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    return path


def test_what_is_saved_is_loaded(tmp_path):
    made = reference(40)
    file = made.save(tmp_path)
    assert file == tmp_path / "reference.npz"
    for loaded in (Reference.load(tmp_path), Reference.load(file)):
        np.testing.assert_array_equal(loaded.embeddings, made.embeddings)
        np.testing.assert_array_equal(loaded.statistics, made.statistics)
        for name in ("statistic_names", "labels", "sample_ids", "thumbnails"):
            assert getattr(loaded, name) == getattr(made, name)
        assert loaded.label_counts == made.label_counts
    assert [path.name for path in tmp_path.iterdir()] == ["reference.npz"]


def test_names_and_pictures_of_any_kind_survive(tmp_path):
    made = Reference.build(
        np.eye(3),
        [{"é µm": 1.0}] * 3,
        ["Skeletonema", "", "Überklasse <b>"],
        sample_ids=["a/b", "", "日本"],
        thumbnails=[b"", JPEG + b"\0\0", JPEG],
    )
    loaded = Reference.load(made.save(tmp_path / "other.npz"))
    assert loaded.labels == ("Skeletonema", "", "Überklasse <b>")
    assert loaded.sample_ids == ("a/b", "", "日本")
    assert loaded.thumbnails == (b"", JPEG + b"\0\0", JPEG)
    assert loaded.statistic("é µm").tolist() == [1.0] * 3
    with pytest.raises(KeyError):
        loaded.statistic("brightness")


def test_equal_references_are_equal_bytes():
    assert reference(30).to_bytes() == reference(30).to_bytes()
    assert reference(30).to_bytes() != reference(31).to_bytes()


def test_a_large_set_is_drawn_from_with_a_seed_and_counted_whole():
    made = batch(1800)
    kept = Reference.build(*made.arguments)
    again = Reference.build(*made.arguments)
    other = Reference.build(*made.arguments, seed=1)
    assert len(kept) == 1000
    np.testing.assert_array_equal(kept.embeddings, again.embeddings)
    assert not np.array_equal(kept.embeddings, other.embeddings)
    assert sum(kept.label_counts.values()) == 1800
    rows = {tuple(row): label for row, label in zip(made.embeddings.tolist(), made.labels, strict=True)}
    assert [rows[tuple(row)] for row in kept.embeddings.tolist()] == list(kept.labels)


def test_a_file_of_version_1_is_read_without_the_counts_by_sample(tmp_path):
    file = rewritten(
        tmp_path / "reference.npz", schema_version=np.asarray(1), sample_counts=None, count_samples=None
    )
    loaded = Reference.load(file)
    assert loaded.sample_counts == {}
    assert loaded.sample_ids == reference(20).sample_ids


def test_class_counts_are_kept_by_sample(tmp_path):
    labels, samples = ["a", "b", "a", "a", "b"], ["s2", "s1", "s2", "", "s2"]
    made = Reference.build(np.eye(5), [{"x": 1.0}] * 5, labels, samples, maximum=2)
    assert made.sample_counts == {"s1": {"b": 1}, "s2": {"a": 2, "b": 1}}
    assert Reference.load(made.save(tmp_path)).sample_counts == made.sample_counts


def test_whole_samples_stay_in_sight_and_rare_classes_too():
    """3,000 images: one sample of 2,000, twenty of 45, twenty-five of 4, and one class of 12 images somewhere."""
    sizes = [2000] + [45] * 20 + [4] * 25
    samples = [f"s{i}" for i, size in enumerate(sizes) for _ in range(size)]
    labels = ["rare" if i % 250 == 7 else "common" for i in range(3000)]
    kept = keep(labels, samples, 1000, seed=1)
    assert len(kept) == len(set(kept.tolist())) == 1000
    assert sum(labels[i] == "rare" for i in kept) == 12
    counts = Counter(samples[i] for i in kept)
    in_sight = [name for name in counts if counts[name] >= 20]
    assert len(in_sight) >= 15
    assert max(counts.values()) < 700  # the large sample does not crowd out the others
    np.testing.assert_array_equal(kept, keep(labels, samples, 1000, seed=1))
    assert not np.array_equal(kept, keep(labels, samples, 1000, seed=2))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y", "z"])), max_size=80),
    st.integers(2, 60),
)
@settings(max_examples=60, deadline=None)
def test_a_selection_is_always_a_set_of_images_of_the_right_size(rows, maximum):
    kept = keep([row[0] for row in rows], [row[1] for row in rows], maximum, seed=1)
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert len(kept) == min(len(rows), maximum)
    assert all(0 <= i < len(rows) for i in kept.tolist())


def test_from_predictions_takes_the_most_probable_label():
    predictions = [
        Prediction(np.array(p, np.float32), np.array([i, 0], np.float32), {"brightness": 10.0 * i}, JPEG)
        for i, p in enumerate([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    ]
    made = Reference.from_predictions(predictions, ["a", "b"], ["s1", "s1", "s2"])
    assert made.labels == ("b", "a", "a")
    assert made.sample_ids == ("s1", "s1", "s2")
    assert made.statistic("brightness").tolist() == [0.0, 10.0, 20.0]
    with pytest.raises(ReferenceFileError, match="got none"):
        Reference.from_predictions([], ["a", "b"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ["a"]}, "one entry of labels for each embedding: got 1 for 2 images"),
        (
            {"embeddings": [[1.0]], "statistics": [{"x": 1.0}], "labels": ["a"]},
            "at least 2 held-out images, got 1",
        ),
        ({"embeddings": [[1.0], [np.nan]]}, "embeddings of image 1 are not finite"),
        ({"embeddings": [[1.0], [1e300]]}, "embeddings of image 1 are not finite"),
        ({"statistics": [{"x": 1.0}, {"y": 1.0}]}, "statistics of image 0 are not finite"),
        ({"embeddings": [1.0, 2.0]}, r"shape \(images, numbers\)"),
        ({"thumbnails": [JPEG, b"<svg>"]}, "picture of image 1 is not a JPEG"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_build_refuses_what_no_model_gives(changes, words):
    arguments = {
        "embeddings": [[1.0], [2.0]],
        "statistics": [{"x": 1.0}, {"x": 2.0}],
        "labels": ["a", "b"],
        **changes,
    }
    with pytest.raises(ReferenceFileError, match=words):
        Reference.build(**arguments)


def test_statistics_may_be_a_table():
    made = Reference.build(np.eye(2), pd.DataFrame({"brightness": [1, 2]}), ["a", "b"])
    assert made.statistic("brightness").tolist() == [1.0, 2.0]


# -- malformed files: each is refused with a sentence --------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"embeddings": None}, "it has no embeddings"),
        ({"embeddings": np.zeros(20)}, "embeddings holds float64 of shape"),
        ({"embeddings": np.full((20, 16), np.inf)}, "not finite"),
        ({"labels": np.array(["a"] * 19)}, "labels has 19 entries for 20 images"),
        ({"labels": np.arange(20)}, "labels holds int64"),
        ({"labels": np.array([Evil()] * 20, dtype=object)}, "not an archive of plain arrays"),
        ({"statistics": np.zeros((20, 9))}, "Statistics must have the shape"),
        ({"thumbnail_offsets": np.arange(21)[::-1].copy()}, "pictures and their positions"),
        ({"thumbnail_offsets": np.zeros(0, int)}, "pictures and their positions"),
        ({"thumbnail_offsets": np.zeros(21, int)}, "pictures and their positions"),
        ({"counts": np.array([-5, 1, 1])}, "negative"),
        ({"counts": np.array([5])}, "class counts do not fit"),
        ({"schema_version": np.asarray(3)}, "version 3, this Tidelab reads versions 1 to 2"),
        ({"schema_version": np.asarray(0)}, "version 0, this Tidelab reads versions 1 to 2"),
        ({"sample_counts": np.zeros((2, 3), int)}, "counts by sample do not fit"),
        ({"sample_counts": np.full((15, 3), -1)}, "negative"),
        ({"sample_counts": np.zeros(15, int)}, "sample_counts holds int64"),
    ],
)
def test_a_wrong_array_is_named(tmp_path, changes, words):
    file = rewritten(tmp_path / "reference.npz", **changes)
    with pytest.raises(ReferenceFileError, match=words) as caught:
        Reference.load(file)
    assert "reference.npz in" in str(caught.value)
    assert "retraining" in str(caught.value)


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "reference.npz"
    with pytest.raises(ReferenceFileError, match="There is no drift reference"):
        Reference.load(tmp_path)
    for content in (b"", b"hello", pickle.dumps({"a": 1}), JPEG):
        file.write_bytes(content)
        with pytest.raises(ReferenceFileError, match="not an archive of plain arrays"):
            Reference.load(file)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    file = tmp_path / "reference.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("embeddings.npy", "w") as stream,
    ):
        for _ in range(300):
            stream.write(b"\0" * 2**20)
    assert file.stat().st_size < 2**20
    with pytest.raises(ReferenceFileError, match="it would hold 300 MB, more than the 256 MB allowed"):
        Reference.load(file)


def test_entries_of_no_bytes_are_not_counted_out(tmp_path):
    file = reference().save(tmp_path / "reference.npz")
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | {
            "sample_ids.npy": endless_texts()
        }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ReferenceFileError, match="sample_ids holds <U0"):
        Reference.load(file)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_raise_anything_else(tmp_path_factory, data):
    content = bytearray(_GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    file = tmp_path_factory.mktemp("damaged") / "reference.npz"
    file.write_bytes(content)
    with contextlib.suppress(ReferenceFileError):  # the only way to say no
        assert np.isfinite(Reference.load(file).embeddings).all()


_GOOD = reference(20).to_bytes()
