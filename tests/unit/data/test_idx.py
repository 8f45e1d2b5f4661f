"""idx files: what is read, and each way in which one can be wrong."""

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.data.idx import load_dataset, parse_idx
from neurocluster.errors import DataError
from tests.support.idx import idx_bytes

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([7, 0, 255], np.uint8)
IMAGE_FILE, LABEL_FILE = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def write(folder, name, data):
    packed = gzip.compress(data, mtime=0) if name.endswith(".gz") else data
    (folder / name).write_bytes(packed)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_gzip_bytes_read_alike(pack):
    found = parse_idx(pack(idx_bytes(IMAGES)), "x")
    assert found.tolist() == IMAGES.tolist()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4).map(tuple), st.data())
def test_every_shape_reads_back(shape, data):
    count = int(np.prod(shape))
    content = data.draw(st.binary(min_size=count, max_size=count))
    array = np.frombuffer(content, np.uint8).reshape(shape)
    found = parse_idx(idx_bytes(array), "x")
    assert found.shape == shape
    assert found.tobytes() == content


@given(st.integers(0, 64))
def test_a_file_cut_anywhere_is_refused(size):
    data = idx_bytes(IMAGES)
    with pytest.raises(DataError, match=r"^x "):
        parse_idx(data[: min(size, len(data) - 1)], "x")


@given(st.binary(max_size=80))
def test_any_bytes_give_an_array_or_a_data_error(data):
    for content in (data, b"\0\0\x08" + data, b"\x1f\x8b\x08" + data):
        with contextlib.suppress(DataError):
            assert isinstance(parse_idx(content, "x"), np.ndarray)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "x is not an idx file"),
        (b"\0\1\x08\1" + bytes(5), "x is not an idx file"),
        (b"\x89PNG" + bytes(20), "x is not an idx file"),
        (b"\0\0\x08\0", "x is not an idx file"),
        (b"\0\0\x08\5" + bytes(20), "x is not an idx file"),
        (idx_bytes(IMAGES, 0x0D), "type 0x0d; only unsigned bytes are read"),
        (idx_bytes(IMAGES)[:9], "x is truncated"),
        (idx_bytes(IMAGES)[:-1], "has 75 bytes, its header asks for 76"),
        (idx_bytes(IMAGES) + b"x", "has 77 bytes, its header asks for 76"),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-9], "damaged or truncated gzip"),
        (b"\x1f\x8b" + bytes(20), "damaged or truncated gzip"),
        (b"\0\0\x08\4" + b"\xff" * 16, "its header asks for"),
    ],
)
def test_what_is_wrong_is_named(data, words):
    with pytest.raises(DataError) as caught:
        parse_idx(data, "x")
    assert words in str(caught.value)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("dot", [False, True])
def test_a_folder_with_images_and_labels(tmp_path, ending, dot):
    names = [IMAGE_FILE, LABEL_FILE]
    if dot:
        names = [name.replace("-idx", ".idx") for name in names]
    for name, array in zip(names, (IMAGES, LABELS), strict=True):
        write(tmp_path, name + ending, idx_bytes(array))
    data = load_dataset(tmp_path)
    assert data.images.shape == (3, 4, 5, 1)
    assert data.images[..., 0].tolist() == IMAGES.tolist()
    assert data.labels.tolist() == [7, 0, 255]
    assert data.labels.dtype == np.int64
    assert (data.name, data.source) == (tmp_path.name, str(tmp_path))
    assert len(data) == 3


def test_the_training_split_is_another_file(tmp_path):
    write(tmp_path, IMAGE_FILE, idx_bytes(IMAGES))
    write(tmp_path, "train-images-idx3-ubyte", idx_bytes(IMAGES[:2]))
    assert len(load_dataset(tmp_path, "train")) == 2
    assert len(load_dataset(tmp_path)) == 3


def test_labels_may_be_missing_and_channels_present(tmp_path):
    write(tmp_path, IMAGE_FILE, idx_bytes(IMAGES.reshape(3, 2, 2, 5)))
    data = load_dataset(tmp_path)
    assert data.labels is None
    assert data.images.shape == (3, 2, 2, 5)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, f"holds no file {IMAGE_FILE} or {IMAGE_FILE}.gz"),
        ({LABEL_FILE: LABELS}, f"holds no file {IMAGE_FILE}"),
        ({IMAGE_FILE: LABELS}, "has 1 axes; images need 3 or 4"),
        ({IMAGE_FILE: IMAGES[0]}, "has 2 axes; images need 3 or 4"),
        ({IMAGE_FILE: IMAGES, LABEL_FILE: LABELS[:2]}, "2 labels for 3 images"),
        ({IMAGE_FILE: IMAGES, LABEL_FILE: IMAGES}, "3 labels for 3 images"),
    ],
)
def test_a_folder_that_cannot_be_read_is_named(tmp_path, files, words):
    for name, array in files.items():
        write(tmp_path, name, idx_bytes(array))
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_folder_and_an_unreadable_file(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"none does not exist"):
        load_dataset(tmp_path / "none")
    write(tmp_path, IMAGE_FILE, idx_bytes(IMAGES))

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(DataError, match=rf"{IMAGE_FILE}: Permission denied"):
        load_dataset(tmp_path)


def test_the_shipped_set_is_the_mnist_test_set():
    data = load_dataset()
    assert data.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(data.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
