"""What bounds a speed-up, and what is paid for what."""

import csv

from neurocluster.experiment.timers import timers
from neurocluster.report.bounds import bound, of_workers
from neurocluster.report.experiment import read_experiment
from neurocluster.report.figure import saved, styled
from neurocluster.report.frontier import frontier
from neurocluster.report.speedup import speedup
from neurocluster.report.trends import QUANTITIES
from neurocluster.report.trials import parts_of_experiments
from tests.support.experiments import make_experiment
from tests.support.runs import write_lines

RATE, MEDIAN, *_ = QUANTITIES


def workers(*kernels):
    return [
        {"partition": "client", "kernel_ns": 10**12, "frames": 10},
        *({"partition": f"a.{k}", "kernel_ns": ns, "frames": 10}
          for k, ns in enumerate(kernels)),
    ]  # fmt: skip


def test_the_busiest_worker_or_the_cores_bound_the_rate():
    assert of_workers(workers(4_000_000, 1_000_000), 2) == 1e9 / 400_000
    assert of_workers(workers(4_000_000, 3_000_000), 1) == 1e9 / 700_000
    assert of_workers(workers(4_000_000, 3_000_000), None) == 1e9 / 400_000
    assert of_workers(workers(), 2) is None


def test_the_speed_up_shows_the_bound_of_each_cell(tmp_path):
    grid = {"partitions": (1, 4), "clock": ("none", "pipeline")}
    asked = '[report]\nx = "partitions"\nlines = "clock"\n'
    path = make_experiment(tmp_path / "e", grid, asked=asked, cores=8)
    without = speedup(read_experiment(path), "s")
    assert "bound" not in without.sentence
    with (path / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    for k, line in enumerate(lines, 1):
        line["run"] = k
        (path / "runs" / f"{k:03}").mkdir(parents=True)
        count = int(line["partitions"])
        # The second repetition's kernels took twice as long.
        each = 1_000_000 // count * (1 + int(line["repetition"]))
        table = workers(*[each] * count)
        write_lines(path / "runs" / f"{k:03}" / "workers.csv", table)
    write_lines(path / "results.csv", lines)
    e = read_experiment(path)
    cell = {"partitions": 4, "clock": "none"}
    assert bound(e, cell) == (1e9 / 25_000 + 1e9 / 50_000) / 2
    drawn = speedup(e, "s")
    assert "Thinly dotted is the bound of each line" in drawn.sentence
    assert path / "runs" in drawn.data
    with styled("s"):
        assert ">bound<" in saved(drawn.figure, "svg").decode()


def test_a_frontier_names_the_cells_that_nobody_beats(tmp_path):
    grid = {"max_spikes": (8, 64), "clock": ("none", "pipeline")}
    asked = '[report]\nx = "max_spikes"\nlines = "clock"\n'
    path = make_experiment(tmp_path / "e", grid, asked=asked)
    with (path / "cells.csv").open() as file:
        lines = list(csv.DictReader(file))
    for line in lines:  # large packets: faster, and later
        factor = 2 if line["max_spikes"] == "64" else 1
        if line["quantity"] in ("frames_per_second", "latency_ns_p50"):
            line |= {k: float(line[k]) * factor for k in ("median", "low", "high")}
    write_lines(path / "cells.csv", lines)
    drawn = frontier(read_experiment(path), MEDIAN, RATE, "f")
    assert drawn.sentence.startswith(
        "No other cell is better in both than max spikes 8 with clock none (5,000 at "
        "3.20 ms) and max spikes 64 with clock none (10,000 at 6.40 ms)."
    )
    with styled("f"):
        assert ">64<" in saved(drawn.figure, "svg").decode()


def test_timers_are_recorded_and_told(tmp_path):
    found = timers()
    assert found["resolution_ns"] >= 1
    assert found["slack_ns"] is None or found["slack_ns"] >= 1
    e = read_experiment(make_experiment(tmp_path / "e"))
    e.environment["timers"] = {
        "clocksource": "tsc", "resolution_ns": 1, "slack_ns": 50_000
    }  # fmt: skip
    (part,) = parts_of_experiments([e])
    assert part.section.remarks[1].startswith(
        "Clock source tsc, resolution 1.00 ns, timer slack 50.0 us: delays"
    )
