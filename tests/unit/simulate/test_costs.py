"""Files of costs are read back as they were; mistakes are named with their place."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import ConfigError
from neurocluster.kernels.draw import SHAPES
from neurocluster.kernels.draw import draw as draw_number
from neurocluster.simulate.costs import Cost, Costs, factors_of, mean_of, read_costs
from neurocluster.simulate.records import FACTORS
from neurocluster.simulate.site import jitter_table
from tests.support.simulated import costs_strategy


@given(costs=costs_strategy())
def test_a_file_holds_costs_exactly(costs, tmp_path_factory):
    path = tmp_path_factory.mktemp("costs") / "c.json"
    path.write_text(costs.to_json())
    assert read_costs(path) == costs


@given(samples=st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
def test_factors_have_mean_1_and_ascend(samples):
    table = np.array(factors_of(np.array(samples)))
    assert (table[1:] + table[:-1]).sum() / 2 / FACTORS == pytest.approx(1)
    assert (np.diff(table) >= 0).all()


def change(tmp_path, **values):
    path = tmp_path / "c.json"
    text = json.loads(Costs().to_json()) | values
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema": 7}, "no file of costs of schema 1"),
        ({"recieve": {}}, "unknown key 'recieve'; did you mean 'receive'?"),
        ({"receive": 3}, "receive is no table of terms and factors"),
        ({"receive": {"terms": {"fixed": -1}}}, "receive.terms: each is a number"),
        ({"send": {"terms": {"bite": 1}}}, "send.terms: unknown key 'bite'"),
        ({"send": {"factors": [1, 2]}}, "257 numbers from 0 are wanted"),
        ({"send": {"factors": [2, *[1] * 256]}}, "they must ascend"),
        ({"layers": []}, "layers is no table of costs"),
        ({"beat_ns": 1.5}, "beat_ns is 1.5, not a whole number from 0"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(values, words, tmp_path):
    path = change(tmp_path, **values)
    with pytest.raises(ConfigError) as caught:
        read_costs(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(ConfigError, match=r"No such file.*bench --costs"):
        read_costs(tmp_path / "c.json")


def test_no_json_is_no_file_of_costs(tmp_path):
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(ConfigError, match="is no JSON"):
        read_costs(tmp_path / "c.json")


def test_a_mean_counts_what_is_fixed_once():
    cost = Cost({"fixed": 5.0, "byte": 2.0})
    assert mean_of(cost, {"byte": 10}) == 25
    assert mean_of(cost, {"byte": 10, "fixed": 0}) == 20


@pytest.mark.parametrize("kind", ["normal", "exponential", "heavy"])
def test_jitter_of_wires_has_the_quantiles_of_that_of_impairments(kind):
    state = np.array([7], np.uint64)
    shape = SHAPES[kind]
    drawn = [draw_number(state.ctypes.data, shape, 1.0) for _ in range(20_000)]
    table = np.array(jitter_table(kind))
    for p in (0.1, 0.5, 0.9):
        assert np.quantile(drawn, p) == pytest.approx(table[round(256 * p)], rel=0.05)
