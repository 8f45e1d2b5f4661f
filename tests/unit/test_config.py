"""Settings: read, refused with a remedy, written so that they read back."""

import dataclasses
import inspect
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.cli import streams
from neurocluster.config import RunConfig, load_config
from neurocluster.errors import ConfigError
from neurocluster.together import check_used

ROOT = Path(__file__).parents[2]
KEYS = [field.name for field in dataclasses.fields(RunConfig)]
texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
)
words = texts.filter(lambda text: "/" not in text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.toml")), ids=str)
def test_shipped_configs_load_and_are_complete(path):
    config = load_config(path)
    assert config.name == path.stem
    missing = [key for key in KEYS if key not in path.read_text()]
    if path.stem == "reference":
        assert not missing


def test_the_reference_config_is_the_default():
    found = load_config(ROOT / "configs" / "reference.toml")
    assert found == RunConfig(name="reference")


def test_every_setting_is_an_option_of_run():
    options = inspect.signature(streams.run).parameters
    assert set(KEYS) <= set(options)


@given(
    st.builds(
        dict, network=st.none() | texts, out=st.none() | texts, name=words,
        frames=st.none() | st.integers(1, 10**6), start=st.integers(0, 10**6),
        threshold=st.lists(st.floats(1e-9, 1e9), max_size=4),
        offset=st.floats(-1000, 1000), deadline_s=st.floats(0.1, 86400),
        quantizer=st.sampled_from(["hysteresis", "floor", "round"]),
        fire=st.sampled_from(["once", "settle"]), compare=st.booleans(),
        memory=st.none() | st.integers(1, 1 << 50),
        split=st.dictionaries(texts, texts, max_size=3),
        place=st.dictionaries(texts, texts, max_size=3),
    )
)  # fmt: skip
def test_what_is_written_reads_back(settings):
    config = RunConfig().replace(**settings)
    assert RunConfig().replace(**tomllib.loads(config.to_toml())) == config


def test_a_path_that_is_no_utf8_can_be_written():
    assert "\udcff" in RunConfig().replace(network="\udcff.npz").to_toml()


def test_command_line_forms():
    config = RunConfig().replace(threshold="0.7,1", split="conv1=rows:4, fc1=neurons:2")
    assert config.threshold == (0.7, 1.0)
    assert config.split == {"conv1": "rows:4", "fc1": "neurons:2"}
    assert RunConfig().replace(place="conv1=n1").place == {"conv1": "n1"}
    assert RunConfig().replace(threshold=2).threshold == (2.0,)
    assert RunConfig().replace(threshold="").threshold == ()
    assert RunConfig().replace(out=Path("a")).out == "a"
    assert RunConfig().replace(memory="2G").memory == 2 << 30


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"windw": 3}, "unknown key 'windw'; did you mean 'window'?"),
        ({"zzzzzz": 3}, "unknown key 'zzzzzz'; known are barrier, clock, compare"),
        ({"window": True}, "window: True is bool, not int"),
        ({"window": "3"}, "window: '3' is str, not int"),
        ({"window": 2000}, "window: 2000 must be from 1 to 1024"),
        ({"frames": 0}, "frames: 0 must be at least 1"),
        ({"start": -1}, "start: -1 must be at least 0"),
        ({"offset": float("nan")}, "offset: nan must be from -1000 to 1000"),
        ({"threshold": "0.7,,0.5"}, "threshold '0.7,,0.5': write a number"),
        ({"threshold": ["a"]}, "threshold: ['a'] is no number or list of numbers"),
        ({"threshold": True}, "threshold: True is no number"),
        ({"quantizer": "ceil"}, "quantizer: 'ceil' is none of hysteresis, floor"),
        ({"fire": "twice"}, "fire: 'twice' is none of once, settle"),
        ({"split": 3}, "split: 3 is no table"),
        ({"split": "a=rows:2,a=rows:3"}, "layer a is named twice; a layer has one cut"),
        ({"place": "a.0=n1,a.0=n2"}, "partition a.0 is named twice; a partition has"),
        ({"place": {"a": {"0": "n1"}}}, "place: a is {'0': 'n1'}, not text; quote"),
        ({"name": "a/b"}, "name: 'a/b' must be a plain word"),
        ({"memory": "5x"}, "memory: '5x' is no size; write bytes, or a number with K"),
        ({"memory": 0}, "memory: 0 is no size"),
        ({"network": "a\0"}, "network: 'a\\x00' holds a NUL byte"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(ConfigError) as caught:
        RunConfig().replace(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"window =", "is no TOML"),
        (b"\xff", "is no TOML"),
        (b"windw = 3", "unknown key 'windw'; did you mean 'window'?"),
        (b"window = 0", "window: 0 must be from 1"),
    ],
)
def test_errors_name_the_file(content, words, tmp_path):
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read config .*No such file"):
        load_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"order_seed": 1, "clock": "pipeline"}, "order_seed: a clock .pipeline."),
        ({"dilation": 0.5}, "dilation: 0.5 must be from 1"),
        ({"dilation": 2, "tu": 1}, "tu: playback at 1 s a unit keeps real time"),
        ({"tu": 1, "clock": "layer"}, "tu: paced playback has no place under a clock"),
        ({"tu": 0}, "tu: 0.0 must be from 0.001"),
        ({"order_seed": -1}, "order_seed: -1 must be from 0"),
    ],
)
def test_settings_that_exclude_each_other(settings, said):
    with pytest.raises(ConfigError, match=said):
        RunConfig().replace(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"phases": 4, "clock": "pipeline"}, "phases: clock pipeline has none"),
        ({"barrier": "central"}, "barrier: clock none opens no rounds"),
        ({"barrier": "dissemination", "clock": "frame"}, "barrier: clock frame opens"),
    ],
)
def test_what_would_change_nothing_is_refused_where_it_is_given_by_hand(settings, said):
    config = RunConfig().replace(**settings)
    with pytest.raises(ConfigError, match=said):
        check_used(config, settings)
    check_used(config, set(settings) - {"phases", "barrier"})


def test_an_order_is_told_to_the_cluster():
    assert RunConfig().replace(order_seed=3).cluster_options()["order_seed"] == "3"
    assert RunConfig().cluster_options()["order_seed"] == "null"
