"""Rows hold medians, ratios of rounds and reasons; the table fits a terminal."""

import io

import pytest
from rich.console import Console

from neurocluster.bench import rows as r
from neurocluster.bench.command import chosen, derived, waiting
from neurocluster.bench.report import short, show
from neurocluster.bench.rounds import Step, measure, order
from neurocluster.errors import ClusterError, ConfigError

RATIO = r.Row(
    "k", "kernels", "us", "own", "kernels", 1.15, judged="ratio", yardstick="other",
    program="best", outside=True,
)  # fmt: skip


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    rounds = [
        {"own": 10, "other": 10},
        {"own": 30, "other": 20},
        {"own": 24, "other": 20},
        {"own": 99},
    ]
    found = r.fill(RATIO, rounds, {}, folder=True)
    assert found["value"] == 27
    assert found["yardstick_value"] == 20
    assert found["ratio"] == pytest.approx(1.2)
    assert (found["ratio_min"], found["ratio_max"]) == (1, 1.5)
    assert found["met"] is False
    assert found["difference"] is None
    assert found["reason"] is None


def test_a_row_without_yardstick_says_why():
    found = r.fill(RATIO, [{"own": 10}], {}, folder=False)
    assert found["value"] == 10
    assert found["ratio"] is found["yardstick_value"] is found["met"] is None
    assert found["reason"] == r.NO_FOLDER
    assert r.fill(RATIO, [{"own": 1}], {}, folder=True)["reason"] == r.NOT_PRINTED


def test_a_row_whose_step_failed_says_why():
    found = r.fill(RATIO, [{}], {"kernels": "out of range"}, folder=False)
    assert found["value"] is found["met"] is None
    assert found["reason"] == "out of range"


def test_losses_of_all_rounds_are_summed():
    row = r.table_rows([(0.7,)], 16)[-1]
    found = r.fill(row, [{"lost": 0}, {"lost": 2}, {"lost": 0}], {}, folder=False)
    assert (found["value"], found["met"]) == (2, False)


def test_cpu_of_a_hop_is_beyond_the_kernels():
    samples = {"kernels_0.7_cpu_us": 40, "speed_cpu_us": 110, "speed_hops": 5}
    assert derived(samples | {"link_lost": -1}, "0.7") == {"hop_cpu_us": 14, "lost": 1}


def test_waiting_is_wall_time_without_cpu_time():
    rounds = [{"kernels_1_us": 100, "kernels_1_cpu_us": cpu} for cpu in (50, 99, 70)]
    assert waiting([*rounds, {}], "1") == pytest.approx(0.3)
    assert waiting([{}], "1") is None


def test_a_yardstick_below_zero_gives_no_ratio():
    rounds = [{"own": 10, "other": -4}]
    found = r.fill(RATIO, rounds, {}, folder=True)
    assert found["met"] is found["ratio"] is None
    assert found["reason"] == r.NO_PAIR


def step(name):
    return Step(name, lambda: {name: 1.0})


def test_rounds_turn_groups_and_steps():
    groups = [(step("a"), step("b")), (step("c"),)]
    assert [s.name for s in order(groups, 0)] == ["a", "b", "c"]
    assert [s.name for s in order(groups, 1)] == ["c", "b", "a"]
    assert [s.name for s in order(groups, 2)] == ["a", "b", "c"]


def raising(error):
    def run():
        raise error

    return run


def test_a_failed_step_leaves_the_others():
    console = Console(file=io.StringIO())
    groups = [(Step("bad", raising(ClusterError("lost\nmore"))), step("good"))]
    found = measure(groups, 2, console)
    assert found.rounds == [{"good": 1.0}] * 2
    assert found.failures == {"bad": "lost"}
    assert "round 2/2, step 2/2: bad: failed: lost" in console.file.getvalue()


def test_steps_are_chosen_by_their_words():
    groups = [(step("link"), step("link, tcp")), (step("hop, tcp"),)]
    assert chosen(groups, "") == groups
    slow = [(step("simulation"),)]
    assert chosen([*groups, *slow], "") == groups
    assert chosen([*groups, *slow], "simul") == slow
    left = [[s.name for s in group] for group in chosen(groups, "tcp")]
    assert left == [["link, tcp"], ["hop, tcp"]]
    with pytest.raises(ConfigError, match="there are: link, link, tcp, hop, tcp"):
        chosen(groups, "ssh")


def test_a_broken_yardstick_ends_the_bench():
    groups = [(Step("bad", raising(ConfigError("no hop.py"))),)]
    with pytest.raises(ConfigError):
        measure(groups, 1, Console(file=io.StringIO()))


def test_the_table_fits_a_hundred_columns():
    names = set()
    rows = r.table_rows([(0.7,), (1.0,)], 16)
    for row in rows:
        names |= {row.sample, row.yardstick}
    rounds = [dict.fromkeys(names, 12345.6), dict.fromkeys(names, 9234.5)]
    results = {
        "settings": {"rounds": 2, "frames": 3000, "window": 16, "max_spikes": 512},
        "environment": {"cpu": "some processor", "cores": 2, "load_average": [1.0]},
        "load_average_after": [2.0],
        "waiting": 0.6,
        "workloads": [
            {"thresholds": [0.7], "frames": 10, "accuracy_by_count": 0.5,
             "spikes_per_neuron": 0.2},
        ],
        "rows": {row.key: r.fill(row, rounds, {}, folder=True) for row in rows},
    }  # fmt: skip
    out = Console(file=io.StringIO(), width=100)
    show(out, results)
    lines = out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert not any("…" in line for line in lines)
    assert any("waited 60 % of the time" in line for line in lines)
    assert len(lines) < len(rows) + 25


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.6234, "0.62"),
        (14.62, "14.6"),
        (263.4, "263"),
        (1610.4, "1,610"),
        (16140, "16.1k"),
    ],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert short(value) == text
    assert short(-value, "+")[-len(text) :] == text
