"""The grid is held out and large enough; cells are compared by medians."""

from pathlib import Path

import pytest

from neurocluster.bench.clocked import Price, fit_prices, price_of
from neurocluster.bench.observed import Observed, Ran
from neurocluster.bench.validation import (
    JUDGED,
    QUANTITIES,
    agrees,
    compare,
    read_grid,
)
from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits

GRID = Path(__file__).parents[3] / "configs/simulation/held-out.toml"
SAID = dict.fromkeys(QUANTITIES, 100.0) | {"waiting": 0.5}


def test_the_grid_has_forty_cells_of_more_workers_than_costs_are_fitted_on():
    grid, graph = read_grid(GRID), load_network(None)
    assert len(grid.cells) >= 40
    for cell in grid.cells:
        config = cell.config(RunConfig())
        assert len(make_plan(graph, parse_splits(config.split)).partitions) > 3
    configs = [cell.config(RunConfig()) for cell in grid.cells]
    for name in ("split", "delay_us", "max_spikes", "clock", "window"):
        assert len({str(getattr(config, name)) for config in configs}) > 1, name


def test_a_cell_agrees_if_its_median_run_is_near_in_all_that_is_judged():
    runs = [SAID | {"packets": packets} for packets in (10.0, 95.0, 300.0)]
    lines = compare("a", SAID, runs)
    assert agrees(lines)
    packets = next(line for line in lines if line["quantity"] == "packets")
    assert (packets["measured_low"], packets["measured_high"]) == (10.0, 300.0)
    assert packets["error"] == pytest.approx(100 / 95 - 1)
    for name in JUDGED:
        off = SAID[name] + 0.2 if name == "waiting" else 1.2 * SAID[name]
        assert not agrees(compare("a", SAID | {name: off}, [SAID])), name
    assert agrees(compare("a", SAID | {"work_us": 1.0}, [SAID]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frames = 1", "nothing else"),
        ("frames = 0\nrounds = 1\n[[cells]]\nwindow = [1]", "from 1"),
        ("frames = 1\nrounds = 1\n[[cells]]\nclock = ['x']", "clock"),
        ("frames = 1\nrounds = 1\n[[cells]]\nwindow = [1, 1]", "twice"),
    ],
)
def test_a_wrong_grid_is_refused(text, words, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_grid(path)


def observed(worker, controller, wall, rounds, turns=0.5):
    ran = {
        "client": Ran(0, 0), "controller": Ran(controller, 0), "a.0": Ran(worker, 0),
        "b.0": Ran(worker, 0),
    }  # fmt: skip
    return Observed([], wall, 10, ran, 1.0, rounds, turns)


def test_a_round_costs_what_is_beyond_a_run_without_a_clock():
    free = observed(1_000, 50, 10_000, 0)
    clocked = observed(1_000 + 10 * 3 * 40, 100 + 10 * 3 * 90, 20_000, 3, turns=6.5)
    price = price_of(free, clocked)
    assert price == Price(
        3, pytest.approx(40), pytest.approx(2), pytest.approx(90), 20_000 / 30
    )
    costs = fit_prices([price], wake_ns=5)
    assert costs["clock_hear"]["fixed"] == pytest.approx(15)
    assert costs["clock_tell"]["fixed"] == pytest.approx(15)
    assert costs["barrier_hear"]["fixed"] == pytest.approx(15)
