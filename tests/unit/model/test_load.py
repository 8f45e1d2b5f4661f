"""Network files: what reads back, and each way in which one can be wrong."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import ModelError
from neurocluster.model.load import load_network
from neurocluster.model.save import save_network
from tests.support.builders import small_graph

GRAPH = small_graph(3, kernel=(3, 2), stride=(2, 1), padding=(1, 0))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "n.npz"
    save_network(file, GRAPH)
    return file


def change(path, text=lambda _text: None, **arrays):
    """Rewrite a network file: its architecture, or arrays (None removes one)."""
    with np.load(path) as file:
        kept = dict(file)
    described = json.loads(str(kept["architecture"]))
    text(described)
    kept["architecture"] = np.array(json.dumps(described))
    kept |= {name.replace("__", "."): array for name, array in arrays.items()}
    np.savez(path, **{k: v for k, v in kept.items() if v is not None})


def test_everything_reads_back(path):
    found = load_network(path)
    assert found.name == "n"
    assert found.input == GRAPH.input
    assert found.thresholds is None
    for one, two in zip(found.layers, GRAPH.layers, strict=True):
        assert type(one) is type(two)
        for field in one.__dataclass_fields__:
            assert np.array_equal(getattr(one, field), getattr(two, field)), field


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3) | st.none(),
    st.floats(-9, 9), st.floats(-9, 9),
)  # fmt: skip
def test_numbers_read_back_exactly(tmp_path_factory, thresholds, scale, shift):
    path = tmp_path_factory.getbasetemp() / "numbers.npz"
    graph = type(GRAPH)(
        "g", type(GRAPH.input)(GRAPH.input.shape, scale, shift), GRAPH.layers,
        None if thresholds is None else tuple(thresholds),
    )  # fmt: skip
    save_network(path, graph)
    found = load_network(path)
    assert found.input == graph.input
    assert found.thresholds == graph.thresholds


def test_what_may_be_left_out(path):
    def shorten(text):
        del text["input"]["scale"], text["input"]["shift"]
        del text["layers"][1]["stride"]

    change(path, shorten)
    found = load_network(path)
    assert (found.input.scale, found.input.shift) == (1 / 255, 0)
    assert found.layers[1].stride == found.layers[1].kernel

    def shorten_more(text):
        del text["layers"][0]["padding"], text["layers"][0]["stride"]

    change(path, shorten_more, hidden__weight=np.zeros((5, 2 * 2 * 3), np.float32))
    conv = load_network(path).layers[0]
    assert (conv.padding, conv.stride) == ((0, 0), (1, 1))


def setting(key, value, *, layer=None, part=None):
    """Return a change of one entry of the architecture."""

    def act(text):
        owner = text["layers"][layer] if layer is not None else text
        owner = owner[part] if part else owner
        if value is None:
            del owner[key]
        else:
            owner[key] = value

    return act


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (setting("format", 2), "format 2 is not known; this version reads format 1"),
        (setting("format", None), "format None is not known"),
        (setting("input", 3), "architecture: 'input' must be dict, not 3"),
        (setting("shape", [6, 6], part="input"), "'shape' must be three integers"),
        (setting("shape", [6, 6, 2.0], part="input"), "'shape' must be three integers"),
        (setting("shape", "abc", part="input"), "'shape' must be list, not 'abc'"),
        (setting("scale", "1", part="input"), "'scale' must be a number, not '1'"),
        (setting("shift", True, part="input"), "'shift' must be a number, not True"),
        (setting("layers", {}), "architecture: 'layers' must be list"),
        (setting("layers", [3]), "each layer must be a JSON object, not 3"),
        (setting("layers", []), "needs at least one conv2d or dense layer"),
        (setting("name", None, layer=0), "a layer: 'name' must be str, not None"),
        (setting("type", 4, layer=0), "conv: 'type' must be str, not 4"),
        (setting("type", "rnn", layer=0), "conv: type 'rnn' is not known; use conv2d"),
        (setting("relu", None, layer=0), "conv: 'relu' must be bool, not None"),
        (setting("relu", 1, layer=0), "conv: 'relu' must be bool, not 1"),
        (setting("channels", True, layer=0), "conv: 'channels' must be int, not True"),
        (setting("channels", 3.0, layer=0), "conv: 'channels' must be int, not 3.0"),
        (setting("kernel", None, layer=0), "conv: 'kernel' must be two integers"),
        (setting("kernel", [3], layer=0), "conv: 'kernel' must be two integers"),
        (setting("stride", [1, "1"], layer=0), "'stride' must be two integers"),
        (setting("padding", [1, True], layer=0), "'padding' must be two integers"),
        (setting("units", None, layer=3), "hidden: 'units' must be int, not None"),
        (setting("units", 6, layer=3), "hidden.weight has shape (5, "),
        (setting("thresholds", 0.5), "'thresholds' must be a list of numbers"),
        (setting("thresholds", [True]), "'thresholds' must be a list of numbers"),
        (setting("thresholds", [1, 2]), "2 thresholds given"),
    ],
)
def test_a_wrong_architecture_is_named(path, act, words):
    change(path, act)
    with pytest.raises(ModelError) as caught:
        load_network(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"hidden__bias": None}, "array 'hidden.bias' is missing"),
        ({"conv__weight": np.zeros((3, 2, 3, 2))}, "'conv.weight' is float64, not flo"),
        ({"out__bias": np.zeros(4, np.int32)}, "'out.bias' is int32, not float32"),
        ({"out__bias": np.zeros(5, np.float32)}, "out.bias has shape (5,), not (4,)"),
    ],
)
def test_wrong_arrays_are_named(path, arrays, words):
    change(path, **arrays)
    with pytest.raises(ModelError) as caught:
        load_network(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_architecture_that_is_no_json(path):
    for text, words in (("{", "is no JSON text"), ("[1]", "must be a JSON object")):
        np.savez(path, architecture=np.array(text))
        with pytest.raises(ModelError, match=words):
            load_network(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ModelError, match="key 'architecture' is missing"):
        load_network(path)


def test_files_that_are_no_archives(tmp_path):
    path = tmp_path / "n.npz"
    with pytest.raises(ModelError, match=r"n.npz does not exist"):
        load_network(path)
    for content in (b"", b"PK\3\4", b"text", bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"n.npz is not a network file"):
            load_network(path)
    np.save(tmp_path / "n.npy", np.zeros(3))
    (tmp_path / "n.npy").rename(path)
    with pytest.raises(ModelError, match=r"it is no .npz archive"):
        load_network(path)
    with pytest.raises(ModelError, match=r"cannot be read: Is a directory"):
        load_network(tmp_path)


def test_a_file_cut_anywhere_is_refused(path):
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:size])
        with pytest.raises(ModelError, match=r"n\.npz"):
            load_network(path)


def test_a_file_damaged_anywhere_gives_a_network_or_a_model_error(path):
    data = path.read_bytes()
    for at in range(0, len(data), max(1, len(data) // 200)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with contextlib.suppress(ModelError):
            load_network(path)


def test_pickled_objects_are_never_loaded(path):
    np.savez(path, architecture=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match=r"not a network file"):
        load_network(path)
