"""Predictions vary every cost, and keep the least and the greatest."""

from pathlib import Path

import pytest

from neurocluster.bench.prediction import (
    AS_IT_IS,
    PARAMETERS,
    QUANTITIES,
    lines_of,
    read_file,
    scaled,
)
from neurocluster.errors import ConfigError
from neurocluster.simulate.costs import Cost, Costs

FILE = Path(__file__).parents[3] / "configs/simulation/thousand.toml"


def test_the_file_has_a_thousand_partitions_on_fifty_hosts_near_and_far():
    file = read_file(FILE)
    assert (file.copies * 4, file.site.hosts) == (1000, 50)
    assert {task.wire_us for task in file.tasks} == {50, 5000}
    clocked = [t for t in file.tasks if t.case == "pipeline, central barrier"]
    varied = {(t.parameter, t.factor) for t in clocked}
    assert varied == {AS_IT_IS, *((p, f) for p in PARAMETERS for f in (0.5, 2.0))}
    free = {t.parameter for t in file.tasks if t.case == "pipeline, free barrier"}
    assert free == {"", *PARAMETERS} - {"barrier"}
    assert len({task.key for task in file.tasks}) == len(file.tasks)


def test_every_cost_is_part_of_a_parameter_and_scales_with_it():
    one = Cost({"fixed": 3.0, "byte": 2.0})
    names = [name for group in PARAMETERS.values() for name in group]
    costs = Costs(**{n: {"others": one} if n == "layers" else one for n in names})
    for parameter, group in PARAMETERS.items():
        twice = scaled(costs, parameter, 2.0)
        for name in names:
            found = getattr(twice, name)
            found = found["others"] if name == "layers" else found
            assert found["byte"] == (4.0 if name in group else 2.0), (parameter, name)
    assert scaled(costs, *AS_IT_IS) == costs


def test_a_band_holds_all_runs_and_ratios_are_of_the_same_parameter(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text(
        "frames = 1\ncopies = 1\nhosts = 1\ncores = 1\nwire_us = [50]\n[[case]]\n"
        'name = "free"\n[[case]]\nname = "clock"\nclock = "pipeline"\n'
    )
    file = read_file(path)
    runs = []
    for task in file.tasks:
        rate = 100.0 * task.factor if task.case == "free" else 20.0 * task.factor
        known = dict.fromkeys(QUANTITIES, 1.0) | {"frames_per_second": rate}
        runs.append({
            "case": task.case, "wire_us": task.wire_us, "parameter": task.parameter,
            "factor": task.factor, "busiest": "a", **known,
        })  # fmt: skip
    lines = {(k["case"], k["quantity"]): k for k in lines_of(file, runs)}
    free = lines["free", "frames_per_second"]
    assert (free["predicted"], free["low"], free["high"]) == (100, 50, 200)
    gain = lines["clock", "free / this"]
    # A barrier's price is none of a free run's, which then stays as it is.
    assert (gain["predicted"], gain["low"], gain["high"]) == (5, 2.5, 10)


def test_a_wrong_file_is_refused(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text("frames = 1\n")
    with pytest.raises(ConfigError, match="'copies' is missing or wrong"):
        read_file(path)
