"""What the report says of runs that scatter because a seed is drawn anew."""

from neurocluster.report.experiment import read_experiment
from neurocluster.report.figure import saved, styled
from neurocluster.report.orders import distribution, grouped
from neurocluster.report.trials import parts_of_experiments
from tests.support.experiments import ASKED, make_experiment
from tests.support.runs import write_lines

AXES = '[report]\nx = "max_spikes"\nlines = "case"\n'
GRID = {"max_spikes": (8, 512), "case": ("drawn", "chain")}


def scattered(path, *, asked='reseed = ["order_seed"]\n' + AXES):
    folder = make_experiment(path, GRID, asked=asked)
    lines = []
    for spikes in GRID["max_spikes"]:
        for case in GRID["case"]:
            for k in range(4):
                moved = k if case == "drawn" else 0
                lines.append(
                    {"run": k, "status": "done" if k < 3 else "failed", "case": case,
                     "max_spikes": spikes, "workers": 4,
                     "accuracy_by_count": 0.99 + moved / 1000,
                     "spikes_per_neuron": 0.2 + moved / 100 + spikes / 10_000,
                     "decisions_flipped": 10 * moved}
                )  # fmt: skip
    write_lines(folder / "results.csv", lines)
    return read_experiment(folder)


def test_every_run_that_counts_is_drawn_and_none_else(tmp_path):
    e = scattered(tmp_path / "e")
    found = grouped(e, "decisions_flipped")
    assert found[8, "drawn"] == [0, 10, 20]
    assert found[512, "chain"] == [0, 0, 0]
    drawn = distribution(e, "d")
    assert "Accuracy by count: drawn 99.00 % to 99.20 % in 6 runs" in drawn.sentence
    assert "chain 99.00 % in 6 runs" in drawn.sentence
    assert "one process: drawn 0 to 20 in 6 runs, chain 0 in 6 runs" in drawn.sentence
    with styled("d"):
        text = saved(drawn.figure, "svg").decode()
    assert ">512<" in text
    assert drawn.title == "Every run, order_seed drawn anew"


def test_it_is_part_of_reports_of_such_experiments_only(tmp_path):
    (part,) = parts_of_experiments([scattered(tmp_path / "a")])
    assert "distribution" in part.figures
    (other,) = parts_of_experiments([read_experiment(make_experiment(tmp_path / "b"))])
    assert "distribution" not in other.figures
    assert "reseed" not in ASKED


def test_without_values_there_is_no_figure(tmp_path):
    e = scattered(tmp_path / "e")
    write_lines(e.path / "results.csv", [{"run": 1, "status": "failed"}])
    drawn = distribution(read_experiment(e.path), "d")
    assert drawn.figure is None
    assert drawn.sentence.startswith("results.csv has no run with")
